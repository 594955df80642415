"""The learning rate schedule, and the parameter groups for weight decay."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from torch import nn


def compute_learning_rate(step: int, *, base: float, warmup: int, total: int) -> float:
    """Rises linearly over `warmup` steps, then falls as half a cosine to 0 at `total`. step: completed steps, from 0.

    >>> [round(compute_learning_rate(step, base=1.0, warmup=2, total=6), 3) for step in range(6)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146]
    """
    if step < warmup:
        return base * (step + 1) / warmup
    return base * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1)))


def make_parameter_groups(modules: Iterable[tuple[nn.Module, float]], weight_decay: float) -> list[dict[str, Any]]:
    """Makes groups for AdamW: matrices, which decay, and gains, biases and the logit scale, which do not.

    modules: each with the factor on the learning rate of its parameters, which is kept in the group's `lr_scale`.
    """
    groups = []
    for module, factor in modules:
        parameters = [p for p in module.parameters() if p.requires_grad]
        for decays in (True, False):
            own = [p for p in parameters if (p.ndim >= 2) == decays]
            groups.append({"params": own, "weight_decay": weight_decay if decays else 0.0, "lr_scale": factor})
    return [group for group in groups if group["params"]]
