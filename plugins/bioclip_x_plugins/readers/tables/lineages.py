"""Builds trees from records with one column (or key) per rank. Shared by the table and YAML readers."""

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
    """Maps columns to (role, argument); see `assign_column_role`."""
    return {column: assign_column_role(column) for column in columns}


@lru_cache(maxsize=1024)
def assign_column_role(column: str) -> tuple[str, str]:
    """Returns (role, argument) of a column: ("rank", "family"), ("epithet", ""), ("common", "de"), ("id", "gbif"),
    ("authorship", ""), ("synonyms", ""), ("is_class", ""), ("beside", "") or ("extra", …).

    >>> [assign_column_role(column) for column in ("cls", "common_name_pt_BR", "gbif_id", "is_hybrid")]
    [('rank', 'class'), ('common', 'pt-br'), ('id', 'gbif'), ('extra', 'is_hybrid')]
    """
    key = column.strip().lower()
    compact = key.replace("_", "").replace(" ", "")
    rank = normalise_rank(key)
    if rank in RANKS:
        return "rank", rank
    if compact in _EPITHETS:
        return "epithet", ""
    if compact in _COMMON:
        return "common", "en"
    if compact in _AUTHORS:
        return "authorship", ""
    if compact in _SYNONYMS:
        return "synonyms", ""
    if compact == "isclass":
        return "is_class", ""
    if compact == "beside":
        return "beside", ""
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
    """A table: its columns of R cells by name, and the line (or row) number of each row."""

    columns: Mapping[str, Column]
    line_R: npt.NDArray[np.int32]


def from_rows(rows: Rows, findings: Findings, *, source: str, keep_rows: bool = False) -> Taxonomy:
    """Builds a tree from a table of ranks and other columns; see `assign_column_role`.

    Raises TaxonomyError if no column is a rank, two columns are the same rank or identifier, a row has no name, or there are
    no rows. Repeated classes are merged and counted in the tree's notes.
    """
    roles = assign_column_roles(rows.columns)
    if not any(role in ("rank", "epithet") for role, _ in roles.values()):
        raise TaxonomyError(
            f"{source}: no column is a rank; expected some of kingdom, phylum, class, order, family, genus, "
            f"species, got {', '.join(rows.columns)}"
        )
    check_unique_roles(f"{source}, line 1", roles)
    rows, beside = _take_beside(rows, roles)
    rows = _drop_unnamed_rows(rows, roles, findings)
    ranks, details = make_rank_columns(rows.columns, roles), make_details(rows.columns, roles)
    table = Lineages(len(rows.line_R), ranks, details, rows.line_R, _read_is_class(rows, roles, findings), beside)
    return from_lineages(table, findings, source=source, keep_rows=keep_rows)


def _drop_unnamed_rows(rows: Rows, roles: Mapping[str, tuple[str, str]], findings: Findings) -> Rows:
    """Drops rows that have only a common name, such as "blank" and "vehicle" among camera-trap labels."""
    is_named_R, has_common_name_R = np.zeros((2, len(rows.line_R)), bool)
    common = [column for column, (role, _) in roles.items() if role == "common"]
    for column in common:
        has_common_name_R |= rows.columns[column].code_R >= 0
    for column, (role, _) in roles.items():
        if role in ("rank", "epithet"):
            is_named_R |= rows.columns[column].code_R >= 0
    dropped = np.flatnonzero(has_common_name_R & ~is_named_R)
    for row in dropped.tolist():
        columns_of_names = (rows.columns[column] for column in common)
        name = next(column.texts[column.code_R[row]] for column in columns_of_names if column.code_R[row] >= 0)
        message = f"{name!r} has no name at any rank; left out (--beside keeps such labels)"
        findings.warn("no taxon", message, int(rows.line_R[row]))
    return _drop_rows(rows, dropped) if len(dropped) else rows


def _take_beside(rows: Rows, roles: Mapping[str, tuple[str, str]]) -> tuple[Rows, tuple[str, ...]]:
    """Returns the rows of taxa, and the labels beside the tree, which have rows of their own in the column `beside`."""
    cells = next((rows.columns[column] for column, (role, _) in roles.items() if role == "beside"), None)
    if cells is None:
        return rows, ()
    at = np.flatnonzero(cells.code_R >= 0)
    return _drop_rows(rows, at), tuple(cells.texts[code] for code in cells.code_R[at].tolist())


def _drop_rows(rows: Rows, dropped: npt.NDArray[np.int64]) -> Rows:
    kept = np.delete(np.arange(len(rows.line_R)), dropped)
    columns = {name: Column(column.code_R[kept], column.texts) for name, column in rows.columns.items()}
    return Rows(columns, rows.line_R[kept])


def _read_is_class(
    rows: Rows, roles: Mapping[str, tuple[str, str]], findings: Findings
) -> npt.NDArray[np.bool_] | None:
    """Reads the column `is_class`: bool [R], True for blank cells; None without such a column."""
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
    """Builds a tree from records (column → text), whose columns may differ; see `from_rows`."""
    checked: list[Mapping[str, str]] = []
    seen: set[str] = set()
    for number, record in enumerate(records, start=1):
        if not record.keys() <= seen:
            check_unique_roles(f"{source}, {findings.unit} {number}", assign_column_roles(record))
            seen |= record.keys()
        checked.append(record)
    names = dict.fromkeys(name for record in checked for name in record)
    columns = {name: Column.of(record.get(name) or "" for record in checked) for name in names}
    return from_rows(Rows(columns, np.arange(1, len(checked) + 1, dtype=np.int32)), findings, source=source)


