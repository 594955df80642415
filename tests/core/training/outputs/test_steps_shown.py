"""What a run shows of itself on stderr."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.hooks.registry import create_registry
from bioclip_x.progress import Progress
from bioclip_x.records import EpochEnd, RunContext, StepEnd, Validated
from bioclip_x.training.outputs.steps_shown import StepsShown, describe_step, describe_validation, show_steps

TAXONOMY: Any = None


def make_step(number: int, losses: dict[str, float]) -> StepEnd:
    total = sum(losses.values())
    return StepEnd(number, 2, total, 9.87e-5, 14.0, 1520.4, Path("run"), losses, 1.0, 0.1, 0.2, 1)


def make_run(step: int) -> RunContext:
    config = types.SimpleNamespace(epochs=9)
    return RunContext(config, Path("run"), TAXONOMY, None, None, step, 1000, {}, lambda: None)


def test_a_step_and_a_validation_in_words() -> None:
    assert describe_step(make_step(7, {"unicl": 1.87312})) == "epoch 2, loss 1.873, lr 9.9e-05, 1,520 images/s"
    assert describe_step(make_step(7, {"unicl": 1.5, "hxe": 0.5})) == (
        "epoch 2, loss 2, unicl 1.5, hxe 0.5, lr 9.9e-05, 1,520 images/s"
    )
    metrics = {"species_top1": 0.41234, "severity": 2.5}
    event = Validated(1300, 1, metrics, "species_top1", True, 40, 1.0, Path())
    assert describe_validation(event) == (
        "validation after step 1,300: species_top1 0.412, severity 2.500 (best species_top1 so far)"
    )
    later = Validated(1400, 1, metrics, "species_top1", False, 40, 1.0, Path())
    assert describe_validation(later).endswith("severity 2.500")


def test_lines_of_a_resumed_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Its first, tenth and hundredth step, and its epochs."""
    run = make_run(200)
    with Progress() as progress:
        shown = StepsShown(progress)
        shown.training_started(run=run)
        for number in range(201, 311):
            shown.training_step_ended(event=make_step(number, {"unicl": 1.0}), run=run)
        shown.epoch_ended(event=EpochEnd(2, 1.25, Path()), run=run)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" of")[0] for line in lines[:4]] == ["steps: 201", "steps: 210", "steps: 300", "epoch 2"]
    assert lines[3] == "epoch 2 of 9: mean loss 1.25"


@pytest.mark.parametrize("show", [True, False, None])
def test_shown_where_asked(show: bool | None, capsys: pytest.CaptureFixture[str]) -> None:
    registry = create_registry()
    registry.manager.unregister(name="jsonl-log")
    before = len(registry.manager.get_plugins())
    with show_steps(registry, show=show):
        registry.notify("training_started", run=make_run(0))
        registry.notify("training_step_ended", event=make_step(1, {"unicl": 1.0}), run=make_run(0))
    assert ("steps: 1 of 1,000" in capsys.readouterr().err) == bool(show)
    assert len(registry.manager.get_plugins()) == before


def test_shown_where_progress_is_shown_already(capsys: pytest.CaptureFixture[str]) -> None:
    registry = create_registry()
    registry.manager.unregister(name="jsonl-log")
    with Progress(), show_steps(registry, show=None):
        registry.notify("training_started", run=make_run(0))
        registry.notify("training_step_ended", event=make_step(1, {"unicl": 1.0}), run=make_run(0))
    assert "steps: 1 of 1,000" in capsys.readouterr().err
