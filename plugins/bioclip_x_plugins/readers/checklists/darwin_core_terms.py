"""Columns of checklists → Darwin Core terms: GBIF, WCVP and WFO, WoRMS, ITIS and others name the same things differently."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from bioclip_x_plugins.readers.checklists.darwin_core_meta import parse_term
from bioclip_x_plugins.readers.vocabulary.columns import (
    SPELLINGS,
    Meaning,
    compact_name,
    describe_meaning,
    find_meaning,
)

_TERMS: Final[Mapping[str, str]] = {
    "name": "scientificname", "epithet": "specificepithet", "infraspecific epithet": "infraspecificepithet",
    "genus of name": "genericname", "rank of name": "taxonrank", "authorship": "scientificnameauthorship",
    "id": "taxonid", "parent id": "parentnameusageid", "parent name": "parentnameusage",
    "accepted id": "acceptednameusageid", "accepted name": "acceptednameusage", "status": "taxonomicstatus",
}  # fmt: skip
_IDS: Final = ("taxonkey", "aphiaid", "plantnameid", "tsn", "taxonid")
"""Columns of identifiers; the first that is filled counts: GBIF's key, rather than the identifier of a publisher."""
_PUBLISHERS: Final = frozenset({
    "taxonid", "acceptednameusageid", "acceptednameusage", "parentnameusageid", "parentnameusage", "parenttaxonid",
    "verbatimscientificname",
})  # fmt: skip
"""Terms that GBIF copies from publishers: they do not refer to its own keys and names."""
KEPT: Final[Mapping[str, str]] = {
    "nameaccordingto": "according_to", "taxonremarks": "remarks", "nomenclaturalstatus": "nomenclatural_status",
    "taxonomicstatus": "status",
}  # fmt: skip
"""Terms that are kept as extras."""
_RELATIONS: Final = frozenset({"parent id", "parent name", "accepted id", "accepted name", "status"})
_OWN_TERMS: Final = frozenset({"taxonid", "taxonkey", "taxonrank", "scientificnameauthorship", "higherclassification"})
"""Terms that mark a table as a checklist in this spelling only."""


def is_taxon_table(columns: Iterable[str]) -> bool:
    """Whether the columns are those of a checklist: names, and how they relate to one another."""
    names = list(columns)
    terms = {parse_term(name) for name in names}
    roles = {find_meaning(name)[0] for name in names}
    has_names = "name" in roles or {"genus", "specificepithet", "taxonid"} <= terms
    return has_names and (bool(roles & _RELATIONS) or bool(terms & _OWN_TERMS))


def find_terms(columns: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Maps terms to the indices of their columns; where there are several, the first cell that is filled counts.

    columns: name (or URI) of a column → index. Common names in other languages are the terms "vernacularname de", ….
    """
    names = {compact_name(name) for name in columns}
    is_gbif = "taxonkey" in names
    found: dict[str, list[tuple[int, int]]] = {}
    for name, index in columns.items():
        compact = compact_name(name)
        if not (is_gbif and compact in _PUBLISHERS):
            term, precedence = _find_term(name, compact)
            found.setdefault(term, []).append((precedence, index))
    return {term: tuple(index for _, index in sorted(places)) for term, places in found.items()}


def describe_columns(columns: Mapping[str, int]) -> dict[str, str]:
    """Says what each column was taken for, in the order of the file."""
    is_gbif = "taxonkey" in map(compact_name, columns)
    described = {}
    for column in sorted(columns, key=columns.__getitem__):
        meaning = find_meaning(column)
        text = describe_meaning(meaning)
        if is_gbif and compact_name(column) in _PUBLISHERS:
            text = f"not used: {text} at the publisher"
        elif meaning[0] == "extra":
            text = "kept with the taxon, not used" if parse_term(column) in KEPT else "not used"
        described[column] = text
    return described


def _find_term(name: str, compact: str) -> tuple[str, int]:
    """Returns a term, and the precedence of this spelling of it: 0 is the first."""
    meaning = find_meaning(name)
    role, argument = meaning
    if role == "id":
        return ("taxonid", _IDS.index(compact)) if compact in _IDS else (parse_term(name), 0)
    if role == "common":
        return ("vernacularname" if argument == "en" else f"vernacularname {argument}"), 0
    if role == "rank":
        return argument, int(compact != argument)
    spellings = _list_spellings(meaning)
    precedence = spellings.index(compact) if compact in spellings else len(spellings)
    return _TERMS.get(role, parse_term(name)), precedence


def _list_spellings(meaning: Meaning) -> Sequence[str]:
    return SPELLINGS.get(meaning, "").split()
