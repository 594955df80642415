"""Rows of delimited text files, as checklists are published: any encoding, any delimiter, quoted or not."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO, Final

from bioclip_x.plugin import (
    BOM,
    CELL_CHARACTERS,
    DELIMITERS,
    Archive,
    Findings,
    TaxonomyError,
    decode_head,
    find_marked_encoding,
    find_text_encoding,
    find_unmarked_utf16,
    guess_delimiter,
    is_placeholder,
    read_delimited_rows,
    take_first_line,
)

_HEAD: Final = 65536
_DELIMITERS: Final = f"{DELIMITERS}|"
_NULLS: Final = frozenset({"\\N", "\\n"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written. None: detected from the file.

    quote: "" for none. header_lines: lines before the data. newline: as for `open`.
    """

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    header_lines: int = 1
    newline: str | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """columns: the cells of the first header line, () without a header. rows: (line, cells), without blank rows."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[int, list[str]]]


def read_head(archive: Archive, name: str) -> bytes:
    """Reads the first 64 KiB of a file."""
    with archive.open(name) as stream:
        return stream.read(_HEAD)


def read_first_cells(head: bytes) -> list[str]:
    """Splits the first line of a file's head into cells, for sniffing; [] for binary data."""
    text = head.decode(find_marked_encoding(head) or find_unmarked_utf16(head) or "utf-8", "ignore")
    if "\0" in text:
        return []
    line = take_first_line(text.lstrip(BOM))
    return [cell.strip().strip('"').strip() for cell in line.split(guess_delimiter(line, _DELIMITERS))]


def read_first_rows(head: bytes, most: int = 50) -> tuple[list[str], list[list[str]]]:
    """Splits the head of a file into the cells of its header and of the first rows, for sniffing; ([], []) for binary data."""
    names = read_first_cells(head)
    lines = decode_head(head).split("\n")[1:-1] if names else []
    delimiter = guess_delimiter(take_first_line(decode_head(head)), _DELIMITERS)
    try:
        rows = list(islice(csv.reader(lines, delimiter=delimiter), most))
    except csv.Error:
        rows = []
    return names, [[cell.strip() for cell in row] for row in rows]


def read_rows(archive: Archive, name: str, dialect: Dialect, findings: Findings) -> Iterator[Rows]:
    """Opens a table and yields one `Rows`, read lazily (a generator, so that the file is closed afterwards).

    A file that is not in the declared encoding (or UTF-8) is read as Windows-1252, with a warning. Raises TaxonomyError, with
    the line, for overlong lines and for invalid or truncated UTF-16, or any encoding named by a byte order mark.
    """
    where = archive.where(name)
    encoding = _choose_encoding(archive, name, dialect.encoding, findings)
    with archive.open(name) as raw:
        text = io.TextIOWrapper(raw, encoding=encoding, newline=dialect.newline)
        first, lines = _peek(_read_lines(text, where))
        delimiter = dialect.delimiter or guess_delimiter(first, _DELIMITERS)
        quote = (
            dialect.quote if dialect.quote is not None else ('"' if delimiter != "\t" or first.startswith('"') else "")
        )
        rows = read_delimited_rows(
            lines, where, TaxonomyError, delimiter=delimiter, quote=quote, longest=CELL_CHARACTERS
        )
        headers = [cells for _, (_, cells) in zip(range(dialect.header_lines), rows)]
        yield Rows(tuple(cell.strip() for cell in headers[0]) if headers else (), _clean_rows(rows))


def read_named_rows(
    archive: Archive, name: str, findings: Findings, dialect: Dialect = Dialect()
) -> Iterator[tuple[int, Callable[[str], str]]]:
    """Yields (line, column → cell) of a file with a header. Column names are normalised (see `normalise_column`)."""
    for table in read_rows(archive, name, dialect, findings):
        columns = {normalise_column(column): (index,) for index, column in reversed(list(enumerate(table.columns)))}
        for line, cells in table.rows:
            yield line, make_cell_getter(cells, columns)


def make_cell_getter(
    cells: Sequence[str], columns: Mapping[str, Sequence[int]], defaults: Mapping[str, str] | None = None
) -> Callable[[str], str]:
    """Returns a function column → cell: the first filled one of the columns' indices, else the column's default, else "".

    A placeholder (NA, unknown) is blank, except as a status: "unplaced" says something of a name.
    """
    defaults = defaults or {}

    def get_cell(column: str) -> str:
        for index in columns.get(column, ()):
            cell = cells[index] if 0 <= index < len(cells) else ""
            if cell and (column.endswith("status") or not is_placeholder(cell)):
                return cell
        return defaults.get(column, "")

    return get_cell


def normalise_column(column: str) -> str:
    """
    >>> normalise_column("col:parent_ID")
    'parentid'
    """
    return "".join(letter for letter in column.rpartition(":")[2].lower() if letter.isalnum())


def _clean_rows(rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    for line, row in rows:
        cells = ["" if cell in _NULLS else cell.strip() for cell in row]
        if any(cells):
            yield line, cells


def _read_lines(text: IO[str], where: str) -> Iterator[str]:
    number = 0
    while line := text.readline(CELL_CHARACTERS):
        number += 1
        if len(line) == CELL_CHARACTERS:
            raise TaxonomyError(
                f"{where}, line {number}: longer than {CELL_CHARACTERS:,} characters; check line ends and closing quotes"
            )
        yield line if number > 1 else line.lstrip(BOM)


def _peek(lines: Iterator[str]) -> tuple[str, Iterator[str]]:
    """Returns the first line, and all lines."""
    first = next(lines, "")
    return first, chain([first] if first else [], lines)


def _choose_encoding(archive: Archive, name: str, declared: str | None, findings: Findings) -> str:
    """Returns the encoding of the byte order mark, else the declared one, else UTF-16 where the bytes show it, else UTF-8.

    If that cannot decode the file: Windows-1252 with a warning, or TaxonomyError where the bytes show a Unicode encoding.
    """
    head = read_head(archive, name)
    marked, unmarked = find_marked_encoding(head), find_unmarked_utf16(head)
    if declared and not marked:
        known = find_text_encoding(declared)
        if not known:
            findings.warn(
                "encoding", f"{archive.where(name)}: the encoding {declared[:60]!r} is unknown; UTF-8 is tried instead"
            )
        declared = known or None
    wanted = marked or declared or unmarked or "utf-8"
    line = _find_first_bad_line(archive, name, wanted)
    if not line:
        return wanted
    if marked or unmarked:
        raise TaxonomyError(
            f"{archive.where(name)}, line {line}: not valid {wanted.removesuffix('-sig').upper()}; "
            "check that the file is complete, and save it as UTF-8"
        )
    findings.warn(
        "encoding",
        f"not {wanted.upper()}{' as declared' if declared else ''}; read as Windows-1252, accents may be wrong: save it as UTF-8",
        line,
        archive.where(name),
    )
    return "cp1252" if not _find_first_bad_line(archive, name, "cp1252") else "latin-1"


def _find_first_bad_line(archive: Archive, name: str, encoding: str) -> int:
    """Returns the number of the first line that cannot be decoded, 0 if all can."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with archive.open(name) as raw:
        while chunk := raw.read(1 << 20):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as problem:
                # The decoder may have buffered bytes of the previous chunk, which shifts `start`.
                return line + chunk[: max(0, problem.start - 4)].count(b"\n")
            line += chunk.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return line
    return 0
