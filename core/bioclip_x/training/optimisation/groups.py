"""Parameter groups of the optimiser: weight decay, learning rates by depth, and learning rates of losses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

DepthGroups = Mapping[str, Sequence[Sequence[str]]]
"""Tower → groups of parameter names, from the input to the output."""


@dataclass(frozen=True, slots=True)
class Part:
    """Parameters with one peak learning rate.

    name: of its parameter groups. named: name → parameter. peak: learning rate after warm-up.
    """

    name: str
    named: Mapping[str, nn.Parameter]
    peak: float


def split_by_depth(
    named: Mapping[str, nn.Parameter], depth_groups: DepthGroups, learning_rate: float, layer_decay: float
) -> list[Part]:
    """Splits an encoder's parameters by depth: of a tower with groups 0 … G − 1, group g has the peak learning rate
    learning_rate · layer_decay^(G − 1 − g); parameters in no group (the logit scale) have `learning_rate`.

    Clark et al. 2020 (ELECTRA, arXiv 2003.10555, appendix A.1); the same as timm's `param_groups_layer_decay`.
    """
    parts: list[Part] = []
    grouped: set[str] = set()
    for tower, groups in depth_groups.items():
        for depth, names in enumerate(groups):
            peak = learning_rate * layer_decay ** (len(groups) - 1 - depth)
            parts.append(Part(f"{tower}.{depth}", {name: named[name] for name in names}, peak))
            grouped.update(names)
    rest = {name: parameter for name, parameter in named.items() if name not in grouped}
    return [*parts, Part("other", rest, learning_rate)]


def make_parameter_groups(parts: Iterable[Part], weight_decay: float) -> list[dict[str, Any]]:
    """Makes the optimiser's groups of the parameters that require gradients, at most three for each part: matrices decay,
    while gains and biases, and scalars, do not.

    Each group has a `name`, its `peak` learning rate, and `lr`, the present one. A parameter in several parts counts in the
    first one.
    """
    groups = []
    seen: set[nn.Parameter] = set()
    for part in parts:
        own = [one for one in dict.fromkeys(part.named.values()) if one.requires_grad and one not in seen]
        seen.update(own)
        for suffix, decay, parameters in (
            ("decay", weight_decay, [one for one in own if one.ndim >= 2]),
            ("no decay", 0.0, [one for one in own if one.ndim == 1]),
            ("scalars", 0.0, [one for one in own if one.ndim == 0]),  # apart, since sharding leaves them whole
        ):
            if parameters:
                name = f"{part.name}, {suffix}"
                groups.append(
                    {"params": parameters, "name": name, "weight_decay": decay, "peak": part.peak, "lr": part.peak}
                )
    return groups


def make_optimizer(
    groups: Sequence[dict[str, Any]], betas: tuple[float, float], device: torch.device
) -> torch.optim.AdamW:
    """Makes AdamW (Loshchilov & Hutter 2019), fused into one kernel where torch has it for the device."""
    fused = device.type in ("cpu", "cuda", "xpu")
    return torch.optim.AdamW(list(groups), betas=betas, eps=1e-6, fused=fused)


def set_learning_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Sets each group's learning rate to `factor` times its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor
