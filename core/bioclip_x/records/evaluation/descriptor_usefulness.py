"""Usefulness of each descriptor on a data set: how well it separates its class, and the effect of leaving it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Share:
    """A proportion, `hits` of `of`, with its exact 95% confidence interval (Clopper & Pearson); None for too few."""

    value: float
    low: float | None
    high: float | None
    hits: int
    of: int


@dataclass(frozen=True, slots=True)
class Area:
    """The probability that an image of the class is more similar to a descriptor than one of other classes, ties counting
    half (AUROC): 1 perfect, 0.5 chance, 0 inverted. low, high: its 95% interval over images of these classes, None for too few.
    others: images of the other classes.
    """

    value: float
    low: float | None
    high: float | None
    others: int

    @property
    def side(self) -> str:
        """The position of the interval: "above" or "below" 0.5, or "around" it; "around" also without an interval."""
        if self.low is None or self.high is None:
            return "around"
        return "above" if self.low > 0.5 else "below" if self.high < 0.5 else "around"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The effect of leaving out one descriptor: of `of` images, those wrong before and correct without it (fixed), and the
    reverse (broken). change: of the accuracy; low, high: its 95% interval over images, None for too few.
    """

    fixed: int
    broken: int
    of: int
    change: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class DescriptorUse:
    """One descriptor of one class.

    phrase, text, kind, weight, taxon, rank: of the prompt; `taxon` if it is inherited.
    shared_by: number of listed classes with exactly this phrase, its own included; with_siblings: those that are siblings
        with images.
    own, others, siblings: mean cosine with images of the class, of all other classes, of its siblings (None without any).
    from_siblings, from_all: how well it separates the class's images from theirs; None without any.
    between: fraction of its cosines' variance between classes, corrected for chance (ε², Kelley 1935): 0 or less if it
        does not separate any class; None if no class has two images. spread: standard deviation of the classes' mean
        cosines.
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

    right: number of its images predicted correctly. sibling_rank, sibling_taxon: the taxon it shares with its siblings, the
    genus, else the family; both "" if all other classes serve as siblings. siblings: number of them with images.
    descriptors: in the order of the texts; empty if the class has only names.
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
class SwappedCount:
    """How many descriptors lie on one side of AUROC 0.5, and how many by chance, with classes swapped.

    found: with their own classes. expected, least, most: mean and range with swapped ones. more: mean over classes of the
    fraction of a class's descriptors minus that expected by chance; low, high: its 95% interval over classes, None for too few.
    """

    found: int
    expected: float
    least: int
    most: int
    more: float
    low: float | None
    high: float | None

    @property
    def is_by_chance(self) -> bool:
        """Whether the number is within the range of swapped classes."""
        return self.least <= self.found <= self.most


@dataclass(frozen=True, slots=True)
class ByChance:
    """What to expect of texts that say nothing about their class: each class's descriptors on another class's images.

    swaps: permutations of the classes. above, below: descriptors whose interval lies entirely above or below 0.5.
    """

    swaps: int
    above: SwappedCount
    below: SwappedCount


@dataclass(frozen=True, slots=True)
class Pruning:
    """Descriptors dropped according to one half of the images, and the effect on the other half.

    descriptors: entries of the file; judged: those of classes with enough images; dropped: number of these dropped.
    deciding, held_out: number of images in each half. least: AUROC against siblings above which a descriptor is kept.
    before, after: accuracy on the held-out half. change: of it, with interval.
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
    """The usefulness of all descriptors on a data set. source: its name in outputs. without: classes without images.

    skipped: images that could not be read, each with the reason. provenance: of the classifier, as a plain mapping.
    by_chance: None where fewer than two classes have descriptors and images.
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
    by_chance: ByChance | None = None
