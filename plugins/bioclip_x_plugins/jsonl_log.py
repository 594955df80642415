"""Writes a training run's log: log.jsonl in its folder, one line a step and one an epoch.

A run resumed from an older checkpoint repeats some steps; of two lines with the same step the later one counts.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bioclip_x import hookimpl

if TYPE_CHECKING:
    from bioclip_x.trainer.events import EpochEnd, StepEnd


@hookimpl
def training_step_ended(event: StepEnd) -> None:
    _append("step", event)


@hookimpl
def epoch_ended(event: EpochEnd) -> None:
    _append("epoch", event)


def _append(kind: str, event: StepEnd | EpochEnd) -> None:
    line: dict[str, Any] = {"event": kind, **asdict(event)}
    folder = line.pop("folder")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.jsonl").open("a", encoding="utf-8") as handle:
        handle.write(json.dumps(line) + "\n")
