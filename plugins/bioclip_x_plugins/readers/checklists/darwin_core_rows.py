"""Rows of Darwin Core terms → rows of a checklist."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from bioclip_x.plugin import ORDER, RANKS, NameUsage
from bioclip_x_plugins.readers.checklists.darwin_core_terms import KEPT
from bioclip_x_plugins.readers.checklists.rows import ChecklistRow, Lineage, clean_column_name, clean_name
from bioclip_x_plugins.readers.vocabulary.rank_words import infer_rank, parse_rank

_SYNONYM: Final = re.compile(
    r"synonym|sinonimo|sinónimo|\bunaccepted|\bnot accepted|\binvalid\b|misapplied|misspell|junior|superseded|\bbare name|"
    r"excluded|deprecated|unavailable|unplaced|illegitimate|orthographic",
    re.IGNORECASE,
)
_ACCEPTED: Final = frozenset({"", "accepted", "valid", "accepted name", "nome_aceito"})
RANK_COLUMNS: Final = tuple(rank for rank in RANKS if ORDER[rank] <= ORDER["species"])


def read_taxon(
    row: Callable[[str], str], core_id: str, line: int, ranks: Sequence[str], languages: Sequence[str]
) -> ChecklistRow:
    """Converts a row to a checklist row; its name is "" if it has none.

    row: term in lower case → cell. ranks: the rank columns of the file, highest first. languages: of its common names.
    """
    text = row("scientificname") or _compose_name(row)
    rank = parse_rank(row("taxonrank"))
    name, authorship, subgenus = clean_name(text, row("scientificnameauthorship"), rank)
    rank = rank or infer_rank(name)
    id = row("taxonid") or core_id
    accepted, accepted_name = _split_ids(row("acceptednameusageid"), id), row("acceptednameusage")
    if _has_other_species(row, id, rank):
        accepted, accepted_name = [row("specieskey")], row("species")
    parent = row("parentnameusageid")
    usage = NameUsage(
        id,
        name,
        rank,
        parent if parent != id else "",
        accepted,
        authorship,
        line=line,
        common_names={code: (name,) for code in languages if (name := row(_name_term(code)))},
        ids={"taxon": id} if id else {},
        extra=_read_extra(row, subgenus),
    )
    is_accepted = bool(row("acceptednameusageid")) and not accepted
    status = row("taxonomicstatus")
    return ChecklistRow(
        usage,
        _read_higher_taxa(row, rank, name, ranks),
        "" if parent == id and id else row("parentnameusage"),
        "" if is_accepted else accepted_name,
        is_bare=not is_accepted and bool(_SYNONYM.search(status) or _SYNONYM.search(row("taxonrank"))),
    )


def list_languages(terms: Iterable[str]) -> list[str]:
    """Returns the languages of a table's columns of common names."""
    return [term.partition(" ")[2] or "en" for term in terms if term.split(" ")[0] == "vernacularname"]


def _name_term(language: str) -> str:
    return "vernacularname" if language == "en" else f"vernacularname {language}"


def _has_other_species(row: Callable[[str], str], id: str, rank: str) -> bool:
    """Whether a species of GBIF is a synonym: `speciesKey` and `species`, unlike `taxonKey`, are of the accepted species."""
    key = row("specieskey")
    return rank == "species" and bool(id and key and key != id and row("species")) and not row("acceptednameusageid")


def _compose_name(row: Callable[[str], str]) -> str:
    """Composes the name from genus and epithets."""
    genus = row("genus") or row("genericname")
    epithet, infraspecific = row("specificepithet"), row("infraspecificepithet")
    return " ".join(filter(None, (genus, epithet, infraspecific))) if epithet else ""


def _split_ids(text: str, own_id: str) -> list[str]:
    """Splits identifiers of accepted names; a pro parte synonym has several, separated by |."""
    return [id for id in (part.strip() for part in text.split("|")) if id not in ("", own_id, "0")]


def _read_higher_taxa(row: Callable[[str], str], rank: str, name: str, ranks: Sequence[str]) -> Lineage:
    """Reads the rank columns above the row's own rank, or above its own name if the rank is unknown."""
    lineage: list[tuple[str, str]] = []
    lowest = ORDER.get(rank)
    for column in ranks:
        cell = row(column)
        if lowest is None:
            if cell and clean_column_name(cell, column) == name:
                break
        elif ORDER[column] >= lowest:
            break
        if not cell:
            continue
        if column == "subgenus" and "(" not in cell and row("genus"):
            cell = f"{row('genus')} ({cell})"
        if column == "species" and " " not in cell and row("genus"):
            cell = f"{row('genus')} {cell}"
        lineage.append((column, clean_column_name(cell, column)))
    return tuple(lineage)


def _read_extra(row: Callable[[str], str], subgenus: str) -> dict[str, str]:
    extra = {key: row(column) for column, key in KEPT.items() if row(column)}
    if extra.get("status", "").lower() in _ACCEPTED:
        extra.pop("status", None)
    return extra | ({"subgenus": subgenus} if subgenus else {})
