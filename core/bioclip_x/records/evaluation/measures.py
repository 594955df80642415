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
class CurvePoint:
    """A measured fraction. x: what it is plotted against. value: 0 to 1, with its 95% interval. of: number of images.

    label: what the point is of, in words ("shares 80% to 90%").
    """

    x: float
    value: float
    low: float | None
    high: float | None
    of: int
    label: str


@dataclass(frozen=True, slots=True)
class TextEvaluation:
    """The evaluation of predictions with one set of texts.

    text: the text builders. seeds: averaged over; empty for texts without randomness.
    top1, top5: accuracy of the best class, and of the five best. mean_per_class: mean of the classes' top-1 accuracies; its
    interval is over classes. ranks: accuracy of the best taxon at each rank, on images with a true taxon at that rank.
    severity: mean height in taxa of the lowest common ancestor of prediction and true class, over mistakes.
    difference: top-1 minus that of the first texts compared, paired by image; None for the first.
    notes: warnings. recipe: with the first seed. plugins: those that it uses.

    ranks_top5: rank → accuracy of its best five taxa. ranks_mean_per_taxon: rank → mean of its taxa's accuracies, with an
    interval over taxa. hierarchical: precision, recall and F of lineages (Kiritchenko et al. 2006). distances: mean height of
    the lowest common ancestor of the true class and each of the best k (Bertinetto et al. 2020). consistency: how often the
    best taxa of all ranks lie on one path; None with fewer than two ranks. calibration: errors of the best class's
    probability as an estimate of being right, and the area under the risk-coverage curve, without intervals.
    reliability, risk_coverage, depth: curves, of the first seed; see `evaluation.curves`.
    model: where several are compared; else "". alone_right, first_alone_right: numbers of images that this one has right and
    the first wrong, and the reverse, with the first seeds; None for the first.
    sets: of a head that reports sets, the fraction that contains the true class, and the mean number of classes.
    events: of a recipe with events, top-1 of images on their own and by event, means over events, and the paired difference,
    with the first seed; see `evaluation.event_gain`.
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
    ranks_top5: Mapping[str, Measure] = field(default_factory=dict)
    ranks_mean_per_taxon: Mapping[str, Measure] = field(default_factory=dict)
    hierarchical: Mapping[str, Measure] = field(default_factory=dict)
    distances: Mapping[str, Measure] = field(default_factory=dict)
    consistency: Measure | None = None
    calibration: Mapping[str, Measure] = field(default_factory=dict)
    reliability: tuple[CurvePoint, ...] = ()
    risk_coverage: tuple[CurvePoint, ...] = ()
    depth: tuple[CurvePoint, ...] = ()
    model: str = ""
    alone_right: int | None = None
    first_alone_right: int | None = None
    sets: Mapping[str, Measure] = field(default_factory=dict)
    events: Mapping[str, Measure] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name of the run in tables."""
        return f"{self.model}: {self.text}" if self.model else self.text

    def further_measures(self) -> dict[str, Measure]:
        """Returns the measures beside the main ones, by their names in tables."""
        return {
            **{f"top-5 at {rank}": one for rank, one in self.ranks_top5.items()},
            **{f"mean per taxon at {rank}": one for rank, one in self.ranks_mean_per_taxon.items()},
            **self.hierarchical,
            **self.distances,
            **({"path consistency": self.consistency} if self.consistency else {}),
            **self.calibration,
        }

    def measures(self) -> dict[str, Measure]:
        """Returns the main measures by their names in tables."""
        measures = {
            "top-1": self.top1,
            "top-5": self.top5,
            "mean per class": self.mean_per_class,
            **self.ranks,
            **self.sets,
        }
        measures["mistake severity"] = self.severity
        measures |= self.events
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
