"""Checks of callbacks of training runs, which are told of a run that does not train anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pluggy

from bioclip_x.errors import TrainingError
from bioclip_x.hooks import specs
from bioclip_x.records import EpochEnd, RunContext, StepEnd, Validated
from bioclip_x.testing.checks import NotApplicable, Subject
from bioclip_x.testing.examples import make_small_encoder, make_taxonomy
from bioclip_x.training.config import make_config

HOOKS: Final = ("training_started", "training_step_ended", "validated", "epoch_ended", "training_ended")
STEPS: Final = 3
"""Of an epoch."""


def list_marked(callback: object) -> list[str]:
    """Returns the names of the methods that @hookimpl marks."""
    return [name for name in dir(callback) if hasattr(getattr(callback, name, None), f"{specs.GROUP}_impl")]


class Run:
    """A run of one epoch, and its callback, called as the trainer calls it."""

    def __init__(self, callback: object, folder: Path, step: int = 0) -> None:
        manager = pluggy.PluginManager(specs.GROUP)
        manager.add_hookspecs(specs)
        manager.register(callback)
        fields = {"model": "x", "taxonomy": "t.csv", "text": "x", "data": "x:i", "epochs": 2, "batch_size": 4}
        encoder = make_small_encoder()
        self.hook: Any = manager.hook
        self.run = RunContext(
            make_config(fields), folder, make_taxonomy(), encoder, None, step, 2 * STEPS, {}, lambda: None
        )

    def start(self) -> None:
        """Raises NotApplicable if the callback cannot follow a run here."""
        try:
            self.hook.training_started(run=self.run)
        except TrainingError as problem:
            raise NotApplicable(str(problem)) from problem

    def train(self) -> list[bool | None]:
        """Goes through an epoch with a validation. Returns what the callback answers at its end."""
        folder = self.run.folder
        for step in range(self.run.step + 1, self.run.step + STEPS + 1):
            self.run.step = step
            event = StepEnd(step, 1, 0.5, 1e-3, 14.0, 100.0, folder, {"contrastive": 0.5}, 2.0, 0.01, 0.25, 1 << 20)
            self.hook.training_step_ended(event=event, run=self.run)
        metrics = {"species_top1": 0.5}
        validated = Validated(self.run.step, 1, metrics, "species_top1", True, 40, 1.5, folder)
        self.run.metrics.update(metrics)
        self.hook.validated(event=validated, run=self.run)
        answers: list[bool | None] = self.hook.epoch_ended(event=EpochEnd(1, 0.5, folder), run=self.run)
        return answers

    def end(self) -> None:
        self.hook.training_ended(run=self.run)


@contextmanager
def following(subject: Subject) -> Iterator[Run]:
    """A run that the callback follows. Raises NotApplicable if it cannot."""
    callback = subject.make()
    with TemporaryDirectory() as folder:
        run = Run(callback, Path(folder))
        run.start()
        yield run


def check_it_follows_a_run(subject: Subject) -> None:
    """It implements at least one hook of training, marked by @hookimpl, and none that does not exist."""
    marked = list_marked(subject.make())
    unknown = [name for name in marked if not hasattr(specs, name)]
    assert not unknown, f"expected hooks that exist, got {', '.join(unknown)}"
    known = [name for name in marked if name in HOOKS]
    assert known, f"expected a method marked @hookimpl among {', '.join(HOOKS)}, got {', '.join(marked) or 'none'}"


def check_hooks_take_their_arguments(subject: Subject) -> None:
    """Its hooks have the arguments of their specifications (event, run), or some of them."""
    manager = pluggy.PluginManager(specs.GROUP)
    manager.add_hookspecs(specs)
    try:
        manager.register(subject.make())
    except pluggy.PluginValidationError as problem:
        said = " ".join(str(problem).split())
        raise AssertionError(f"expected the arguments event and run: {said[said.find('hookimpl') :]}") from problem


def check_a_run_goes_through(subject: Subject) -> None:
    """It follows a run of an epoch with a validation, to its end."""
    with following(subject) as run:
        run.train()
        run.end()


def check_it_answers_whether_to_stop(subject: Subject) -> None:
    """`epoch_ended` returns True to stop, False or None to go on; other hooks return nothing."""
    with following(subject) as run:
        for answer in run.train():  # pluggy leaves out None
            assert isinstance(answer, bool), f"expected True, False or None of epoch_ended, got {answer!r}"
        run.end()


def check_an_interrupted_run_ends(subject: Subject) -> None:
    """It can be told of the end of a run that had no step, such as one that was interrupted."""
    with following(subject) as run:
        run.end()


def check_runs_do_not_affect_each_other(subject: Subject) -> None:
    """One callback follows a second run, as the first: it begins anew with `training_started`."""
    callback = subject.make()
    answers = []
    for _ in range(2):
        with TemporaryDirectory() as folder:
            run = Run(callback, Path(folder))
            run.start()
            answers.append(run.train())
            run.end()
    assert answers[0] == answers[1], f"expected the same answers in a second run, {answers[0]}, got {answers[1]}"
