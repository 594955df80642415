"""Delimited text (CSV, TSV): guesses the delimiter, yields rows with their line numbers, and keeps formulas out of cells."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from bioclip_x.errors import BioclipXError
from bioclip_x.limits import LINE_CHARACTERS

DELIMITERS: Final = "\t,;"
"""The supported delimiters."""
FORMULA: Final = "=+@\t\r\n\uff1d\uff0b\uff0d\uff20-"
"""What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection"), full-width signs included."""
_BEGINS_FORMULA: Final = re.compile(f"(?:^|(?<=[,;|\t\r\n]))(?=['\" ]*[{FORMULA}])")
_NUMBER: Final = re.compile(r"[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?")
_IS_DEFUSED: Final = re.compile(f"(?:^|(?<=[,;|\t\r\n]))'(?=['\" ]*[{FORMULA}])")


def defuse_formulas(text: str) -> str:
    """Returns a text of which no spreadsheet takes a part for a formula: there is an apostrophe before what would begin one.

    So there is within a cell, after a separator, quotes or not: a spreadsheet that expects another separator begins a cell
    there. A text with such an apostrophe gets another, so that `restore_formulas` returns the text that was given. Numbers stay
    numbers.

    >>> defuse_formulas("=1+1"), defuse_formulas("Parus major"), defuse_formulas("'=1"), defuse_formulas("a;-b")
    ("'=1+1", 'Parus major', "''=1", "a;'-b")
    >>> defuse_formulas("-12.5")
    '-12.5'
    """
    return text if _NUMBER.fullmatch(text) else _BEGINS_FORMULA.sub("'", text)


def restore_formulas(text: str) -> str:
    """Takes the apostrophes of `defuse_formulas` away.

    >>> restore_formulas("'=1+1"), restore_formulas("'quoted'")
    ('=1+1', "'quoted'")
    """
    return _IS_DEFUSED.sub("", text)


def write_cells(stream: Any, rows: Iterable[Sequence[object]], *, safe: bool = False) -> None:
    """Writes rows as CSV; see `format_rows`. A row is one piece, so that a reader of stdout never sees half of one."""
    for text in format_rows(rows, safe=safe):
        stream.write(text)


def format_rows(rows: Iterable[Sequence[object]], *, safe: bool = False) -> Iterator[str]:
    """Yields each row as CSV. safe: texts are defused, see `defuse_formulas`; numbers stay as they are."""
    for row in rows:
        cells = [defuse_formulas(cell) if safe and isinstance(cell, str) else cell for cell in row]
        # Before version 3.13 Python's writer does not quote carriage returns, at which readers end the line.
        has_return = any(isinstance(cell, str) and "\r" in cell for cell in cells)
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL if has_return else csv.QUOTE_MINIMAL).writerow(
            cells
        )
        yield text.getvalue()


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
