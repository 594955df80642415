"""Output records: one result per image, and the provenance of the run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bioclip_x.records.event import EventImage
from bioclip_x.records.explanation import Explanation
from bioclip_x.records.features import Metadata
from bioclip_x.records.notebook import show_result
from bioclip_x.records.region import Region
from bioclip_x.records.taxon import Taxon

Level = Literal["image", "region", "event"]


@dataclass(frozen=True, slots=True)
class Step:
    """One taxon on a path down the tree, and its probability among the listed classes, in [0, 1].

    nan if it is unknown: for a taxon of the taxonomy reported under that the run's own tree lacks.
    """

    rank: str
    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """One reported taxon. `path` runs from the top of the tree to the taxon itself, without holes.

    note: "species not given" for a class that is an inner node, whose probability excludes the classes below it (its path
        ends with a step of that name); "not in OTHER.csv" if the taxonomy to report under lacks the taxon; for the best
        prediction, "tied with 2 others" if others are equally good.

    If the lineage lacks the requested rank, the name of `taxon` is "no family in Plantae", and its lineage and `path` end
    at the taxon above.
    """

    taxon: Taxon
    probability: float
    path: tuple[Step, ...]
    note: str = ""

    def __repr__(self) -> str:
        return f"Prediction({self.describe()})"

    def describe(self) -> str:
        """Returns name, rank and probability in a few words.

        >>> Prediction(Taxon("species", "Parus major", ()), 0.8251, ()).describe()
        'Parus major, species, 0.825'
        """
        rank = f", {self.taxon.rank}" if self.taxon.rank else ""
        return f"{self.taxon.name}{rank}, {self.probability:.3f}"


@dataclass(frozen=True, slots=True)
class RankWinner:
    """The best taxon at one rank. `on_path` is False if it is not on the path of the reported taxon."""

    rank: str
    taxon: Taxon | None
    probability: float
    on_path: bool


@dataclass(frozen=True, slots=True)
class Result:
    """The result for one image, one region of an image, or one event. Exactly one of `predictions`, `error`, `refused` is
    non-empty.

    error: why there is no result: the image cannot be read, or a component failed at it. refused: why the model declines to
        classify it.
    notes: what to know of how the image was read ("first of 3 frames"), and what adjustments say of it.
    metadata: what is known of the image, see `Source`. GPS positions are private data: take care where they go.
    predictions: the top k at the reported rank, best first. ranks: the winner at each rank (heads that roll up).
    region: the part of the image that is named; None for a whole image, and for an image in which no region was found.
    region_number, n_regions: its number, from 0, among the regions of its image, whose results follow one another, and how
        many these are.
    event: name of the event that it belongs to; "" for none. images: what each image of an event had to say; only the result
        of an event itself has any. It follows those of its images, and its `source` is the event's name. An event whose images
        show several organisms has a result for each taxon, numbered as regions are.
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
    notes: tuple[str, ...] = ()
    metadata: Metadata = field(default_factory=dict, hash=False)
    region: Region | None = None
    region_number: int = 0
    n_regions: int = 1
    event: str = ""
    images: tuple[EventImage, ...] = ()

    @property
    def level(self) -> Level:
        """What the result is of."""
        return "event" if self.images else "image" if self.region is None else "region"

    @property
    def is_last_of_image(self) -> bool:
        """Whether no further result of the same image follows. False for an event."""
        return not self.images and self.region_number == self.n_regions - 1

    def __repr__(self) -> str:
        return f"Result({self.source!r}: {self.describe()})"

    def describe(self) -> str:
        """Returns the best prediction in a few words, or why there is none."""
        if self.predictions:
            return self.predictions[0].describe()
        return f"error: {self.error}" if self.error else f"not named: {self.refused}"

    def _repr_html_(self) -> str:
        """Shows the result in a notebook: thumbnail, path down the tree, explanation."""
        return show_result(self)


@dataclass(frozen=True, slots=True)
class PluginInUse:
    """A plugin that a run used.

    name: as registered. distribution, version: of the installed package that it is from; "" for a file or a module of none.
    file: the name of its file, without the folder, for a plugin of no distribution. sha256: of the file's content.
    """

    name: str
    distribution: str = ""
    version: str = ""
    file: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """The provenance in every output: enough to repeat the run and to judge its results.

    ranks: those in the taxonomy's `rank_tables`, from the top down.
    probabilities: the meaning of the numbers, and the calibration, if any. plugins: those that the recipe uses.
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
    plugins: tuple[PluginInUse, ...] = ()
