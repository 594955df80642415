"""Records with one column (or key) per rank → a tree. Shared by the table and YAML readers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from bioclip_x.errors import TaxonomyError
from bioclip_x.taxonomy import RANKS, Details, Taxonomy, TaxonomyBuilder, normalise_rank

_EPITHETS = frozenset({"specificepithet", "speciesepithet", "epithet"})
_COMMON = frozenset({"commonname", "commonnames", "vernacularname", "common"})
_LANGUAGE = re.compile(r"^(?:common|vernacular)[_ ]?names?[_:.\- ]?\(?([a-z]{2,3})\)?$")


def column_roles(columns: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Column → (role, argument): ("rank", "family"), ("epithet", ""), ("common", "de"), ("id", "gbif"), ("extra", …)."""
    roles = {}
    for column in columns:
        key = column.strip().lower()
        plain = key.replace("_", "").replace(" ", "")
        rank = normalise_rank(key)
        if rank in RANKS:
            roles[column] = ("rank", rank)
        elif plain in _EPITHETS:
            roles[column] = ("epithet", "")
        elif plain in _COMMON:
            roles[column] = ("common", "en")
        elif match := _LANGUAGE.match(key):
            roles[column] = ("common", match[1])
        elif plain.endswith("id") and len(plain) > 2 and "_" in key:
            roles[column] = ("id", key.rsplit("_", 1)[0])
        else:
            roles[column] = ("extra", column.strip())
    return roles


def from_records(records: Iterable[tuple[str, Mapping[str, str]]], source: str) -> Taxonomy:
    """(where, column → text) records → a tree; `where` names the line in errors.

    Raises TaxonomyError for a record without any name, for no record at all, and for columns without a rank.
    A class given twice is counted in the tree's notes and taken once.
    """
    builder = TaxonomyBuilder()
    roles: dict[str, tuple[str, str]] = {}
    twice: list[str] = []
    for where, record in records:
        if not record.keys() <= roles.keys():
            roles = column_roles(record)
            if not any(role in ("rank", "epithet") for role, _ in roles.values()):
                raise TaxonomyError(
                    f"{where}: no column is a rank; expected some of kingdom, phylum, class, order, family, genus, "
                    f"species, got {', '.join(record)}"
                )
        lineage = _lineage(record, roles)
        if not lineage:
            raise TaxonomyError(f"{where}: no name at any rank")
        before = len(builder)
        node = builder.add_lineage(lineage, _details(record, roles), is_class=False)
        if len(builder) == before and builder.is_class(node):
            twice.append(f"{lineage[-1][1]} ({where})")
        builder.mark_class(node)
    if len(builder) == 1:
        raise TaxonomyError(f"{source} holds no taxon")
    notes = [f"{len(twice)} classes are listed twice and taken once, first: {twice[0]}"] if twice else []
    return builder.build(source, notes)


def _lineage(record: Mapping[str, str], roles: Mapping[str, tuple[str, str]]) -> list[tuple[str, str]]:
    names = {argument: record[c].strip() for c, (role, argument) in roles.items() if role == "rank" and record.get(c)}
    names = {rank: " ".join(name.split()) for rank, name in names.items() if name}
    epithet = next((record[c].strip() for c, (role, _) in roles.items() if role == "epithet" and record.get(c)), "")
    species, genus = names.get("species") or epithet, names.get("genus", "")
    if species:
        species = names["species"] = f"{genus} {species}" if genus and " " not in species else species
    for rank in ("subspecies", "variety", "form"):
        if species and rank in names and " " not in names[rank]:
            names[rank] = f"{species} {names[rank]}"
    return [(rank, names[rank]) for rank in RANKS if rank in names]


def _details(record: Mapping[str, str], roles: Mapping[str, tuple[str, str]]) -> Details:
    common: dict[str, tuple[str, ...]] = {}
    ids: dict[str, str] = {}
    extra: dict[str, str] = {}
    for column, (role, argument) in roles.items():
        value = (record.get(column) or "").strip()
        if not value:
            continue
        if role == "common":
            names = tuple(name.strip() for name in value.split("|") if name.strip())
            common[argument] = common.get(argument, ()) + names
        elif role == "id":
            ids[argument] = value
        elif role == "extra":
            extra[argument] = value
    return Details(common, ids, extra)
