"""Curves for TensorBoard, read back by its own reader."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from bioclip_x.errors import TrainingError
from bioclip_x.records import EpochEnd, RunContext, StepEnd, Validated
from bioclip_x_plugins.callbacks.tensorboard import TensorBoard


def read(run: RunContext) -> dict[str, list[tuple[int, float]]]:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(run.folder / "tensorboard")).Reload()
    return {
        name: [(point.step, round(point.value, 6)) for point in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }


def test_curves_of_steps_epochs_and_validations(
    run: RunContext, step: Callable[..., StepEnd], validated: Callable[..., Validated], epoch: EpochEnd
) -> None:
    pytest.importorskip("tensorboard")
    callback = TensorBoard(every=2)
    callback.training_started(run=run)
    for number in range(1, 5):
        run.step = number
        callback.training_step_ended(event=step(number, loss=1 / number), run=run)
    callback.validated(event=validated(4, 0.25), run=run)
    callback.epoch_ended(event=epoch, run=run)
    callback.training_ended(run=run)
    curves = read(run)
    assert curves["train/loss"] == [(2, 0.5), (4, 0.25)]
    assert curves["train/losses/hxe"] == [(2, 0.25), (4, 0.125)]
    assert curves["validation/species_top1"] == [(4, 0.25)] and curves["epoch/mean_loss"] == [(4, 0.75)]


def test_a_resumed_run_replaces_the_steps_that_it_repeats(run: RunContext, step: Callable[..., StepEnd]) -> None:
    pytest.importorskip("tensorboard")
    for first, loss in ((0, 1.0), (2, 0.5)):
        callback = TensorBoard()
        run.step = first
        callback.training_started(run=run)
        for number in range(first + 1, 5):
            callback.training_step_ended(event=step(number, loss=loss), run=run)
        callback.training_ended(run=run)
    assert read(run)["train/loss"] == [(1, 1.0), (2, 1.0), (3, 0.5), (4, 0.5)]


def test_without_the_package(run: RunContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(TrainingError, match=r"not installed .*: pip install 'bioclip-x\[tensorboard\]'"):
        TensorBoard().training_started(run=run)
    TensorBoard().training_ended(run=run)  # the end of a run that failed at its beginning
