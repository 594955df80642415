"""How well labelled images are named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure with its 95% interval. value: None where there is nothing to measure (mistakes of whom all is right).

    of: how many images (or classes) it is of. sd: its standard deviation over seeds, None for one seed.
    """

    value: float | None
    low: float | None
    high: float | None
    of: int
    sd: float | None = None


@dataclass(frozen=True, slots=True)
class TextEvaluation:
    """How well the images are named by some texts.

    text: the text builders. seeds: those it is the mean of; none for texts in which nothing is drawn.
    top1, top5: whether the true class is the answer, or among the five best. mean_per_class: the mean of the classes' top-1;
    its interval is over classes. ranks: whether the best taxon of each rank is the true one, of images that have one there.
    severity: the mean height in taxa of where a mistake and the truth meet, of mistakes.
    difference: top-1 less that of the first texts compared, image by image; None for the first.
    notes: what is doubtful. recipe: the recipe, with the first seed.
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

    def measures(self) -> dict[str, Measure]:
        """All of them by name, as tables have them."""
        found = {"top-1": self.top1, "top-5": self.top5, "mean per class": self.mean_per_class, **self.ranks}
        found["mistake severity"] = self.severity
        return found | ({"difference in top-1": self.difference} if self.difference else {})


@dataclass(frozen=True, slots=True)
class Evaluation:
    """source: what the images are called. date: ISO 8601. version: of bioclip-x. images: how many were named, and are what
    every figure is of. classes: how many they are of. taxonomy: source and fingerprint of the list, of `n_classes`.
    notes: what was skipped."""

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
