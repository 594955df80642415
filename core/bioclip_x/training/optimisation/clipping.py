"""Gradient clipping."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch


def clip_gradients(parameters: Iterable[torch.Tensor], largest: float | None) -> torch.Tensor:
    """Scales all gradients by min(1, largest / norm), where the norm is that of all of them together (L2).

    largest: None computes the norm and changes nothing.

    Returns the norm before clipping, a scalar on the gradients' device, without waiting for the device. It is not finite if
    any gradient is not. Sharded gradients (DTensor) count whole.
    """
    norm = torch.nn.utils.clip_grad_norm_(parameters, math.inf if largest is None else largest)
    whole: torch.Tensor = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
    return whole
