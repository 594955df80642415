"""Builds a tree from the columns of a table, whatever file it came from: one door for CSV, Parquet, workbooks and YAML."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bioclip_x.plugin import (
    BETWEEN,
    ORDER,
    Column,
    Findings,
    Lineages,
    Taxonomy,
    TaxonomyError,
    drop_placeholder,
    from_lineages,
)
from bioclip_x_plugins.readers.tables.cells import clean_common_name, clean_rank_cell, clean_species_cell
from bioclip_x_plugins.readers.tables.lineages import make_details, make_rank_columns
from bioclip_x_plugins.readers.tables.names import build_from_names
from bioclip_x_plugins.readers.tables.roles import assign_meanings, holds_names, make_no_names_error
from bioclip_x_plugins.readers.vocabulary.columns import Meaning, describe_meaning, find_meanings

_YES_OR_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, eq=False)
class Rows:
    """A table: its columns of R cells by name, and the line (or row) number of each row."""

    columns: Mapping[str, Column]
    line_R: npt.NDArray[np.int32]

    def select(self, row_n: npt.NDArray[np.int64]) -> Rows:
        """Returns some of the rows, in the given order."""
        columns = {name: Column(column.code_R[row_n], column.texts) for name, column in self.columns.items()}
        return Rows(columns, self.line_R[row_n])

    def iterate_cells(self) -> Iterator[tuple[int, list[str]]]:
        """Yields (line, cells in the order of the columns)."""
        texts = [[*column.texts, ""] for column in self.columns.values()]
        codes = np.stack([column.code_R for column in self.columns.values()], axis=1)
        for line, code in zip(self.line_R.tolist(), codes.tolist()):
            yield line, [of_column[number] for of_column, number in zip(texts, code)]


def from_rows(rows: Rows, findings: Findings, *, source: str, keep_rows: bool = False) -> Taxonomy:
    """Builds a tree from a table of names, of ranks and of other columns; see `columns.find_meaning`.

    Raises TaxonomyError if no column names taxa, two columns are the same rank or identifier, a row has no name, or there are
    no rows. Repeated classes are merged and counted in the tree's notes.
    """
    meanings = assign_meanings(rows.columns, findings)
    findings.columns.update({column: describe_meaning(meaning) for column, meaning in meanings.items()})
    if not holds_names(meanings):
        raise make_no_names_error(source, meanings)
    check_unique_meanings(f"{source}, line 1", meanings)
    rows, beside = _take_beside(rows, meanings)
    rows = _clean_rows(rows, meanings, findings)
    rows = _drop_unnamed_rows(rows, meanings, findings)
    is_class_R = _read_is_class(rows, meanings, findings)
    if ("name", "") in meanings.values():
        return build_from_names(rows.columns, rows.line_R, meanings, beside, findings, source=source)
    ranks, details = make_rank_columns(rows.columns, meanings), make_details(rows.columns, meanings)
    table = Lineages(len(rows.line_R), ranks, details, rows.line_R, is_class_R, beside)
    return from_lineages(table, findings, source=source, keep_rows=keep_rows)


def from_records(records: Iterable[Mapping[str, str]], findings: Findings, *, source: str) -> Taxonomy:
    """Builds a tree from records (column → text), whose columns may differ; see `from_rows`."""
    checked: list[Mapping[str, str]] = []
    seen: set[str] = set()
    for number, record in enumerate(records, start=1):
        if not record.keys() <= seen:
            check_unique_meanings(f"{source}, {findings.unit} {number}", find_meanings(record))
            seen |= record.keys()
        checked.append(record)
    names = dict.fromkeys(name for record in checked for name in record)
    columns = {name: Column.of(record.get(name) or "" for record in checked) for name in names}
    return from_rows(Rows(columns, np.arange(1, len(checked) + 1, dtype=np.int32)), findings, source=source)


def check_unique_meanings(where: str, meanings: Mapping[str, Meaning]) -> None:
    """Raises TaxonomyError for two columns of the same rank or identifier."""
    columns: dict[Meaning, str] = {}
    for column, meaning in meanings.items():
        if meaning[0] in ("rank", "id") and meaning in columns:
            raise TaxonomyError(
                f"{where}: {columns[meaning]!r} and {column!r} are both the {' '.join(reversed(meaning))}; rename one"
            )
        columns[meaning] = column


def _take_beside(rows: Rows, meanings: Mapping[str, Meaning]) -> tuple[Rows, tuple[str, ...]]:
    """Returns the rows of taxa, and the labels beside the tree, which have rows of their own in the column `beside`."""
    cells = next((rows.columns[column] for column, (role, _) in meanings.items() if role == "beside"), None)
    if cells is None:
        return rows, ()
    labels = tuple(cells.texts[code] for code in cells.code_R.tolist() if code >= 0)
    return rows.select(np.flatnonzero(cells.code_R < 0)), labels


def _clean_rows(rows: Rows, meanings: Mapping[str, Meaning], findings: Findings) -> Rows:
    """Cleans all cells (see `cells`), and drops rows in which nothing but placeholders was left of the names."""
    was_named_R = _find_named(rows, meanings)
    columns = {name: column.map(_get_cleaner(meanings[name])) for name, column in rows.columns.items()}
    cleaned = Rows(columns, rows.line_R)
    dropped = np.flatnonzero(was_named_R & ~_find_named(cleaned, meanings))
    if len(dropped):
        findings.warn(
            "no taxon",
            "no name at any rank, only placeholders such as unknown or NA; left out",
            int(rows.line_R[dropped[0]]),
            times=len(dropped),
        )
    is_filled_R = np.any([column.code_R >= 0 for column in columns.values()], axis=0)
    is_filled_R[dropped] = False
    return cleaned if is_filled_R.all() else cleaned.select(np.flatnonzero(is_filled_R))


def _get_cleaner(meaning: Meaning) -> Callable[[str], str]:
    match meaning:
        case "epithet" | "infraspecific epithet" | "name", _:
            return clean_species_cell
        case "rank", rank:
            return clean_species_cell if ORDER[rank] >= ORDER["species"] else clean_rank_cell
        case "common", _:
            return _clean_common_names
    return drop_placeholder


def _clean_common_names(cell: str) -> str:
    return BETWEEN.join(filter(None, map(clean_common_name, cell.split(BETWEEN))))


def _find_named(rows: Rows, meanings: Mapping[str, Meaning]) -> npt.NDArray[np.bool_]:
    """bool [R], whether a row has a name at any rank."""
    is_named_R = np.zeros(len(rows.line_R), bool)
    for column, (role, _) in meanings.items():
        if role in ("rank", "epithet", "name"):
            is_named_R |= rows.columns[column].code_R >= 0
    return is_named_R


def _drop_unnamed_rows(rows: Rows, meanings: Mapping[str, Meaning], findings: Findings) -> Rows:
    """Drops rows that have only a common name, such as "blank" and "vehicle" among camera-trap labels."""
    has_common_name_R = np.zeros(len(rows.line_R), bool)
    common = [column for column, (role, _) in meanings.items() if role == "common"]
    for column in common:
        has_common_name_R |= rows.columns[column].code_R >= 0
    dropped = np.flatnonzero(has_common_name_R & ~_find_named(rows, meanings))
    for row in dropped.tolist():
        columns_of_names = (rows.columns[column] for column in common)
        name = next(column.texts[column.code_R[row]] for column in columns_of_names if column.code_R[row] >= 0)
        message = f"{name!r} has no name at any rank; left out (--beside keeps such labels)"
        findings.warn("no taxon", message, int(rows.line_R[row]))
    return rows.select(np.delete(np.arange(len(rows.line_R)), dropped)) if len(dropped) else rows


def _read_is_class(rows: Rows, meanings: Mapping[str, Meaning], findings: Findings) -> npt.NDArray[np.bool_] | None:
    """Reads the column `is_class`: bool [R], True for blank cells; None without such a column."""
    cells = next((rows.columns[column] for column, (role, _) in meanings.items() if role == "is_class"), None)
    if cells is None:
        return None
    answers = [_YES_OR_NO.get(text.strip().lower()) for text in cells.texts]
    for code in (code for code, answer in enumerate(answers) if answer is None):
        line = int(rows.line_R[np.argmax(cells.code_R == code)])
        findings.error("is_class", f"is_class must be true or false, got {cells.texts[code]!r}", line)
    is_class_U = np.array([*(answer is not False for answer in answers), True])
    return is_class_U[cells.code_R]
