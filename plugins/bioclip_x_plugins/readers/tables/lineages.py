"""Records with one column (or key) per rank → a tree. Shared by the table and YAML readers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from bioclip_x.plugin import (
    BETWEEN,
    RANKS,
    Column,
    Findings,
    Lineages,
    RankColumn,
    Role,
    Taxonomy,
    TaxonomyError,
    combine_columns,
    from_lineages,
    normalise_rank,
    split_authorship,
)

_EPITHETS = frozenset({"specificepithet", "speciesepithet", "epithet"})
_AUTHORS = frozenset({"authorship", "scientificnameauthorship", "author", "nameauthor"})
_SYNONYMS = frozenset({"synonyms", "synonym"})
_COMMON = frozenset({"commonname", "commonnames", "vernacularname", "common"})
_LANGUAGE = re.compile(
    r"^(?:common|vernacular)[_ ]?names?[_:.\- ]?"
    r"\(?([a-z]{2,3}(?:[-_](?:hans|hant|latn|cyrl|arab))?(?:[-_](?:[a-z]{2}|[0-9]{3}))?)\)?$"
)
_YES_OR_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_MAY_HOLD_AUTHOR = re.compile(r" .*(?:[^\W\d_a-zß-öø-ÿ]|[(,&]|[12][0-9]{3})")
# "Parus major", "× Cuprocyparis leylandii", "P. major": a capital letter, and something after the word.
_GENUS = re.compile(r"(?:[×xX] ?)?(?:[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ-]{2,}|[A-Z]\.) ")


def assign_column_roles(columns: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Column → (role, argument); see `column_role`."""
    return {column: assign_column_role(column) for column in columns}


@lru_cache(maxsize=1024)
def assign_column_role(column: str) -> tuple[str, str]:
    """(role, argument): ("rank", "family"), ("epithet", ""), ("common", "de"), ("id", "gbif"), ("authorship", ""),
    ("synonyms", ""), ("is_class", "") or ("extra", …).

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
    if plain in _AUTHORS:
        return "authorship", ""
    if plain in _SYNONYMS:
        return "synonyms", ""
    if plain == "isclass":
        return "is_class", ""
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


@dataclass(frozen=True, eq=False)
class Rows:
    """A table as read: the cells of each column, and where each row stands. columns: text → `Column` of R cells."""

    columns: Mapping[str, Column]
    line_R: npt.NDArray[np.int32]


def from_rows(rows: Rows, findings: Findings, *, source: str, keep_rows: bool = False) -> Taxonomy:
    """A tree of a table whose columns are ranks and what else is known; see `column_role`.

    Raises TaxonomyError for columns without a rank, for two columns of one rank or one identifier, for rows without any
    name, and for no row at all. A class given twice is counted in the tree's notes and taken once.
    """
    roles = assign_column_roles(rows.columns)
    if not any(role in ("rank", "epithet") for role, _ in roles.values()):
        raise TaxonomyError(
            f"{source}: no column is a rank; expected some of kingdom, phylum, class, order, family, genus, "
            f"species, got {', '.join(rows.columns)}"
        )
    refuse_twins(f"{source}, line 1", roles)
    rows = _of_taxa(rows, roles, findings)
    ranks, about = rank_columns(rows.columns, roles), make_details(rows.columns, roles)
    table = Lineages(len(rows.line_R), ranks, about, rows.line_R, _are_classes(rows, roles, findings))
    return from_lineages(table, findings, source=source, keep_rows=keep_rows)


def _of_taxa(rows: Rows, roles: Mapping[str, tuple[str, str]], findings: Findings) -> Rows:
    """Without rows that have a common name and no other: "blank" and "vehicle" of a camera trap's labels are no taxa."""
    is_named_R, is_called_R = np.zeros((2, len(rows.line_R)), bool)
    called = [column for column, (role, _) in roles.items() if role == "common"]
    for column in called:
        is_called_R |= rows.columns[column].code_R >= 0
    for column, (role, _) in roles.items():
        if role in ("rank", "epithet"):
            is_named_R |= rows.columns[column].code_R >= 0
    left_out = np.flatnonzero(is_called_R & ~is_named_R)
    for row in left_out.tolist():
        cells = (rows.columns[column] for column in called)
        name = next(one.texts[one.code_R[row]] for one in cells if one.code_R[row] >= 0)
        findings.warn("no taxon", f"{name!r} has no name at any rank; left out", int(rows.line_R[row]))
    if not len(left_out):
        return rows
    kept = np.delete(np.arange(len(rows.line_R)), left_out)
    columns = {name: Column(column.code_R[kept], column.texts) for name, column in rows.columns.items()}
    return Rows(columns, rows.line_R[kept])


