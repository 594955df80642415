"""Figures of an evaluation, as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bioclip_x.records.evaluation.measures import CurvePoint, Measure
from bioclip_x.records.taxon import Taxon

if TYPE_CHECKING:
    from bioclip_x.array_types import Floats, Ints


@dataclass(frozen=True, slots=True)
class TaxonGroup:
    """Consecutive rows of a confusion matrix, `start` up to `stop`, that one taxon of a higher rank has in common."""

    rank: str
    name: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True, eq=False)
class ConfusionMatrix:
    """True against predicted taxa, both folded to one rank.

    rank: "" where classes of several ranks, or of none, are compared.
    taxa: names of the rows, and of the columns, in the tree's depth-first order: those that occur.
    groups: their taxa at each rank above, from the top down.
    true_k, predicted_k, count_k: row, column and number of images of each cell that is not empty, by row and column. The
    column len(taxa) is of predictions without a taxon at the rank: none at all, or a taxon above it.
    unlabelled: number of images that are left out because their label has no taxon at the rank.
    """

    rank: str
    taxa: tuple[str, ...]
    groups: tuple[TaxonGroup, ...]
    true_k: Ints
    predicted_k: Ints
    count_k: Ints
    unlabelled: int

    @property
    def cells(self) -> tuple[Ints, Ints, Ints]:
        return self.true_k, self.predicted_k, self.count_k

    @property
    def n_images(self) -> int:
        return int(self.count_k.sum())

    @property
    def n_right(self) -> int:
        return int(self.count_k[self.true_k == self.predicted_k].sum())


@dataclass(frozen=True, slots=True)
class Neighbours:
    """How often the image with the most similar embedding is of the same taxon.

    share: of `of` images, those whose nearest other image has the same taxon. low, high: its 95% interval. chance: the share
    to expect of a random other image. None where there are fewer than two images.
    """

    share: float | None
    low: float | None
    high: float | None
    of: int
    chance: float | None


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingMap:
    """Embeddings of images in two dimensions.

    model: of the embeddings. method: how they were projected, in words. of: number of images to choose from.
    sources: m names. xy_m2: float64 [m, 2], distances have no unit. taxa_at: rank → name of each image's taxon, "" for none.
    neighbours: rank → agreement of nearest neighbours among the m images, by cosine of the embeddings themselves.
    """

    model: str
    method: str
    of: int
    sources: tuple[str, ...]
    xy_m2: Floats
    taxa_at: Mapping[str, tuple[str, ...]]
    neighbours: Mapping[str, Neighbours]


@dataclass(frozen=True, slots=True, eq=False)
class RunFigures:
    """Figures of one run: a model with its texts.

    name: short, different for each run of an evaluation. measures: by name, as in the table.
    rank_accuracy: x is the position of the rank, from 0 at the top. ranks: their names.
    reliability: x is the mean share of the images of a bin; value their accuracy. calibration: ECE and others, by name.
    depth: x is the mean number of taxa from the top down to the taxon named, value the fraction that is right.
    confusions: from the top rank down.
    """

    name: str
    model: str
    text: str
    measures: Mapping[str, Measure]
    ranks: tuple[str, ...]
    rank_accuracy: tuple[CurvePoint, ...]
    reliability: tuple[CurvePoint, ...]
    calibration: Mapping[str, Measure]
    depth: tuple[CurvePoint, ...]
    confusions: tuple[ConfusionMatrix, ...]


@dataclass(frozen=True, slots=True)
class ExampleAnswer:
    """What one run named an image. share: of the answer, 0 to 1, None if it has none. taxon: None if not named."""

    run: str
    taxon: Taxon | None
    share: float | None
    is_right: bool


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One image, its label, and what each run named it. thumbnail: JPEG, None if it cannot be read."""

    source: str
    label: Taxon
    answers: tuple[ExampleAnswer, ...]
    thumbnail: bytes | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ExampleSet:
    """Images drawn from those of one outcome. title: the outcome. of: number of images to draw from. among: of all that count."""

    title: str
    of: int
    among: int
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationFigures:
    """All that the page of an evaluation shows.

    source, date, version: as in `Evaluation`. models: name and revision of each model; demos: of those that demonstrate, what.
    taxonomy: source and fingerprint of the list, of n_classes. n_images, n_true_classes: evaluated, and their true classes.
    runs: the first is the baseline. maps: of each model's embeddings. notes: what was skipped or left out.
    files: names of the files beside the page, with the same numbers.
    """

    source: str
    date: str
    version: str
    models: tuple[tuple[str, str], ...]
    demos: tuple[str, ...]
    taxonomy: str
    n_classes: int
    n_images: int
    n_true_classes: int
    runs: tuple[RunFigures, ...]
    maps: tuple[EmbeddingMap, ...]
    examples: tuple[ExampleSet, ...]
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
