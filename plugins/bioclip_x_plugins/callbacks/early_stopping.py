"""Stops a run when a metric of its validations has not improved for a while."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bioclip_x.plugin import TrainingError, hookimpl, is_smaller_better, open_replacement

if TYPE_CHECKING:
    from bioclip_x.plugin import EpochEnd, RunContext, Validated

FILE = "early-stopping.json"


def count_since_best(metric: str, values: list[float]) -> int:
    """Counts the validations after the best one; the first of equals is the best.

    >>> count_since_best("species_top1", [0.2, 0.5, 0.4, 0.5]), count_since_best("severity", [2.0, 1.5])
    (2, 0)
    """
    best = min(values) if is_smaller_better(metric) else max(values)
    return len(values) - 1 - values.index(best)


class EarlyStopping:
    """patience: validations without an improvement, after which the run ends at the end of its epoch.

    metric: of the validations; default: the one by which they choose the best checkpoint.

    The values are kept in the run's folder, so that a resumed run goes on counting.
    """

    def __init__(self, patience: int = 5, *, metric: str | None = None) -> None:
        if patience < 1:
            raise TrainingError(f"early-stopping: patience: expected a number of validations from 1, got {patience}")
        self.patience, self.metric = patience, metric
        self._values: dict[int, float] = {}
        self._since_best = 0

    @hookimpl
    def training_started(self, run: RunContext) -> None:
        file = run.folder / FILE
        kept = json.loads(file.read_text("utf-8")) if file.is_file() and run.step else {}
        self._values = {int(step): value for step, value in kept.items() if int(step) <= run.step}
        self._since_best = 0

    @hookimpl
    def validated(self, event: Validated, run: RunContext) -> None:
        """Raises TrainingError where the validation has no such metric."""
        metric = self.metric or event.metric
        if metric not in event.metrics:
            raise TrainingError(f"callbacks: early-stopping: no metric {metric!r}; known: {', '.join(event.metrics)}")
        self._values[event.step] = event.metrics[metric]
        with open_replacement(run.folder / FILE) as handle:
            json.dump(self._values, handle)
        self._since_best = count_since_best(metric, list(self._values.values()))

    @hookimpl
    def epoch_ended(self, event: EpochEnd, run: RunContext) -> bool | None:
        return self._since_best >= self.patience
