"""Rows of ColDP tables → rows of a checklist."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from bioclip_x.plugin import ORDER, RANKS, NameUsage
from bioclip_x_plugins.readers.checklists.rank_words import NO_NAME, rank_of, rank_of_name
from bioclip_x_plugins.readers.checklists.rows import Lineage, Listed, clean_name, make_column_name

Row = Callable[[str], str]
"""Column in lower case, letters only → the cell."""

_SYNONYM: Final = re.compile(r"synonym|misapplied", re.IGNORECASE)
_COLUMNS: Final = tuple(rank for rank in RANKS if ORDER[rank] <= ORDER["species"])
_KEPT: Final = {
    "accordingto": "according_to",
    "nameaccordingto": "according_to",
    "remarks": "remarks",
    "extinct": "extinct",
}
_YES: Final = frozenset({"true", "t", "1", "yes", "y"})


def read_usage(taxon: Row, name: Row, line: int) -> Listed | None:
    """A taxon, with the row of its name (the same one, in NameUsage). None where that names nothing."""
    id = taxon("id")
    one = read_name(name, id, line)
    if one is None:
        return None
    usage, status = one.usage, taxon("status")
    parent = taxon("parentid") if taxon("parentid") != id else ""
    if _SYNONYM.search(status):
        # A synonym's parent is its accepted name.
        usage.accepted, one.is_bare = [parent] if parent else [], not parent
    elif status.lower() == "bare name":
        one.is_bare = True
    else:
        usage.parent = parent
        one.above = _above(taxon, usage.rank, usage.name)
    usage.ids = {"taxon": id} if id else {}
    usage.extra = {**usage.extra, **_extra(taxon)}
    return one


def read_name(row: Row, id: str, line: int) -> Listed | None:
    """What a row of the table Name says."""
    rank = rank_of(row("rank"))
    name, authorship, subgenus = clean_name(row("scientificname") or _composed(row), row("authorship"), rank)
    if not name:
        return None
    usage = NameUsage(id or f"line {line}", name, rank or rank_of_name(name), authorship=authorship, line=line)
    if subgenus:
        usage.extra = {"subgenus": subgenus}
    return Listed(usage)


def _composed(row: Row) -> str:
    genus = row("genericname") or row("genus")
    epithets = row("specificepithet"), row("infraspecificepithet")
    cultivar = f"'{row('cultivarepithet')}'" if row("cultivarepithet") else ""
    return row("uninomial") or (
        " ".join(filter(None, (genus, *epithets, cultivar))) if any(epithets) or cultivar else ""
    )


def _above(row: Row, rank: str, name: str) -> Lineage:
    lineage = []
    lowest = ORDER.get(rank)
    for column in _COLUMNS:
        cell = row(column)
        if cell == name if lowest is None else ORDER[column] >= lowest:
            break
        if cell and not NO_NAME.fullmatch(cell):
            lineage.append((column, make_column_name(cell, column)))
    return tuple(lineage)


def _extra(row: Row) -> dict[str, str]:
    found = {key: row(column) for column, key in _KEPT.items() if row(column)}
    if found.get("extinct", "").lower() not in _YES:
        found.pop("extinct", None)
    if row("provisional").lower() in _YES or "provisional" in row("status").lower():
        found["status"] = "provisionally accepted"
    return found
