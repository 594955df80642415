"""Tables with rank columns, separated by commas, semicolons or tabs, in UTF-8 or UTF-16.

    kingdom,phylum,class,order,family,genus,species,common_name,common_name_de
    Animalia,Chordata,Aves,Passeriformes,Paridae,Cyanistes,Cyanistes caeruleus,Eurasian blue tit,Blaumeise

Column names are case-insensitive; `cls` means class; `species` may lack the genus, or be `specific_epithet`; several common names
in a cell are separated by `|`; other columns are kept as extras. A blank cell is a rank missing from the lineage; a row whose
last ranks are blank is a class at its lowest filled rank.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from bioclip_x.plugin import (
    LONGEST_LINE,
    Column,
    Findings,
    Numbering,
    Taxonomy,
    TaxonomyError,
    decode_head,
    explain_csv_error,
    guess_delimiter,
    is_archive,
    read_lines,
    take_first_line,
)
from bioclip_x_plugins.readers.tables.lineages import Rows, assign_column_roles, check_unique_roles, from_rows

BATCH_ROWS: Final = 4096
"""Rows per batch, so that most work is done per column and not per cell."""


class TableReader:
    """Reads CSV and TSV with one column per rank."""

    def sniff(self, path: Path, head: bytes) -> bool:
        if is_archive(head):  # an uncompressed archive begins with the text of its first file
            return False
        header = take_first_line(decode_head(head))
        if (
            not header
            or path.suffix.lower() in (".yaml", ".yml", ".json")
            or header.lstrip().startswith(("{", "[", "(", "<", "-"))
        ):
            return False
        columns = header.split(guess_delimiter(header))
        return any(
            role in ("rank", "epithet") for role, _ in assign_column_roles(c.strip('"') for c in columns).values()
        )

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line."""
        findings = Findings(str(path))
        return from_rows(_read_rows(path, findings), findings, source=str(path))


def _read_rows(path: Path, findings: Findings) -> Rows:
    """Reads all columns. Rows with errors are reported to `findings` and left out."""
    # Not splitlines(): U+2028, U+0085 and form feeds are part of a cell and do not end a row.
    lines = read_lines(path, TaxonomyError, findings.warn_encoding)
    header = next(lines, "")
    csv.field_size_limit(LONGEST_LINE)  # process-wide; every reader sets its own
    reader = csv.reader(chain([header], lines), delimiter=guess_delimiter(header), strict=True)
    names, numberings, codes = [""], [Numbering()], [[np.empty(0, np.int64)]]
    line_R: list[int] = []
    try:
        names = _check_column_names(path, next(reader, []), lines)
        numberings = [Numbering() for _ in names]
        codes = [[np.empty(0, np.int64)] for _ in names]
        complete = _read_complete_rows(reader, len(names), line_R, findings)
        while rows := list(islice(complete, BATCH_ROWS)):
            for numbering, parts, cells in zip(numberings, codes, zip(*rows)):
                parts.append(np.fromiter(map(numbering.__getitem__, cells), np.int64, len(cells)))
    except csv.Error as problem:  # in the header
        _raise_csv_error(findings, problem, 1)
    columns = [
        Column(np.concatenate(parts), list(numbering)).map(str.strip) for parts, numbering in zip(codes, numberings)
    ]
    is_blank_R = np.all([column.code_R < 0 for column in columns], axis=0)
    kept = {name: Column(column.code_R[~is_blank_R], column.texts) for name, column in zip(names, columns) if name}
    return Rows(kept, np.array(line_R, np.int32)[~is_blank_R])


def _check_column_names(path: Path, names: list[str], lines: Iterable[str]) -> list[str]:
    """Returns the names; raises TaxonomyError for a header without names or with a repeated name."""
    if not any(name.strip() for name in names):
        if any(line.strip() for line in lines):
            raise TaxonomyError(f"{path}, line 1: expected column names, got a blank line")
        raise TaxonomyError(f"{path} is empty; expected a table of taxa")
    repeated = {name for name in names if name and names.count(name) > 1}
    if repeated:
        raise TaxonomyError(f"{path}, line 1: the column {min(repeated)!r} occurs twice; rename one")
    check_unique_roles(f"{path}, line 1", assign_column_roles(names))
    return names


def _read_complete_rows(reader: Any, width: int, line_R: list[int], findings: Findings) -> Iterator[list[str]]:
    """Yields rows padded or cut to `width` cells, and appends the line of each to `line_R`."""
    line = reader.line_num
    try:
        for row in reader:
            line = reader.line_num
            if len(row) != width:
                if not any(cell.strip() for cell in row):
                    continue
                if any(cell.strip() for cell in row[width:]):
                    findings.error(
                        "too many cells", f"{len(row)} cells under {width} columns; is a name unquoted?", line
                    )
                    continue
                row = (row + [""] * width)[:width]
            line_R.append(line)
            yield row
    except csv.Error as problem:
        _raise_csv_error(findings, problem, line + 1)


def _raise_csv_error(findings: Findings, problem: csv.Error, line: int) -> None:
    """Raises TaxonomyError with the first line of the row: an unclosed quote extends to the end of the file."""
    findings.error("malformed", explain_csv_error(problem), line)
    findings.raise_errors()