def check_unique_roles(where: str, roles: Mapping[str, tuple[str, str]]) -> None:
    """Raises TaxonomyError for two columns of the same rank or identifier."""
    columns: dict[tuple[str, str], str] = {}
    for column, role in roles.items():
        if role[0] in ("rank", "id") and role in columns:
            raise TaxonomyError(
                f"{where}: {columns[role]!r} and {column!r} are both the {' '.join(reversed(role))}; rename one"
            )
        columns[role] = column


def make_rank_columns(columns: Mapping[str, Column], roles: Mapping[str, tuple[str, str]]) -> list[RankColumn]:
    """Makes the columns of names, highest rank first: authors split off, species and lower ranks as full names."""
    ranks = {argument: _split_authors(columns[c], argument) for c, (role, argument) in roles.items() if role == "rank"}
    epithet = next((columns[c] for c, (role, _) in roles.items() if role == "epithet"), None)
    if epithet is not None:
        species = ranks.get("species", RankColumn("species", _make_blank_column(epithet)))
        ranks["species"] = replace(
            species, names=combine_columns(lambda name, other: name or other, species.names, epithet)
        )
    if "species" in ranks:
        genus = ranks["genus"].names if "genus" in ranks else _make_blank_column(ranks["species"].names)
        ranks["species"] = _rename(ranks["species"], complete_species_name, genus)
        species_names = ranks["species"].names
        for rank in ("subspecies", "variety", "form"):
            if rank in ranks:
                ranks[rank] = _rename(ranks[rank], _complete_infraspecific_name, species_names, genus)
    return [ranks[rank] for rank in RANKS if rank in ranks]


def _split_authors(column: Column, rank: str) -> RankColumn:
    """Collapses spaces in names, and moves their authors to `RankColumn.authorship`."""
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


def _rename(column: RankColumn, make_name: Callable[..., str], *others: Column) -> RankColumn:
    """Applies `make_name` to each cell and the cells of `others` in its row. Blank cells stay blank."""
    authorship: dict[str, str] = {}

    def rename_cell(cell: str, *other_cells: str) -> str:
        name = make_name(cell, *other_cells) if cell else ""
        if cell in column.authorship:
            authorship[name] = column.authorship[cell]
        return name

    return RankColumn(column.rank, combine_columns(rename_cell, column.names, *others), authorship)


def _make_blank_column(like: Column) -> Column:
    return Column(np.full(len(like.code_R), -1, np.int64), ())


def complete_species_name(name: str, genus: str) -> str:
    """Prefixes a species name with its genus, unless it already starts with a genus.

    >>> complete_species_name("× hispanica", "Quercus"), complete_species_name("Cyanistes caeruleus", "Parus")
    ('Quercus × hispanica', 'Cyanistes caeruleus')
    """
    is_complete = not genus or _has_genus(name, genus) or _GENUS.match(name)
    return name if is_complete else f"{genus} {name}"


def _complete_infraspecific_name(name: str, species: str, genus: str) -> str:
    """Prefixes the name of a subspecies, variety or form with its species, unless it already starts with its genus.

    >>> _complete_infraspecific_name("var. alba", "Quercus robur", "Quercus")
    'Quercus robur var. alba'
    """
    is_complete = any(_has_genus(name, known) for known in (genus, species.split(" ", 1)[0]) if known)
    return name if is_complete else f"{species} {name}"


def _has_genus(name: str, genus: str) -> bool:
    """Whether a name begins with the genus, in full or as its initial (P. major)."""
    return name.casefold().startswith(f"{genus.casefold()} ") or name.startswith(f"{genus[0]}. ")


def make_details(columns: Mapping[str, Column], roles: Mapping[str, tuple[str, str]]) -> list[tuple[Role, str, Column]]:
    """Makes (role, argument, column) of all columns that are not ranks. Common names of one language are combined."""
    details: dict[tuple[Role, str], Column] = {}
    for column, (role, argument) in roles.items():
        if role in ("rank", "epithet", "is_class", "beside"):
            continue
        key: tuple[Role, str] = (role, argument)  # type: ignore[assignment]
        cells = columns[column].map(_split_synonyms if role == "synonyms" else str.strip)
        details[key] = (
            combine_columns(_join_cells, details[key], cells) if key in details and role == "common" else cells
        )
    return [(role, argument, cells) for (role, argument), cells in details.items()]


def _join_cells(first: str, second: str) -> str:
    return BETWEEN.join(filter(None, (first, second)))


def _split_synonyms(cell: str) -> str:
    """Splits each synonym of a cell into name and author, separated by a tab."""
    pairs = (split_authorship(" ".join(part.split())) for part in cell.split(BETWEEN) if part.strip())
    return BETWEEN.join("\t".join(filter(None, pair)) for pair in pairs)
