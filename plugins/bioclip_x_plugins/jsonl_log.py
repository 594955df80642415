"""Writes a training run's log: log.jsonl in its folder, one line a step, one a validation and one an epoch.

A run resumed from an older checkpoint repeats some steps; of two lines with the same step the later one counts.
"""

from __future__ import annotations

import errno
import json
import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bioclip_x.plugin import TrainingError, hookimpl

if TYPE_CHECKING:
    from bioclip_x.plugin import EpochEnd, RunContext, StepEnd, Validated


@hookimpl
def training_step_ended(event: StepEnd, run: RunContext) -> None:
    _append("step", event)


@hookimpl
def validated(event: Validated, run: RunContext) -> None:
    _append("validation", event)


@hookimpl
def epoch_ended(event: EpochEnd, run: RunContext) -> None:
    _append("epoch", event)


def _append(kind: str, event: StepEnd | Validated | EpochEnd) -> None:
    """Raises TrainingError where the log cannot be written, a full disk say."""
    line: dict[str, Any] = {"event": kind, **asdict(event)}
    folder = line.pop("folder")
    file = folder / "log.jsonl"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _append_line(file, json.dumps(_drop_non_finite(line), allow_nan=False).encode() + b"\n")
    except OSError as problem:
        raise TrainingError(
            f"{file} cannot be written: {problem.strerror or problem}; the checkpoints beside it are untouched, and "
            "--resume goes on from the newest"
        ) from problem


def _drop_non_finite(value: Any) -> Any:
    """Replaces numbers that JSON has not, such as the gradient's norm of a step that fp16 skipped, by null."""
    if isinstance(value, dict):
        return {name: _drop_non_finite(one) for name, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _append_line(file: Path, line: bytes) -> None:
    """Whole or not at all: half a line would spoil the next one."""
    with file.open("ab", buffering=0) as handle:
        end = handle.tell()
        if handle.write(line) < len(line):
            handle.truncate(end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
