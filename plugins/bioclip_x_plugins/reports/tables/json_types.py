"""The types of the JSON documents: keys, in order, and values. The documentation's JSON schemas are made of them.

A number that is not finite is null.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict


class StepDocument(TypedDict):
    """A taxon on the path down the tree."""

    rank: str
    name: str
    probability: float | None


class PredictionDocument(TypedDict):
    """One reported taxon. path: from the top of the tree to it."""

    rank: str
    name: str
    note: str | None
    common_name: str | None
    probability: float | None
    path: list[StepDocument]


class RankDocument(TypedDict):
    """The best taxon at one rank. name: null for a hole. on_path: whether it is an ancestor of the best prediction."""

    rank: str
    name: str | None
    probability: float | None
    on_path: bool


class RemainderDocument(TypedDict):
    """A part of the margin that comes from no text."""

    label: str
    kind: str
    contribution: float | None


ExampleDocument = TypedDict("ExampleDocument", {"image": str, "class": str, "cosine": float | None})
"""A support image near to the classified image."""


class HeatMapDocument(TypedDict):
    """Where in the image a text's similarity comes from."""

    values: list[list[float | None]]
    box: list[float]
    method: str
    is_exact: bool


DescriptorDocument = TypedDict(
    "DescriptorDocument",
    {
        "phrase": str | None,
        "text": str,
        "kind": str,
        "source": str,
        "class": str,
        "taxon": str | None,
        "rank": str | None,
        "similarity": float | None,
        "contribution": float | None,
        "n_classes": int,
        "net": float | None,
        "heat_map": HeatMapDocument | None,
    },
)
"""The contribution of a text."""


class ExplanationDocument(TypedDict):
    """Why the winner and not the runner-up."""

    format: str
    winner: str
    runner_up: str | None
    is_asked_for: bool
    winner_class: str
    runner_up_class: str | None
    margin: float | None
    baseline: float | None
    rest: float | None
    remainders: list[RemainderDocument]
    examples: list[ExampleDocument]
    descriptors: list[DescriptorDocument]


class MaskDocument(TypedDict):
    """The pixels of an organism, in COCO's compressed run lengths. size: height and width of the mask."""

    size: list[int]
    counts: str


class RegionDocument(TypedDict):
    """The part of an image that is named. box: left, top, right, bottom as fractions of the image's width and height.

    number, n_regions: its number, from 0, among the regions of its image, and how many these are.
    """

    number: int
    n_regions: int
    box: list[float | None]
    detection: str | None
    confidence: float | None
    mask: MaskDocument | None
    name: str | None
    individual: str | None


class EventImageDocument(TypedDict):
    """What an image, or a region of it, said in the decision on its event. left_out: why it took no part, or null."""

    source: str
    region: int
    probability: float | None
    contribution: float | None
    left_out: str | None


class ResultDocument(TypedDict):
    """The result of one image, one region of an image, or one event."""

    source: str
    error: str | None
    refused: str | None
    notes: list[str]
    width: int
    height: int
    predictions: list[PredictionDocument]
    ranks: list[RankDocument]
    explanation: ExplanationDocument | None
    metadata: dict[str, Any]
    level: str
    region: RegionDocument | None
    event: str | None
    images: list[EventImageDocument]


class ProvenanceDocument(TypedDict):
    """What is needed to repeat the run."""

    version: str
    model: str
    revision: str
    demo: str | None
    taxonomy: str
    n_classes: int
    n_prompts: int
    ranks: list[str]
    probabilities: str
    notes: list[str]
    plugins: list[dict[str, Any]]
    recipe: dict[str, Any]


class ResultsDocument(TypedDict):
    """A file of results."""

    provenance: ProvenanceDocument
    results: list[ResultDocument]
