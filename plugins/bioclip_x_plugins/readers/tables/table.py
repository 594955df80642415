"""Tables of taxa, separated by commas, semicolons, tabs or |: a column per rank, or a column of scientific names.

    kingdom,phylum,class,order,family,genus,species,common_name,common_name_de
    Animalia,Chordata,Aves,Passeriformes,Paridae,Cyanistes,Cyanistes caeruleus,Eurasian blue tit,Blaumeise

What the columns mean is in `columns`; `species` may lack the genus, or be `specific_epithet`; several common names in a cell are
separated by `|`; other columns are kept as extras. A blank cell is a rank missing from the lineage; a row whose last ranks are
blank is a class at its lowest filled rank.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from bioclip_x.plugin import (
    DELIMITERS,
    LINE_CHARACTERS,
    TABLE_COLUMNS,
    Column,
    Findings,
    FormatExample,
    Mismatch,
    Numbering,
    Taxonomy,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    decode_head,
    explain_csv_error,
    guess_delimiter,
    is_archive,
    read_lines,
)
from bioclip_x_plugins.readers.lines import split_head_lines
from bioclip_x_plugins.readers.tables.build import Rows, check_unique_meanings, from_rows
from bioclip_x_plugins.readers.tables.roles import assign_meanings, explain_meanings, holds_names
from bioclip_x_plugins.readers.vocabulary.columns import find_meanings

BATCH_ROWS: Final = 4096
"""Rows per batch, so that most work is done per column and not per cell."""
SAMPLE_ROWS: Final = 50
"""Rows that are looked at to recognise a table."""

_DELIMITERS: Final = f"{DELIMITERS}|"
_LISTED: Final = re.compile(r"[^\W\d_][^\t,;|:{}<>=]{0,99}")
"""A line of a list of names."""
_OTHER_SUFFIXES: Final = (".yaml", ".yml", ".json")


class TableReader:
    """Reads CSV and TSV with one column per rank, or with scientific names."""

    capabilities = TaxonomyReaderCapabilities(
        explains_mismatch=True,
        example=FormatExample(
            "species.csv",
            {
                "species.csv": "kingdom,class,order,family,genus,species,common_name,common_name_de,gbif_id\n"
                "Animalia,Aves,Passeriformes,Paridae,Parus,Parus major,great tit,Kohlmeise,9705453\n"
                "Animalia,Aves,Passeriformes,Paridae,Cyanistes,caeruleus,blue tit|Eurasian blue tit,Blaumeise,\n",
            },
        ),
    )

    def sniff(self, path: Path, head: bytes) -> bool:
        sample = _read_sample(path, head)
        return holds_names(find_meanings(sample)) or holds_names(assign_meanings(sample, Findings()))

    def explain_mismatch(self, path: Path, head: bytes) -> Mismatch | None:
        """Says what the columns were taken for; of a list of names, that it needs a header."""
        sample = _read_sample(path, head)
        n_rows = max((len(column.code_R) for column in sample.values()), default=0)
        if len(sample) < 2 or not n_rows:
            return _explain_list(head)
        findings = Findings()
        meanings = assign_meanings(sample, findings)
        noticed = "".join(f"; {problem.message}" for problem in findings.problems)
        return Mismatch(
            0.7,
            "no column is a rank (kingdom, …, family, genus, species) and none holds scientific names: "
            f"{explain_meanings(meanings)}{noticed}; name such a column in the first line",
        )

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line."""
        findings = Findings(str(path))
        return from_rows(_read_rows(path, findings), findings, source=str(path))


def _explain_list(head: bytes) -> Mismatch | None:
    lines = split_head_lines(head)
    if not lines or not all(_LISTED.fullmatch(line) for line in lines):
        return None
    return Mismatch(
        0.6,
        "its lines are names without a header: put `species` (or another rank) in the first line, or give it as --labels",
    )


def _read_sample(path: Path, head: bytes) -> Mapping[str, Column]:
    """Returns the columns of the first rows; {} for what cannot be a table."""
    if is_archive(head):  # an uncompressed archive begins with the text of its first file
        return {}
    lines = split_head_lines(head, SAMPLE_ROWS + 1)
    # The first line as it is: a table whose first line is blank has no header.
    if not lines or not decode_head(head).partition("\n")[0].strip() or path.suffix.lower() in _OTHER_SUFFIXES:
        return {}
    if lines[0].lstrip().startswith(("{", "[", "(", "<", "-")):
        return {}
    try:
        rows = list(csv.reader(lines, delimiter=guess_delimiter(lines[0], _DELIMITERS)))
    except csv.Error:
        return {}
    names = [cell.strip() for cell in rows[0]]
    return _make_columns(names[:TABLE_COLUMNS], rows[1:]) if _may_be_header(names) else {}


def _may_be_header(cells: Sequence[str]) -> bool:
    """Whether cells may be the names of columns: a row of data begins with a number or another identifier."""
    return not (cells[0].isdecimal() or cells[0].startswith(("urn:", "http:", "https:")))


def _make_columns(names: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, Column]:
    return {
        name: Column.of(row[index] if index < len(row) else "" for row in rows)
        for index, name in enumerate(names)
        if name
    }


def _read_rows(path: Path, findings: Findings) -> Rows:
    """Reads all columns. Rows with errors are reported to `findings` and left out."""
    # Not splitlines(): U+2028, U+0085 and form feeds are part of a cell and do not end a row.
    lines = read_lines(path, TaxonomyError, findings.warn_encoding)
    header = next(lines, "")
    csv.field_size_limit(LINE_CHARACTERS)  # process-wide; every reader sets its own
    reader = csv.reader(chain([header], lines), delimiter=guess_delimiter(header, _DELIMITERS), strict=True)
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
    if len(names) > TABLE_COLUMNS:
        raise TaxonomyError(f"{path}, line 1: {len(names):,} columns; expected at most {TABLE_COLUMNS:,}")
    repeated = {name for name, count in Counter(names).items() if name and count > 1}
    if repeated:
        raise TaxonomyError(f"{path}, line 1: the column {min(repeated)!r} occurs twice; rename one")
    check_unique_meanings(f"{path}, line 1", find_meanings(filter(None, names)))
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
