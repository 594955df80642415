"""Rows of delimited text files as checklists are published: any encoding, any delimiter, quoted or not."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Final

from bioclip_x.plugin import (
    BOM,
    DELIMITERS,
    Archive,
    Findings,
    TaxonomyError,
    find_marked_encoding,
    find_unmarked_utf16,
    guess_delimiter,
    read_delimited_rows,
    take_first_line,
)

LONGEST: Final = 8 << 20
"""Characters of a line. A longer one is no row of a checklist, and would have to be held whole."""

_HEAD: Final = 65536
_DELIMITERS: Final = f"{DELIMITERS}|"
_NULLS: Final = frozenset({"\\N", "\\n"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written. None: to be seen from the file itself.

    quote: "" for none. header_lines: lines to skip before the data. newline: as `open` takes it.
    """

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    header_lines: int = 1
    newline: str | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """columns: the cells of the first header line, () where there is none. rows: (line, cells), blank rows left out."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[int, list[str]]]


def read_head(archive: Archive, name: str) -> bytes:
    """How a file begins."""
    with archive.open(name) as stream:
        return stream.read(_HEAD)


def read_first_cells(head: bytes) -> list[str]:
    """The cells of the first line of a file that begins so, for sniffing; [] for what is no text."""
    text = head.decode(find_marked_encoding(head) or find_unmarked_utf16(head) or "utf-8", "ignore")
    if "\0" in text:
        return []
    line = take_first_line(text.lstrip(BOM))
    return [cell.strip().strip('"').strip() for cell in line.split(guess_delimiter(line, _DELIMITERS))]


def read_rows(archive: Archive, name: str, dialect: Dialect, findings: Findings) -> Iterator[Rows]:
    """Yields the rows of a file once, as they are read (a generator, so that the file is closed behind them).

    Raises TaxonomyError, with the line, for what is no text in the encoding, and for endless lines. Where the bytes are not
    in the encoding declared (or in UTF-8), they are read as Windows-1252, as a warning says.
    """
    where = archive.where(name)
    encoding = _encoding(archive, name, dialect.encoding, findings)
    with archive.open(name) as raw:
        text = io.TextIOWrapper(raw, encoding=encoding, newline=dialect.newline)
        first, lines = _peek(_lines(text, where))
        delimiter = dialect.delimiter or guess_delimiter(first, _DELIMITERS)
        quote = (
            dialect.quote if dialect.quote is not None else ('"' if delimiter != "\t" or first.startswith('"') else "")
        )
        rows = read_delimited_rows(lines, where, TaxonomyError, delimiter=delimiter, quote=quote, longest=LONGEST)
        headers = [cells for _, (_, cells) in zip(range(dialect.header_lines), rows)]
        yield Rows(tuple(cell.strip() for cell in headers[0]) if headers else (), _cells(rows))


def read_named_rows(
    archive: Archive, name: str, findings: Findings, dialect: Dialect = Dialect()
) -> Iterator[tuple[int, Callable[[str], str]]]:
    """(line, cell of a column) of a file with a header, whose columns are called in any case and spelling ("parent_id")."""
    for opened in read_rows(archive, name, dialect, findings):
        columns = {normalise_column(column): index for index, column in reversed(list(enumerate(opened.columns)))}
        for line, cells in opened.rows:
            yield line, make_cell_getter(cells, columns)


def make_cell_getter(
    cells: Sequence[str], columns: Mapping[str, int], defaults: Mapping[str, str] | None = None
) -> Callable[[str], str]:
    """column → its cell; its default where that is blank or missing."""
    defaults = defaults or {}

    def cell(column: str) -> str:
        index = columns.get(column, -1)
        return (cells[index] if 0 <= index < len(cells) else "") or defaults.get(column, "")

    return cell


def normalise_column(column: str) -> str:
    """
    >>> plain("col:parent_ID")
    'parentid'
    """
    return "".join(letter for letter in column.rpartition(":")[2].lower() if letter.isalnum())


def _cells(rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    for line, row in rows:
        cells = ["" if cell in _NULLS else cell.strip() for cell in row]
        if any(cells):
            yield line, cells


def _lines(text: IO[str], where: str) -> Iterator[str]:
    number = 0
    while line := text.readline(LONGEST):
        number += 1
        if len(line) == LONGEST:
            raise TaxonomyError(
                f"{where}, line {number}: longer than {LONGEST:,} characters; is it a table, with line ends and quotes closed?"
            )
        yield line if number > 1 else line.lstrip(BOM)


def _peek(lines: Iterator[str]) -> tuple[str, Iterator[str]]:
    first = next(lines, "")

    def again() -> Iterator[str]:
        if first:
            yield first
        yield from lines

    return first, again()


def _encoding(archive: Archive, name: str, declared: str | None, findings: Findings) -> str:
    """That of its byte order mark, else the one declared, else UTF-8; Windows-1252 where that does not fit."""
    head = read_head(archive, name)
    if marked := find_marked_encoding(head):
        return marked
    if declared:
        try:
            declared = codecs.lookup(declared).name
        except LookupError:
            findings.warn(
                "encoding", f"{archive.where(name)}: the encoding {declared!r} is unknown; read as UTF-8 if it fits"
            )
            declared = None
    wanted = declared or find_unmarked_utf16(head) or "utf-8"
    line = _first_bad_line(archive, name, wanted)
    if not line:
        return wanted
    findings.warn(
        "encoding",
        f"not {wanted.upper()}{' as declared' if declared else ''}; read as Windows-1252, accents may be wrong; save it as UTF-8",
        line,
        archive.where(name),
    )
    return "cp1252" if not _first_bad_line(archive, name, "cp1252") else "latin-1"


def _first_bad_line(archive: Archive, name: str, encoding: str) -> int:
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with archive.open(name) as raw:
        while piece := raw.read(1 << 20):
            try:
                decoder.decode(piece)
            except UnicodeDecodeError as problem:
                # The decoder may have held back bytes of the piece before; lines are counted in this one.
                return line + piece[: max(0, problem.start - 4)].count(b"\n")
            line += piece.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return line
    return 0
