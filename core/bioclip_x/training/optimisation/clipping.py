"""Gradient clipping."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.nn.utils import clip_grads_with_norm_, get_total_norm


def clip_gradients(parameters: Iterable[torch.Tensor], largest: float | None) -> torch.Tensor:
    """Scales all gradients by min(1, largest / norm), where the norm is that of all of them together (L2).

    largest: None computes the norm and changes nothing.

    Returns the norm before clipping, a scalar on the gradients' device, without waiting for the device. It is not finite if
    any gradient is not. Sharded gradients (DTensor) count whole.
    """
    by_type: dict[type, list[torch.Tensor]] = {}  # torch does not mix sharded gradients with whole ones
    for parameter in parameters:
        if parameter.grad is not None:
            by_type.setdefault(type(parameter.grad), []).append(parameter)
    if not by_type:
        return torch.zeros(())
    norms = [_make_whole(get_total_norm([one.grad for one in group])) for group in by_type.values()]  # type: ignore[misc]
    total = torch.linalg.vector_norm(torch.stack(norms)) if len(norms) > 1 else norms[0]
    if largest is not None:
        for group in by_type.values():
            clip_grads_with_norm_(group, largest, total)
    return total


def _make_whole(norm: torch.Tensor) -> torch.Tensor:
    whole: torch.Tensor = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
    return whole
