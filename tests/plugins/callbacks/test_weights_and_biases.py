"""Curves for Weights & Biases, with its interface played by a module of ours, and with itself in offline mode."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from bioclip_x.errors import TrainingError
from bioclip_x.records import EpochEnd, RunContext, StepEnd, Validated
from bioclip_x_plugins.callbacks.weights_and_biases import WeightsAndBiases


class Played(types.ModuleType):
    """What of wandb is used."""

    def __init__(self) -> None:
        super().__init__("wandb")
        self.begun: list[dict[str, Any]] = []
        self.logged: list[dict[str, Any]] = []
        self.defined: list[tuple[str, str]] = []
        self.finished = 0

    def init(self, **options: Any) -> Played:
        self.begun.append(options)
        self.id = options["id"] or "abc123"
        return self

    def define_metric(self, name: str, *, step_metric: str) -> None:
        self.defined.append((name, step_metric))

    def log(self, numbers: dict[str, Any]) -> None:
        self.logged.append(numbers)

    def finish(self) -> None:
        self.finished += 1


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Played:
    played = Played()
    monkeypatch.setitem(sys.modules, "wandb", played)
    return played


def test_curves_and_configuration(
    wandb: Played,
    run: RunContext,
    step: Callable[..., StepEnd],
    validated: Callable[..., Validated],
    epoch: EpochEnd,
) -> None:
    callback = WeightsAndBiases("birds", entity="lab", every=2)
    callback.training_started(run=run)
    [begun] = wandb.begun
    assert (begun["project"], begun["entity"], begun["name"], begun["id"], begun["resume"]) == (
        "birds", "lab", "my-run", None, None,
    )  # fmt: skip
    assert begun["config"]["batch_size"] == 4 and begun["dir"] == str(run.folder)
    for number in (1, 2):
        run.step = number
        callback.training_step_ended(event=step(number), run=run)
    callback.validated(event=validated(2, 0.25), run=run)
    callback.epoch_ended(event=epoch, run=run)
    callback.training_ended(run=run)
    assert wandb.defined == [("*", "step")]
    assert [line["step"] for line in wandb.logged] == [2, 2, 2]
    assert wandb.logged[0]["train/loss"] == 0.5 and wandb.logged[1]["validation/species_top1"] == 0.25
    assert wandb.logged[2] == {"step": 2, "epoch": 1, "epoch/mean_loss": 0.75}
    assert wandb.finished == 1


def test_a_resumed_run_continues_the_same_curves(wandb: Played, run: RunContext) -> None:
    WeightsAndBiases().training_started(run=run)
    run.step = 3
    WeightsAndBiases().training_started(run=run)
    run.step = 0
    WeightsAndBiases().training_started(run=run)
    ids = [(options["id"], options["resume"]) for options in wandb.begun]
    assert ids == [(None, None), ("abc123", "allow"), (None, None)], "a run from the beginning is another one"


def test_it_cannot_begin(wandb: Played, run: RunContext, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise RuntimeError("no API key configured")

    monkeypatch.setattr(wandb, "init", refuse)
    with pytest.raises(TrainingError, match=r"no API key configured; log in .*or leave the callback out"):
        WeightsAndBiases().training_started(run=run)
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(TrainingError, match=r"not installed .*: pip install 'bioclip-x\[wandb\]'"):
        WeightsAndBiases().training_started(run=run)
    WeightsAndBiases().training_ended(run=run)


def test_offline(run: RunContext, step: Callable[..., StepEnd], monkeypatch: pytest.MonkeyPatch) -> None:
    """The package itself accepts what it is given, and writes files in the run's folder."""
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    callback = WeightsAndBiases()
    callback.training_started(run=run)
    callback.training_step_ended(event=step(1), run=run)
    callback.training_ended(run=run)
    assert list((run.folder / "wandb").glob("offline-run-*/*.wandb"))
    assert (run.folder / "wandb-run.txt").read_text("utf-8").strip()
