"""Records with one column (or key) per rank → a tree. Shared by the table and YAML readers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from bioclip_x.errors import TaxonomyError
from bioclip_x.taxonomy import RANKS, Details, Taxonomy, TaxonomyBuilder, normalise_rank

_EPITHETS = frozenset({"specificepithet", "speciesepithet", "epithet"})
_COMMON = frozenset({"commonname", "commonnames", "vernacularname", "common"})
_LANGUAGE = re.compile(
    r"^(?:common|vernacular)[_ ]?names?[_:.\- ]?"
    r"\(?([a-z]{2,3}(?:[-_](?:hans|hant|latn|cyrl|arab))?(?:[-_](?:[a-z]{2}|[0-9]{3}))?)\)?$"
)
# "Parus major", "× Cuprocyparis leylandii", "P. major": a capital letter, and something after the word.
_GENUS = re.compile(r"(?:[×xX] ?)?(?:[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ-]{2,}|[A-Z]\.) ")


def column_roles(columns: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Column → (role, argument); see `column_role`."""
    return {column: column_role(column) for column in columns}


@lru_cache(maxsize=1024)
def column_role(column: str) -> tuple[str, str]:
    """(role, argument): ("rank", "family"), ("epithet", ""), ("common", "de"), ("id", "gbif") or ("extra", …).

    >>> column_role("cls"), column_role("common_name_pt_BR"), column_role("gbif_id"), column_role("is_hybrid")
    (('rank', 'class'), ('common', 'pt-br'), ('id', 'gbif'), ('extra', 'is_hybrid'))
    """
    key = column.strip().lower()
    plain = key.replace("_", "").replace(" ", "")
    rank = normalise_rank(key)
    if rank in RANKS:
        return "rank", rank
    if plain in _EPITHETS:
        return "epithet", ""
    if plain in _COMMON:
        return "common", "en"
    if match := _LANGUAGE.match(key):
        return "common", normalise_language(match[1])
    if key.endswith("_id") and len(key) > len("_id"):
        return "id", key.removesuffix("_id")
    return "extra", column.strip()


def normalise_language(code: str) -> str:
    """
    >>> normalise_language("pt_BR")
    'pt-br'
    """
    return code.strip().lower().replace("_", "-")


def from_records(records: Iterable[tuple[str, Mapping[str, str]]], source: str) -> Taxonomy:
    """(where, column → text) records → a tree; `where` names the line in errors.

    Raises TaxonomyError for a record without any name, for no record at all, for columns without a rank, and for two
    columns of one rank or one identifier.
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
            refuse_twins(where, roles)
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


def refuse_twins(where: str, roles: Mapping[str, tuple[str, str]]) -> None:
    """Raises TaxonomyError for two columns of one rank, or one identifier, of which the last would win."""
    columns: dict[tuple[str, str], str] = {}
    for column, role in roles.items():
        if role[0] in ("rank", "id") and role in columns:
            raise TaxonomyError(
                f"{where}: {columns[role]!r} and {column!r} are both the {' '.join(reversed(role))}; rename one"
            )
        columns[role] = column


def _lineage(record: Mapping[str, str], roles: Mapping[str, tuple[str, str]]) -> list[tuple[str, str]]:
    names = {argument: record[c].strip() for c, (role, argument) in roles.items() if role == "rank" and record.get(c)}
    names = {rank: " ".join(name.split()) for rank, name in names.items() if name}
    epithet = next((record[c].strip() for c, (role, _) in roles.items() if role == "epithet" and record.get(c)), "")
    species, genus = names.get("species") or epithet, names.get("genus", "")
    if species:
        species = names["species"] = whole_species(species, genus)
    for rank in ("subspecies", "variety", "form"):
        if species and rank in names:
            names[rank] = _below_species(names[rank], species, genus)
    return [(rank, names[rank]) for rank in RANKS if rank in names]


def whole_species(name: str, genus: str) -> str:
    """With its genus in front, unless it has that, or another, there already.

    >>> whole_species("× hispanica", "Quercus"), whole_species("Cyanistes caeruleus", "Parus")
    ('Quercus × hispanica', 'Cyanistes caeruleus')
    """
    is_whole = not genus or _has_genus(name, genus) or _GENUS.match(name)
    return name if is_whole else f"{genus} {name}"


def _below_species(name: str, species: str, genus: str) -> str:
    """A subspecies, variety or form with its species in front, unless its genus is there already.

    >>> _below_species("var. alba", "Quercus robur", "Quercus")
    'Quercus robur var. alba'
    """
    is_whole = any(_has_genus(name, above) for above in (genus, species.split(" ", 1)[0]) if above)
    return name if is_whole else f"{species} {name}"


def _has_genus(name: str, genus: str) -> bool:
    """Whether a name begins with the genus, written out or as its initial (P. major)."""
    return name.casefold().startswith(f"{genus.casefold()} ") or name.startswith(f"{genus[0]}. ")


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
