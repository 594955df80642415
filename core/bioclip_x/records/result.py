"""What is printed: one result per image, and what the run was."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bioclip_x.records.explanation import Explanation
from bioclip_x.records.taxon import Taxon


@dataclass(frozen=True, slots=True)
class Step:
    """One taxon on a path down the tree, and its share among the listed classes, in [0, 1].

    nan where the share is not known: reported under another taxonomy's names, a taxon of it that this run's tree lacks.
    """

    rank: str
    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """One reported taxon. `path` runs from the top of the tree to the taxon itself, holes left out.

    note: what the name does not say: "species not given" for a class that sits on an inner node, whose share is not
        that of everything below the taxon (its path ends with a step of that name); "not in OTHER.csv" for one that the
        taxonomy it should be reported under lacks.

    Where a rank is asked for that the lineage lacks, `taxon` says so in its name ("no family in Plantae"), and its
    lineage and `path` end at the taxon above.
    """

    taxon: Taxon
    probability: float
    path: tuple[Step, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class RankWinner:
    """The best taxon at one rank. `on_path` is False where it lies off the path of the reported taxon."""

    rank: str
    taxon: Taxon | None
    probability: float
    on_path: bool


@dataclass(frozen=True, slots=True)
class Result:
    """One image's row. Exactly one of `predictions`, `error`, `refused` is non-empty.

    error: why the image could not be read. refused: why the model declines to name it.
    predictions: the top k at the reported rank, best first. ranks: the winner at each rank (heads that roll up).
    """

    source: str
    error: str = ""
    refused: str = ""
    predictions: tuple[Prediction, ...] = ()
    ranks: tuple[RankWinner, ...] = ()
    explanation: Explanation | None = None
    width: int = 0
    height: int = 0
    thumbnail: bytes | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """What every output carries: enough to run it again and to know what not to believe.

    ranks: the ranks that the taxonomy has a table for, top down.
    probabilities: what the numbers are; shares among the listed classes until a calibration is named.
    """

    version: str
    model: str
    revision: str
    demo: str
    taxonomy: str
    n_classes: int
    n_prompts: int
    recipe: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    probabilities: str = "share among the listed classes, not calibrated"
    ranks: tuple[str, ...] = ()
