"""Tables of images: CSV, TSV or Parquet with a column of paths or URLs, read row by row."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import IO, Final

from bioclip_x.errors import ImageError
from bioclip_x.images.remote import find_suffix, is_url, read_url
from bioclip_x.io.delimited import DELIMITERS, guess_delimiter, read_delimited_rows
from bioclip_x.io.encodings import detect_encoding
from bioclip_x.io.files import read_stream_lines
from bioclip_x.records import Source

TEXT_SUFFIXES: Final = (".csv", ".tsv")
PARQUET_SUFFIXES: Final = (".parquet", ".pq")
PATH_COLUMNS: Final = (
    "path", "file_path", "filepath", "image_path", "file_name", "filename", "file", "image_file", "image",
)  # fmt: skip
URL_COLUMNS: Final = ("url", "image_url", "uri", "accessuri", "identifier")
"""Names of columns, lower case, in the order in which they are looked for."""


def is_table(name: str) -> bool:
    """Whether a path or URL is that of a table, by its suffix."""
    return find_suffix(name) in (*TEXT_SUFFIXES, *PARQUET_SUFFIXES)


def read_table(name: str) -> Iterator[Source]:
    """Yields the image of each row of a table at a path or URL; a row without a path or URL has an error.

    A row's path precedes its URL. Relative paths are relative to the table. Failures are sources with an error.
    """
    try:
        columns, rows = _open_table(name)
        indices = _find_columns(name, columns)
        for number, cells in rows:
            value = next((cell for i in indices if i < len(cells) and (cell := cells[i].strip())), "")
            row = f"{name}, row {number:,}"
            yield resolve_reference(value, name) if value else Source(row, error="the row has no path and no URL")
    except ImageError as problem:
        yield Source(name, error=str(problem))


def resolve_reference(value: str, table: str) -> Source:
    """Makes the source of a path or URL in a table; a relative path is relative to the table."""
    if is_url(value):
        return Source(value, url=value)
    if is_url(table):
        url = value if value.startswith("/") else f"{table.rsplit('/', 1)[0]}/{PurePosixPath(value)}"
        return Source(url, url=url) if is_url(url) else Source(value, error="a path without a host in a remote table")
    path = Path(table).parent / value
    return Source(str(path), path)


def _open_table(name: str) -> tuple[Sequence[str], Iterable[tuple[int, Sequence[str]]]]:
    """Returns a table's columns and its rows with their numbers, from 1. Raises ImageError if it cannot be read."""
    is_parquet = find_suffix(name) in PARQUET_SUFFIXES
    try:
        stream: IO[bytes] = io.BytesIO(read_url(name)) if is_url(name) else Path(name).open("rb")
    except OSError as problem:
        raise ImageError(f"the table cannot be read: {problem.strerror or problem}") from None
    return _open_parquet(stream) if is_parquet else _open_text(stream, name)


def _open_text(stream: IO[bytes], name: str) -> tuple[Sequence[str], Iterator[tuple[int, Sequence[str]]]]:
    encoding = detect_encoding(stream.read(2))
    stream.seek(0)
    lines = _read_lines(stream, name, encoding)
    header = next(lines, "")
    rows = read_delimited_rows(chain([header], lines), name, ImageError, delimiter=guess_delimiter(header, DELIMITERS))
    _, columns = next(rows, (0, []))
    return columns, ((number, cells) for number, (_, cells) in enumerate(filter(lambda row: row[1], rows), start=1))


def _read_lines(stream: IO[bytes], name: str, encoding: str) -> Iterator[str]:
    try:
        yield from read_stream_lines(stream, name, ImageError, encoding)
    except UnicodeDecodeError:
        raise ImageError(f"{name}: not valid {encoding.removesuffix('-sig')}; save the table as UTF-8") from None
    except OSError as problem:
        raise ImageError(f"the table cannot be read: {problem.strerror or problem}") from None


def _open_parquet(stream: IO[bytes]) -> tuple[Sequence[str], Iterator[tuple[int, Sequence[str]]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(stream)
    except (pa.ArrowException, OSError) as problem:
        raise ImageError(f"the table cannot be read: {problem}") from None
    columns = list(file.schema_arrow.names)
    wanted = [column for column in columns if column.strip().lower() in (*PATH_COLUMNS, *URL_COLUMNS)]

    def read_rows() -> Iterator[tuple[int, Sequence[str]]]:
        number = 0
        try:
            for batch in file.iter_batches(columns=wanted):
                for values in zip(*(batch.column(column).to_pylist() for column in wanted)):
                    number += 1
                    yield number, ["" if value is None else str(value) for value in values]
        except (pa.ArrowException, OSError) as problem:
            raise ImageError(f"the table cannot be read: {problem}") from None
        finally:
            stream.close()

    return wanted or columns, read_rows()


def _find_columns(name: str, columns: Sequence[str]) -> list[int]:
    """Returns the indices of the column of paths and that of URLs, as far as there are. Raises ImageError for neither."""
    names = [column.strip().lower() for column in columns]
    found = [
        next((names.index(known) for known in kind if known in names), None) for kind in (PATH_COLUMNS, URL_COLUMNS)
    ]
    indices = [index for index in found if index is not None]
    if not indices:
        seen = ", ".join(columns) or "none"
        raise ImageError(f"expected a table with a column path or url, got the columns {seen}")
    return indices
