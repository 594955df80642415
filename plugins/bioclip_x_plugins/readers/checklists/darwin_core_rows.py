"""A row of Darwin Core terms → a row of a checklist."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from bioclip_x.plugin import ORDER, RANKS, NameUsage
from bioclip_x_plugins.readers.checklists.rank_words import NO_NAME, rank_of, rank_of_name
from bioclip_x_plugins.readers.checklists.rows import Lineage, Listed, clean_name, make_column_name

_SYNONYM: Final = re.compile(
    r"synonym|sinonimo|sinónimo|\bunaccepted|\bnot accepted|\binvalid\b|misapplied|misspell|junior|superseded|\bbare name|"
    r"excluded|deprecated|unavailable",
    re.IGNORECASE,
)
_ACCEPTED: Final = frozenset({"", "accepted", "valid", "accepted name", "nome_aceito"})
_KEPT: Final = {
    "nameaccordingto": "according_to", "taxonremarks": "remarks", "nomenclaturalstatus": "nomenclatural_status",
    "taxonomicstatus": "status",
}  # fmt: skip
RANK_COLUMNS: Final = tuple(rank for rank in RANKS if ORDER[rank] <= ORDER["species"])


def read_usage(row: Callable[[str], str], core_id: str, line: int, ranks: Sequence[str]) -> Listed | None:
    """row: term in lower case → the cell. ranks: the rank columns that the file has, from the top down.

    None for a row that names nothing.
    """
    text = row("scientificname") or _composed(row)
    rank = rank_of(row("taxonrank"))
    name, authorship, subgenus = clean_name(text, row("scientificnameauthorship"), rank)
    if not name:
        return None
    rank = rank or rank_of_name(name)
    id = row("taxonid") or core_id
    accepted = _ids(row("acceptednameusageid"), id)
    parent = row("parentnameusageid")
    usage = NameUsage(
        id,
        name,
        rank,
        parent if parent != id else "",
        accepted,
        authorship,
        line=line,
        common_names={"en": (row("vernacularname"),)} if row("vernacularname") else {},
        ids={"taxon": id} if id else {},
        extra=_extra(row, subgenus),
    )
    is_own = bool(row("acceptednameusageid")) and not accepted
    status = row("taxonomicstatus")
    return Listed(
        usage,
        _above(row, rank, name, ranks),
        "" if parent == id and id else row("parentnameusage"),
        "" if is_own else row("acceptednameusage"),
        is_bare=not is_own and bool(_SYNONYM.search(status) or _SYNONYM.search(row("taxonrank"))),
    )


def _composed(row: Callable[[str], str]) -> str:
    """Of the parts of a name, where it is not given whole."""
    genus = row("genus") or row("genericname")
    epithet, below = row("specificepithet"), row("infraspecificepithet")
    return " ".join(filter(None, (genus, epithet, below))) if epithet else ""


def _ids(text: str, own: str) -> list[str]:
    """Identifiers of accepted names; several, separated by |, of a name that was split (pro parte)."""
    return [one for one in (part.strip() for part in text.split("|")) if one and one != own]


def _above(row: Callable[[str], str], rank: str, name: str, ranks: Sequence[str]) -> Lineage:
    """The rank columns above its own rank, or above its own name where the rank is not known."""
    lineage: list[tuple[str, str]] = []
    lowest = ORDER.get(rank)
    for column in ranks:
        cell = row(column)
        if lowest is None:
            if cell and make_column_name(cell, column) == name:
                break
        elif ORDER[column] >= lowest:
            break
        if not cell or NO_NAME.fullmatch(cell):
            continue
        if column == "subgenus" and "(" not in cell and row("genus"):
            cell = f"{row('genus')} ({cell})"
        if column == "species" and " " not in cell and row("genus"):
            cell = f"{row('genus')} {cell}"
        lineage.append((column, make_column_name(cell, column)))
    return tuple(lineage)


def _extra(row: Callable[[str], str], subgenus: str) -> dict[str, str]:
    found = {key: row(column) for column, key in _KEPT.items() if row(column)}
    if found.get("status", "").lower() in _ACCEPTED:
        found.pop("status", None)
    return found | ({"subgenus": subgenus} if subgenus else {})
