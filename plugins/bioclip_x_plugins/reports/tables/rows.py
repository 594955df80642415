"""A result as rows of a table, for every report that is one: pybioclip's columns first and unchanged, then ours.

Names stay as they are; `csv:safe=true` defuses those that a spreadsheet takes for a formula.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from bioclip_x.plugin import LINNAEAN, ORDER, Explanation, Prediction, Provenance, Result, Taxon
from bioclip_x_plugins.reports.explanation_text import find_strongest_in_favour
from bioclip_x_plugins.reports.result_text import convert_to_plain, drop_infinite, find_language, split_contributions
from bioclip_x_plugins.reports.tables.json_documents import to_json

OURS: Final = (
    "rank", "name", "note", "margin", "top_descriptor", "refused", "image_notes", "error", "demo", "model", "revision",
    "version", "metadata", "level", "region_number", "n_regions", "box_left", "box_top", "box_right", "box_bottom", "detection",
    "detection_confidence", "individual", "event",
)  # fmt: skip
NUMBERS: Final = frozenset(
    {"score", "margin", "box_left", "box_top", "box_right", "box_bottom", "detection_confidence"}
)
"""Columns of floats, None where there is none."""
INTEGERS: Final = frozenset({"region_number", "n_regions"})
"""Columns of integers, None where there is none. All other columns are texts, "" where there is none."""


class Rows:
    """The table of one run. columns: their names."""

    def __init__(self, provenance: Provenance) -> None:
        self._theirs = list_pybioclip_columns(provenance)
        self._language = find_language(provenance)
        self._about = (provenance.demo, provenance.model, provenance.revision, provenance.version)
        self.columns: tuple[str, ...] = ("file_name", *self._theirs, "score", *OURS)

    def of(self, result: Result) -> Iterator[tuple[Any, ...]]:
        """One row per prediction, and one for an image without any."""
        told = (result.refused, "; ".join(result.notes), result.error)
        tail = (*told, *self._about, make_metadata_cell(result), *make_region_cells(result))
        if not result.predictions:
            yield (result.source, *("" for _ in self._theirs), None, "", "", "", None, "", *tail)
        for place, one in enumerate(result.predictions):
            why = make_why_columns(result.explanation) if place == 0 and result.explanation else (None, "")
            ours = (drop_infinite(one.probability), one.taxon.rank, one.taxon.name, one.note)
            yield (result.source, *self._values(one), *ours, *why, *tail)

    def _values(self, one: Prediction) -> Iterator[str]:
        for column in self._theirs:
            if column == "classification":
                yield one.taxon.name
            elif column == "common_name":
                yield one.taxon.common_name(self._language)
            else:
                yield find_epithet(one.taxon) if column == "species_epithet" else one.taxon.at(column)


def list_pybioclip_columns(provenance: Provenance) -> tuple[str, ...]:
    """The columns that pybioclip writes between file_name and score.

    Species are the rule. A recipe with a rank above stops there (a rank that is not Linnaean gets a column after those
    above it); a taxonomy without Linnaean ranks is a list of labels, or of bins.
    """
    if not set(LINNAEAN) & set(provenance.ranks):
        return ("classification",)
    rank = provenance.recipe.get("rank")
    if not rank or ORDER.get(rank, -1) >= ORDER["species"]:
        return (*LINNAEAN[:-1], "species_epithet", "species", "common_name")
    if rank in ORDER:
        return (*(above for above in LINNAEAN if ORDER[above] < ORDER[rank]), rank)
    return (*LINNAEAN[:-1], rank)


def find_epithet(taxon: Taxon) -> str:
    """The second word of a binomial, with whatever follows it.

    >>> find_epithet(Taxon("species", "Cyanistes caeruleus", (("species", "Cyanistes caeruleus"),)))
    'caeruleus'
    """
    species = taxon.at("species")
    return species.partition(" ")[2] or species


def make_metadata_cell(result: Result) -> str:
    """The metadata as a JSON object, blank for none."""
    return to_json(convert_to_plain(result.metadata)) if result.metadata else ""


def make_region_cells(result: Result) -> tuple[str | int | float | None, ...]:
    """What a result is of: level, place among the image's regions, box, the detector's class and confidence, and whose it is."""
    event = result.event or (result.source if result.level == "event" else "")
    region = result.region
    if region is None:
        return (result.level, None, None, None, None, None, None, "", None, "", event)
    confidence = None if region.confidence is None else drop_infinite(region.confidence)
    return (
        result.level, result.region_number, result.n_regions, *map(drop_infinite, region.box), region.label, confidence,
        region.individual, event,
    )  # fmt: skip


def make_why_columns(explanation: Explanation) -> tuple[float | None, str]:
    """The margin over the runner-up and the winner's strongest descriptor in its favour, each blank where there is none."""
    margin = drop_infinite(explanation.margin) if explanation.runner_up else None
    return margin, find_strongest_in_favour(split_contributions(explanation)[0])
