"""Writes a training run's log: log.jsonl in its folder, one line a step and one an epoch.

A run resumed from an older checkpoint repeats some steps; of two lines with the same step the later one counts.
"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bioclip_x.plugin import TrainingError, hookimpl

if TYPE_CHECKING:
    from bioclip_x.plugin import EpochEnd, StepEnd


@hookimpl
def training_step_ended(event: StepEnd) -> None:
    _append("step", event)


@hookimpl
def epoch_ended(event: EpochEnd) -> None:
    _append("epoch", event)


def _append(kind: str, event: StepEnd | EpochEnd) -> None:
    """Raises TrainingError where the log cannot be written, a full disk say."""
    line: dict[str, Any] = {"event": kind, **asdict(event)}
    folder = line.pop("folder")
    file = folder / "log.jsonl"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _append_line(file, json.dumps(line).encode() + b"\n")
    except OSError as problem:
        raise TrainingError(
            f"{file} cannot be written: {problem.strerror or problem}; the checkpoints beside it are untouched, and "
            "--resume goes on from the newest"
        ) from problem


def _append_line(file: Path, line: bytes) -> None:
    """Whole or not at all: half a line would spoil the next one."""
    with file.open("ab", buffering=0) as handle:
        end = handle.tell()
        if handle.write(line) < len(line):
            handle.truncate(end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
