"""Reads delimited text (CSV, TSV): guesses the delimiter, and yields rows with their line numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Final

from bioclip_x.errors import BioclipXError
from bioclip_x.limits import LINE_CHARACTERS

DELIMITERS: Final = "\t,;"
"""The supported delimiters."""


def guess_delimiter(header: str, among: str = DELIMITERS) -> str:
    """Returns the character of `among` that is most frequent in a table's first line; the earlier one if tied.

    >>> guess_delimiter("genus;species;common name, if any")
    ';'
    """
    return max(among, key=header.count)


def take_first_line(text: str) -> str:
    """Returns a table's first line without its end. Unlike splitlines(), keeps U+2028, U+0085 and form feeds in cells."""
    return io.StringIO(text, newline="").readline().rstrip("\r\n")


def read_delimited_rows(
    lines: Iterable[str],
    where: str,
    error: type[BioclipXError],
    *,
    delimiter: str,
    quote: str = '"',
    longest: int = LINE_CHARACTERS,
) -> Iterator[tuple[int, list[str]]]:
    """Yields (number of its first line, cells) for each row; a blank line has no cells.

    where: the file's name in errors. quote: "" for none. longest: most characters in a cell.
    Raises `error` with the line for unclosed quotes and cells that are too long.
    """
    csv.field_size_limit(longest)  # applies to the whole process
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
    """Describes a CSV error, replacing those of Python's messages that do not help the author of a file."""
    message = str(problem)
    if "end of data" in message:
        message = "a quote is opened and never closed"
    elif "field limit" in message:
        message = f"a cell has more than {csv.field_size_limit():,} characters; is a quote opened and never closed?"
    return f"not valid CSV: {message}"