def _are_classes(rows: Rows, roles: Mapping[str, tuple[str, str]], findings: Findings) -> npt.NDArray[np.bool_] | None:
    """Which rows are classes, where a column `is_class` says so: bool [R]. A blank cell says yes."""
    cells = next((rows.columns[column] for column, (role, _) in roles.items() if role == "is_class"), None)
    if cells is None:
        return None
    answers = [_YES_OR_NO.get(text.strip().lower()) for text in cells.texts]
    for code in (code for code, answer in enumerate(answers) if answer is None):
        line = int(rows.line_R[np.argmax(cells.code_R == code)])
        findings.error("is_class", f"is_class must be true or false, got {cells.texts[code]!r}", line)
    is_class_U = np.array([*(answer is not False for answer in answers), True])
    return is_class_U[cells.code_R]


def from_records(records: Iterable[Mapping[str, str]], findings: Findings, *, source: str) -> Taxonomy:
    """(column → text) records, which need not have the same columns → a tree; see `from_rows`."""
    listed: list[Mapping[str, str]] = []
    seen: set[str] = set()
    for number, record in enumerate(records, start=1):
        if not record.keys() <= seen:
            refuse_twins(f"{source}, {findings.unit} {number}", assign_column_roles(record))
            seen |= record.keys()
        listed.append(record)
    names = dict.fromkeys(name for record in listed for name in record)
    columns = {name: Column.of(record.get(name) or "" for record in listed) for name in names}
    return from_rows(Rows(columns, np.arange(1, len(listed) + 1, dtype=np.int32)), findings, source=source)


def refuse_twins(where: str, roles: Mapping[str, tuple[str, str]]) -> None:
    """Raises TaxonomyError for two columns of one rank, or one identifier, of which the last would win."""
    columns: dict[tuple[str, str], str] = {}
    for column, role in roles.items():
        if role[0] in ("rank", "id") and role in columns:
            raise TaxonomyError(
                f"{where}: {columns[role]!r} and {column!r} are both the {' '.join(reversed(role))}; rename one"
            )
        columns[role] = column


def rank_columns(columns: Mapping[str, Column], roles: Mapping[str, tuple[str, str]]) -> list[RankColumn]:
    """The names at each rank, from the top: without their authors, species and what lies below with their genus."""
    ranks = {argument: _authors_apart(columns[c], argument) for c, (role, argument) in roles.items() if role == "rank"}
    epithet = next((columns[c] for c, (role, _) in roles.items() if role == "epithet"), None)
    if epithet is not None:
        species = ranks.get("species", RankColumn("species", _blank(epithet)))
        ranks["species"] = replace(
            species, names=combine_columns(lambda name, other: name or other, species.names, epithet)
        )
    if "species" in ranks:
        genus = ranks["genus"].names if "genus" in ranks else _blank(ranks["species"].names)
        ranks["species"] = _renamed(ranks["species"], complete_species_name, genus)
        species_names = ranks["species"].names
        for rank in ("subspecies", "variety", "form"):
            if rank in ranks:
                ranks[rank] = _renamed(ranks[rank], _below_species, species_names, genus)
    return [ranks[rank] for rank in RANKS if rank in ranks]


def _authors_apart(column: Column, rank: str) -> RankColumn:
    """Names with single spaces, and apart from them the authors that stood there with them."""
    authorship: dict[str, str] = {}

    def without_author(text: str) -> str:
        name = " ".join(text.split())
        if not _MAY_HOLD_AUTHOR.search(name):
            return name
        name, author = split_authorship(name, rank)
        if author:
            authorship.setdefault(name, author)
        return name

    return RankColumn(rank, column.map(without_author), authorship)


def _renamed(column: RankColumn, name: Callable[..., str], *others: Column) -> RankColumn:
    """With the names that `name` makes of each cell and the cells beside it. Blank cells stay blank."""
    authorship: dict[str, str] = {}

    def made(cell: str, *beside: str) -> str:
        whole = name(cell, *beside) if cell else ""
        if cell in column.authorship:
            authorship[whole] = column.authorship[cell]
        return whole

    return RankColumn(column.rank, combine_columns(made, column.names, *others), authorship)


def _blank(like: Column) -> Column:
    return Column(np.full(len(like.code_R), -1, np.int64), ())


def complete_species_name(name: str, genus: str) -> str:
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


def make_details(columns: Mapping[str, Column], roles: Mapping[str, tuple[str, str]]) -> list[tuple[Role, str, Column]]:
    """What the columns that are no ranks say of each row's taxon. Columns of one language are put together."""
    found: dict[tuple[Role, str], Column] = {}
    for column, (role, argument) in roles.items():
        if role in ("rank", "epithet", "is_class"):
            continue
        key: tuple[Role, str] = (role, argument)  # type: ignore[assignment]
        cells = columns[column].map(_synonyms if role == "synonyms" else str.strip)
        found[key] = combine_columns(_joined, found[key], cells) if key in found and role == "common" else cells
    return [(role, argument, cells) for (role, argument), cells in found.items()]


def _joined(one: str, other: str) -> str:
    return BETWEEN.join(filter(None, (one, other)))


def _synonyms(cell: str) -> str:
    """Names with their authors, as a person writes them, → name and author divided by a tab."""
    apart = (split_authorship(" ".join(part.split())) for part in cell.split(BETWEEN) if part.strip())
    return BETWEEN.join("\t".join(filter(None, pair)) for pair in apart)
