"""Follows a training run: `bioclip-x train train.yaml --plugin follow_training.py` writes story.txt into the run's folder."""

from pathlib import Path

from bioclip_x.plugin import EpochEnd, RunContext, StepEnd, Validated, hookimpl


def tell(folder: Path, line: str) -> None:
    with (folder / "story.txt").open("a", encoding="utf-8") as story:
        story.write(f"{line}\n")


@hookimpl
def training_started(run: RunContext) -> None:
    tell(run.folder, "started")


@hookimpl
def training_step_ended(event: StepEnd, run: RunContext) -> None:
    tell(run.folder, f"step {event.step}: loss {event.loss:.3f}")


@hookimpl
def validated(event: Validated, run: RunContext) -> None:
    tell(run.folder, f"validated: {event.metrics}")


@hookimpl
def epoch_ended(event: EpochEnd, run: RunContext) -> bool:
    tell(run.folder, f"epoch {event.epoch}")
    return False  # True ends the run


@hookimpl
def training_ended(run: RunContext) -> None:
    tell(run.folder, "ended")
