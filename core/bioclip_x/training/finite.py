"""Finds numbers that are not finite in the state of a run, so that none is ever saved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch.nn.utils import get_total_norm

from bioclip_x.errors import TrainingError
from bioclip_x.training.nested import iterate_leaves
from bioclip_x.training.state_files import is_sharded


def check_finite(state: Mapping[str, Any], step: int) -> None:
    """Raises TrainingError, naming the first number of a state that is NaN or infinite.

    state: nested mappings and sequences of tensors and plain values; sharded tensors are checked on every process. It is
    read once, and the CPU waits for a GPU once. step: completed steps, for the message.
    """
    if (name := find_non_finite(state)) is not None:
        raise TrainingError(
            f"{name} is not finite after step {step}: nothing was saved, earlier checkpoints are intact. Resume from them "
            "with a lower learning_rate, a longer warm-up (warmup_steps), grad_clip, or another precision"
        )


def find_non_finite(state: Mapping[str, Any]) -> str | None:
    """Returns the path ("model.visual.proj") of the first NaN or infinity in a state; None if all numbers are finite."""
    numbers = {path: leaf for path, leaf in iterate_leaves(state) if _is_number(leaf)}
    by_kind: dict[tuple[Any, ...], list[torch.Tensor]] = {}
    for value in numbers.values():
        if isinstance(value, torch.Tensor):
            by_kind.setdefault((value.device, value.dtype, is_sharded(value)), []).append(value.detach())
    # The largest absolute value of many tensors takes few kernels, and NaN and infinity survive the maximum.
    norms = [_make_whole(get_total_norm(tensors, math.inf)).double().cpu() for tensors in by_kind.values()]
    scalars = [value for value in numbers.values() if isinstance(value, float)]
    if all(map(math.isfinite, [*scalars, *map(float, norms)])):
        return None
    return next(path for path, value in numbers.items() if not _is_finite(value))


def _is_number(leaf: Any) -> bool:
    return isinstance(leaf, float) or (isinstance(leaf, torch.Tensor) and leaf.is_floating_point() and leaf.numel() > 0)


def _is_finite(value: torch.Tensor | float) -> bool:
    return math.isfinite(value) if isinstance(value, float) else bool(_make_whole(value.isfinite().all()))


def _make_whole(tensor: torch.Tensor) -> torch.Tensor:
    if not is_sharded(tensor):
        return tensor
    whole: torch.Tensor = tensor.full_tensor()  # type: ignore[attr-defined]
    return whole
