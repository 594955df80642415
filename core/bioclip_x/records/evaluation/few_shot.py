"""Few-shot evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bioclip_x.records.evaluation.measures import Measure


@dataclass(frozen=True, slots=True)
class FewShotResult:
    """One method with k shots. In each `Measure`, sd is the standard deviation over folds, and the interval is for other images
    and other folds of the same kind.

    method: as requested. shots: k. classes: in each fold. queries: in each fold. of_folds: top-1 of each fold.
    top1, top5: micro-averaged: accuracy over images. ranks: the same for the taxa of the best class at each rank. mean_per_class:
    macro-averaged top-1, the mean over classes; mean_per_taxon: at each rank, the mean over its taxa.
    difference: top-1 minus that of the first method with the same k, on the same folds and images; None for the first.
    """

    method: str
    shots: int
    classes: tuple[int, ...]
    queries: tuple[int, ...]
    of_folds: tuple[float, ...]
    top1: Measure
    top5: Measure
    mean_per_class: Measure
    ranks: Mapping[str, Measure]
    mean_per_taxon: Mapping[str, Measure]
    difference: Measure | None = None

    def measures(self) -> dict[str, Measure]:
        """Returns all measures by their names in tables."""
        measures = {"top-1": self.top1, "top-5": self.top5, "mean per class": self.mean_per_class}
        for rank, measure in self.ranks.items():
            measures |= {rank: measure, f"{rank}, mean per taxon": self.mean_per_taxon[rank]}
        return measures | ({"difference in top-1": self.difference} if self.difference else {})


@dataclass(frozen=True, slots=True)
class FewShotEvaluation:
    """A few-shot evaluation. source, date, version, model, revision, demo, taxonomy: as in `Evaluation`.

    images, classes: with a label that is a class. folds: the document of the folds that were used. results: by k, then by method.
    notes: on what was skipped. recipe: that of the classifier.
    """

    source: str
    date: str
    version: str
    model: str
    revision: str
    demo: str
    taxonomy: str
    images: int
    classes: int
    results: tuple[FewShotResult, ...]
    folds: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    recipe: Mapping[str, Any] = field(default_factory=dict)
