"""Delimited text (CSV, TSV and their like): which character divides the cells, and rows with the lines they begin in."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Final

from bioclip_x.errors import BioclipXError
from bioclip_x.io.files import LONGEST_LINE

DELIMITERS: Final = "\t,;"
"""What divides the cells of a table."""


def guess_delimiter(header: str, among: str = DELIMITERS) -> str:
    """The character of `among` that a table's first line has most often; of several, or without any, the first of them.

    >>> guess_delimiter("genus;species;common name, if any")
    ';'
    """
    return max(among, key=header.count)


def take_first_line(text: str) -> str:
    """A table's first line, without its end. Not splitlines(): U+2028, U+0085 and form feeds are part of a cell."""
    return io.StringIO(text, newline="").readline().rstrip("\r\n")


def read_delimited_rows(
    lines: Iterable[str],
    where: str,
    error: type[BioclipXError],
    *,
    delimiter: str,
    quote: str = '"',
    longest: int = LONGEST_LINE,
) -> Iterator[tuple[int, list[str]]]:
    """(line in which it begins, cells) of each row; a blank line has no cells.

    where: the file's name in errors. quote: "" for none. longest: characters of a cell.
    Raises `error` naming the line, for quotes that are not closed and cells that are too long.
    """
    csv.field_size_limit(longest)  # of the whole process
    reader = csv.reader(
        lines,
        delimiter=delimiter,
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        strict=True,
    )
    line = 1
    try:
        for row in reader:
            yield line, row
            line = reader.line_num + 1
    except csv.Error as problem:
        raise error(f"{where}, line {line}: {explain_csv_error(problem)}") from problem


def explain_csv_error(problem: csv.Error) -> str:
    """What is wrong with a row, in our words where Python's are of no use to who wrote the file."""
    told = str(problem)
    if "end of data" in told:
        told = "a quote is opened and never closed"
    elif "field limit" in told:
        told = f"a cell has more than {csv.field_size_limit():,} characters; is a quote opened and never closed?"
    return f"not valid CSV: {told}"
