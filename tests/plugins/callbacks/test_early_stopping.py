from __future__ import annotations

from collections.abc import Callable

import pytest

from bioclip_x.errors import TrainingError
from bioclip_x.records import EpochEnd, RunContext, Validated
from bioclip_x_plugins.callbacks.early_stopping import EarlyStopping

Make = Callable[..., Validated]


def follow(callback: EarlyStopping, values: list[float], run: RunContext, make: Make, metric: str) -> list[bool]:
    """Returns after each validation whether the run is to stop."""
    callback.training_started(run=run)
    answers = []
    for value in values:
        run.step += 3
        callback.validated(event=make(run.step, value, metric=metric), run=run)
        answers.append(bool(callback.epoch_ended(event=EpochEnd(run.step // 3, 1.0, run.folder), run=run)))
    return answers


def test_it_stops_when_patience_is_over(run: RunContext, validated: Make) -> None:
    answers = follow(EarlyStopping(2), [0.3, 0.5, 0.4, 0.5, 0.6], run, validated, "species_top1")
    assert answers == [False, False, False, True, False]


def test_less_is_better_where_a_metric_measures_mistakes(run: RunContext, validated: Make) -> None:
    assert follow(EarlyStopping(1), [2.0, 1.5, 1.6], run, validated, "severity") == [False, False, True]


def test_another_metric(run: RunContext, validated: Make) -> None:
    assert follow(EarlyStopping(2, metric="genus_top1"), [0.1, 0.2, 0.3], run, validated, "species_top1")[-1] is True
    with pytest.raises(TrainingError, match="no metric 'order_top1'; known: species_top1, genus_top1"):
        follow(EarlyStopping(metric="order_top1"), [0.1], run, validated, "species_top1")


def test_a_resumed_run_goes_on_counting(run: RunContext, validated: Make) -> None:
    """The run was killed after step 9, and resumes from step 6: what came after that is forgotten."""
    assert not any(follow(EarlyStopping(3), [0.5, 0.4, 0.9], run, validated, "species_top1"))
    run.step = 6
    assert follow(EarlyStopping(3), [0.4, 0.4], run, validated, "species_top1") == [False, True]
    run.step = 0  # another run in the same folder
    assert not any(follow(EarlyStopping(3), [0.1, 0.1, 0.1], run, validated, "species_top1"))


def test_without_a_validation_it_never_stops(run: RunContext) -> None:
    callback = EarlyStopping(1)
    callback.training_started(run=run)
    assert not callback.epoch_ended(event=EpochEnd(1, 1.0, run.folder), run=run)
