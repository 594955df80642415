"""Figures of an evaluation, as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
