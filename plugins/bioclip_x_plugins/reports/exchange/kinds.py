"""What a result shows: an animal, a person, a vehicle, nothing; and under which scientific name."""

from __future__ import annotations

import re
from typing import Final, Literal

from bioclip_x.plugin import Prediction, Result

Kind = Literal["animal", "human", "vehicle", "blank", "unknown", "unclassified"]
"""The vocabulary of Camtrap DP's observationType."""

WORDS: Final[dict[str, Kind]] = {
    "animal": "animal",
    "human": "human", "person": "human", "people": "human", "homo sapiens": "human",
    "vehicle": "vehicle", "car": "vehicle", "truck": "vehicle",
    "blank": "blank", "empty": "blank", "no animal": "blank", "nothing": "blank", "none": "blank",
}  # fmt: skip
"""Labels of detectors and classifiers, in lower case, that are no taxa."""
ANIMALS: Final = ("", "animalia", "metazoa")
"""Kingdoms of animals; "" for a lineage without one."""
QUOTED: Final = re.compile(r"'([^']+)'")


def find_best(result: Result) -> Prediction | None:
    """The best prediction if it is a taxon: a label without a rank is none."""
    best = result.predictions[0] if result.predictions else None
    return best if best and best.taxon.rank else None


def find_kind(result: Result) -> Kind:
    """What a result shows: by its name, else by what the detector or the model calls it.

    An image that cannot be read is "unclassified", one in which nothing was found "blank", and what is there but not named
    "unknown", unless the detector says that it is an animal.
    """
    if result.error:
        return "unclassified"
    if result.predictions:
        taxon = result.predictions[0].taxon
        if taxon.rank and taxon.at("kingdom").casefold() not in ANIMALS:
            return "unknown"
        return WORDS.get(taxon.name.casefold(), "animal" if taxon.rank else "unknown")
    if result.region is not None and result.region.label.casefold() in WORDS:
        return WORDS[result.region.label.casefold()]
    if result.refused.startswith("nothing found"):
        return "blank"
    said = QUOTED.search(result.refused)  # "the model says 'blank'"
    return WORDS.get(said[1].casefold(), "unknown") if said else "unknown"


def explain(result: Result) -> str:
    """Why there is no name, or what is to be known of it; "" for nothing."""
    note = result.predictions[0].note if result.predictions else ""
    label = result.predictions[0].taxon.name if result.predictions and not find_best(result) else ""
    return "; ".join(filter(None, [result.error, result.refused, label, note]))
