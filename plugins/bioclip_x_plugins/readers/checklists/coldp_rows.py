"""Rows of ColDP tables → rows of a checklist."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from bioclip_x.plugin import ORDER, RANKS, NameUsage
from bioclip_x_plugins.readers.checklists.rows import ChecklistRow, Lineage, clean_column_name, clean_name
from bioclip_x_plugins.readers.vocabulary.rank_words import infer_rank, parse_rank

Row = Callable[[str], str]
"""Normalised column name (see `normalise_column`) → cell."""

_SYNONYM: Final = re.compile(r"synonym|misapplied", re.IGNORECASE)
_COLUMNS: Final = tuple(rank for rank in RANKS if ORDER[rank] <= ORDER["species"])
_KEPT: Final = {
    "accordingto": "according_to",
    "nameaccordingto": "according_to",
    "remarks": "remarks",
    "extinct": "extinct",
}
_YES: Final = frozenset({"true", "t", "1", "yes", "y"})


def read_taxon(taxon: Row, name: Row, line: int) -> ChecklistRow | None:
    """Converts a taxon and the row of its name (the same row in NameUsage); None if it has no name."""
    id = taxon("id")
    row = read_name(name, id, line)
    if row is None:
        return None
    usage, status = row.usage, taxon("status")
    parent = taxon("parentid") if taxon("parentid") != id else ""
    if _SYNONYM.search(status):
        # The parentID of a synonym is its accepted name.
        usage.accepted, row.is_bare = [parent] if parent else [], not parent
    elif status.lower() == "bare name":
        row.is_bare = True
    else:
        usage.parent = parent
        row.higher_taxa = _read_higher_taxa(taxon, usage.rank, usage.name)
    usage.ids = {"taxon": id} if id else {}
    usage.extra = {**usage.extra, **_read_extra(taxon)}
    return row


def read_name(row: Row, id: str, line: int) -> ChecklistRow | None:
    """Converts a row of the table Name; None if it has no name."""
    rank = parse_rank(row("rank"))
    name, authorship, subgenus = clean_name(row("scientificname") or _compose_name(row), row("authorship"), rank)
    if not name:
        return None
    usage = NameUsage(id or f"line {line}", name, rank or infer_rank(name), authorship=authorship, line=line)
    if subgenus:
        usage.extra = {"subgenus": subgenus}
    return ChecklistRow(usage)


def _compose_name(row: Row) -> str:
    genus = row("genericname") or row("genus")
    epithets = row("specificepithet"), row("infraspecificepithet")
    cultivar = f"'{row('cultivarepithet')}'" if row("cultivarepithet") else ""
    return row("uninomial") or (
        " ".join(filter(None, (genus, *epithets, cultivar))) if any(epithets) or cultivar else ""
    )


def _read_higher_taxa(row: Row, rank: str, name: str) -> Lineage:
    lineage = []
    lowest = ORDER.get(rank)
    for column in _COLUMNS:
        cell = row(column)
        if cell == name if lowest is None else ORDER[column] >= lowest:
            break
        if cell:
            lineage.append((column, clean_column_name(cell, column)))
    return tuple(lineage)


def _read_extra(row: Row) -> dict[str, str]:
    extra = {key: row(column) for column, key in _KEPT.items() if row(column)}
    if extra.get("extinct", "").lower() not in _YES:
        extra.pop("extinct", None)
    if row("provisional").lower() in _YES or "provisional" in row("status").lower():
        extra["status"] = "provisionally accepted"
    return extra
