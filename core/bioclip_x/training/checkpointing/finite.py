"""Finds numbers that are not finite in the state of a run, so that none is ever saved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch.nn.utils import get_total_norm

from bioclip_x.errors import TrainingError
from bioclip_x.training.checkpointing.nested import iterate_leaves
from bioclip_x.training.checkpointing.state_files import is_sharded


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
    """Returns the path ("model.visual.proj") of the first NaN or infinity in a state; None if all numbers are finite.

    Called by all processes where tensors are sharded, and the same for all.
    """
    numbers = {path: _take_own_part(leaf) for path, leaf in iterate_leaves(state) if _is_number(leaf)}
    by_kind: dict[tuple[torch.device, torch.dtype], list[torch.Tensor]] = {}
    for value in numbers.values():
        if isinstance(value, torch.Tensor) and value.numel():
            by_kind.setdefault((value.device, value.dtype), []).append(value)
    # The largest absolute value of many tensors takes few kernels, and NaN and infinity survive the maximum.
    norms = [get_total_norm(tensors, math.inf).double().cpu() for tensors in by_kind.values()]
    scalars = [value for value in numbers.values() if isinstance(value, float)]
    agree = _agree if any(is_sharded(leaf) for _, leaf in iterate_leaves(state)) else list
    if not any(agree([not all(map(math.isfinite, [*scalars, *map(float, norms)]))])):
        return None
    bad = agree([not _is_finite(value) for value in numbers.values()])
    return next(path for path, is_bad in zip(numbers, bad) if is_bad)


def _is_number(leaf: Any) -> bool:
    return isinstance(leaf, float) or (isinstance(leaf, torch.Tensor) and leaf.is_floating_point())


def _take_own_part(leaf: Any) -> torch.Tensor | float:
    """Returns this process's part of a sharded tensor: a maximum over processes could lose a NaN."""
    if not isinstance(leaf, torch.Tensor):
        return float(leaf)
    return leaf.detach().to_local() if is_sharded(leaf) else leaf.detach()  # type: ignore[attr-defined]


def _is_finite(value: torch.Tensor | float) -> bool:
    return math.isfinite(value) if isinstance(value, float) else bool(value.isfinite().all())


def _agree(flags: list[bool]) -> list[bool]:
    """Returns for each flag whether it is set on any process."""
    common = torch.tensor(flags, dtype=torch.uint8)
    dist.all_reduce(common, dist.ReduceOp.MAX)
    return [bool(flag) for flag in common.tolist()]
