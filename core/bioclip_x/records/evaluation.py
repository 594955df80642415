"""Evaluations of predictions on labelled images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bioclip_x.records.result import PluginInUse


@dataclass(frozen=True, slots=True)
class Measure:
    """A measured value with its 95% interval. value: None if undefined (the severity of mistakes without any).

    of: number of images (or classes) measured. sd: standard deviation over seeds, None for one seed.
    """

    value: float | None
    low: float | None
    high: float | None
    of: int
    sd: float | None = None


@dataclass(frozen=True, slots=True)
class TextEvaluation:
    """The evaluation of predictions with one set of texts.

    text: the text builders. seeds: averaged over; empty for texts without randomness.
    top1, top5: accuracy of the best class, and of the five best. mean_per_class: mean of the classes' top-1 accuracies; its
    interval is over classes. ranks: accuracy of the best taxon at each rank, on images with a true taxon at that rank.
    severity: mean height in taxa of the lowest common ancestor of prediction and true class, over mistakes.
    difference: top-1 minus that of the first texts compared, paired by image; None for the first.
    notes: warnings. recipe: with the first seed. plugins: those that it uses.
    sets: of a head that reports sets, the fraction that contains the true class, and the mean number of classes.
    """

    text: str
    seeds: tuple[int, ...]
    top1: Measure
    top5: Measure
    mean_per_class: Measure
    ranks: Mapping[str, Measure]
    severity: Measure
    difference: Measure | None = None
    notes: tuple[str, ...] = ()
    recipe: Mapping[str, Any] = field(default_factory=dict)
    plugins: tuple[PluginInUse, ...] = ()
    sets: Mapping[str, Measure] = field(default_factory=dict)

    def measures(self) -> dict[str, Measure]:
        """Returns all measures by their names in tables."""
        measures = {
            "top-1": self.top1,
            "top-5": self.top5,
            "mean per class": self.mean_per_class,
            **self.ranks,
            **self.sets,
        }
        measures["mistake severity"] = self.severity
        return measures | ({"difference in top-1": self.difference} if self.difference else {})


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluation of one or several sets of texts.

    source: name of the images in outputs. date: ISO 8601. version: of bioclip-x. pictures: number of images evaluated.
    classes: number of their true classes. taxonomy: source and fingerprint of the list, which has `n_classes`.
    notes: on what was skipped.
    """

    source: str
    date: str
    version: str
    model: str
    revision: str
    demo: str
    taxonomy: str
    n_classes: int
    pictures: int
    classes: int
    texts: tuple[TextEvaluation, ...]
    notes: tuple[str, ...] = ()
