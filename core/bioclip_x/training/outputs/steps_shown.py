"""Shows on stderr how far a training run is: a bar in a terminal or a notebook, lines in a log file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bioclip_x.hooks.registry import Registry
from bioclip_x.hooks.specs import hookimpl
from bioclip_x.progress import Progress, find_running, is_notebook
from bioclip_x.records.training import EpochEnd, RunContext, StepEnd, Validated

STAGE: Final = "steps"
EARLY: Final = (1, 10, 100)
"""Steps since the start after which there is a line in a log file, besides one a minute: a fault shows early."""


@contextmanager
def show_steps(registry: Registry, *, show: bool | None) -> Iterator[None]:
    """Shows the steps, epochs and validations of the run in the block.

    show: None shows them in a notebook, and where a `Progress` is shown already.
    """
    running = find_running()
    if show is False or (show is None and running is None and not is_notebook()):
        yield
        return
    if running is None:
        with Progress(), show_steps(registry, show=True):
            yield
        return
    shown = StepsShown(running)
    registry.manager.register(shown)
    try:
        yield
    finally:
        registry.manager.unregister(shown)


class StepsShown:
    """A callback that shows how far its run is."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._first = 0

    @hookimpl
    def training_started(self, run: RunContext) -> None:
        self._first = run.step
        self._progress.begin(STAGE, run.step)

    @hookimpl
    def training_step_ended(self, event: StepEnd, run: RunContext) -> None:
        say = event.step - self._first in EARLY
        self._progress.update(STAGE, event.step, run.total_steps, now=describe_step(event), say=say)

    @hookimpl
    def epoch_ended(self, event: EpochEnd, run: RunContext) -> None:
        self._progress.say(f"epoch {event.epoch} of {run.config.epochs}: mean loss {event.mean_loss:.4g}")

    @hookimpl
    def validated(self, event: Validated, run: RunContext) -> None:
        self._progress.say(describe_validation(event))


def describe_step(event: StepEnd) -> str:
    """Returns epoch, loss, learning rate and speed in a few words."""
    parts = [f"epoch {event.epoch}", f"loss {event.loss:.4g}"]
    parts += [f"{name} {value:.4g}" for name, value in event.losses.items() if len(event.losses) > 1]
    return ", ".join([*parts, f"lr {event.learning_rate:.2g}", f"{event.images_per_second:,.0f} images/s"])


def describe_validation(event: Validated) -> str:
    """Returns the metrics in one line."""
    metrics = ", ".join(f"{name} {value:.3f}" for name, value in event.metrics.items())
    best = f" (best {event.metric} so far)" if event.is_best else ""
    return f"validation after step {event.step:,}: {metrics}{best}"
