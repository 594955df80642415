"""What each descriptor does for a data set: whether it tells its class from others, and what is lost without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with its 95% interval (Wilson)."""

    value: float
    low: float
    high: float
    hits: int
    of: int


@dataclass(frozen=True, slots=True)
class Area:
    """The chance that an image of the class is more similar to a descriptor than one of other classes, equals counting half
    (AUROC): 1 always, 0.5 as a coin, 0 never. low, high: its 95% interval. others: images of the other classes.
    """

    value: float
    low: float
    high: float
    others: int

    @property
    def side(self) -> str:
        """Where the interval lies: "above" 0.5, "below", or "around" it."""
        return "above" if self.low > 0.5 else "below" if self.high < 0.5 else "around"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What becomes of the names when one descriptor is left out: images then right that were wrong (fixed), and the other
    way around (broken), of `of`. change: of the accuracy; low, high: its 95% interval (Agresti & Min 2005).
    """

    fixed: int
    broken: int
    of: int
    change: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class DescriptorUse:
    """One descriptor of one class.

    phrase, text, kind, weight, taxon, rank: as the prompt's; `taxon` where it is inherited.
    shared_by: classes of the list with this very phrase, its own included; with_siblings: siblings with
        images among them.
    own, others, siblings: the mean cosine of the class's images, of all others, of its siblings' (None without any).
    from_siblings, from_all: how well it tells the class's images from these; None without any.
    between: the part of its cosines' variance that lies between classes, less what chance puts there (ε², Kelley 1935): 0 or
        less where it says nothing of any class; None where no class has two images. spread: the standard deviation of the
        classes' mean cosines.
    left_out: None for a class's only text.
    """

    phrase: str
    text: str
    kind: str
    weight: float
    taxon: str
    rank: str
    shared_by: int
    with_siblings: int
    own: float
    siblings: float | None
    others: float | None
    from_siblings: Area | None
    from_all: Area | None
    between: float | None
    spread: float
    left_out: LeftOut | None

    @property
    def is_same_everywhere(self) -> bool:
        return self.between is not None and self.between <= 0


@dataclass(frozen=True, slots=True)
class ClassUse:
    """One class that has images.

    right: how many of its images are named rightly. sibling_rank, sibling_taxon: what it and its siblings have in common:
    the genus, else the family; both "" where all other classes stand in. siblings: how many of them have images.
    descriptors: in the order of the texts; empty where the class is only named.
    """

    class_index: int
    name: str
    common_name: str
    pictures: int
    right: int
    sibling_rank: str
    sibling_taxon: str
    siblings: int
    sibling_pictures: int
    descriptors: tuple[DescriptorUse, ...]


@dataclass(frozen=True, slots=True)
class Pruning:
    """Descriptors dropped on one half of the images, and what that does to the names of the other.

    descriptors: entries of the file; judged: those of classes with images enough; dropped: how many of these were.
    deciding, held_out: images. least: the AUROC from siblings that keeps a descriptor.
    before, after: accuracy on the held-out half, its change with interval.
    """

    descriptors: int
    judged: int
    dropped: int
    deciding: int
    held_out: int
    seed: int
    least: float
    before: Share
    after: Share
    change: LeftOut


@dataclass(frozen=True, slots=True)
class Usefulness:
    """A data set's descriptors. source: what outputs call the data set. without: classes that have no image.

    skipped: images that could not be read, each with the reason. provenance: the classifier's, as a plain mapping.
    """

    source: str
    date: str
    pictures: int
    accuracy: Share
    classes: tuple[ClassUse, ...]
    without: tuple[str, ...]
    skipped: tuple[str, ...]
    notes: tuple[str, ...]
    provenance: Mapping[str, Any]
    pruning: Pruning | None = None
