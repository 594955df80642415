"""Learning rate over time, and which parameters decay."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from torch import nn


def compute_learning_rate(step: int, *, base: float, warmup: int, total: int) -> float:
    """Linear from 0 over `warmup` steps, then half a cosine down to 0 at `total`. step: done so far, from 0.

    >>> [round(learning_rate(step, base=1.0, warmup=2, total=6), 3) for step in range(6)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146]
    """
    if step < warmup:
        return base * (step + 1) / warmup
    return base * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1)))


def make_parameter_groups(modules: Iterable[nn.Module], weight_decay: float) -> list[dict[str, Any]]:
    """Two groups for AdamW: matrices decay; gains, biases and the temperature do not."""
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
