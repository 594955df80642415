"""Tables of images: CSV, TSV or Parquet with a column of paths or URLs, read row by row."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from bioclip_x.errors import ImageError
from bioclip_x.images.metadata import read_cells
from bioclip_x.images.places.pipes import is_pipe, read_pipe
from bioclip_x.images.places.remote import find_suffix, is_url, make_url_source, read_url
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
LOCAL: Final = ("file:", "local:")
"""Beginnings of URLs of files of this machine."""


def is_table(name: str) -> bool:
    """Whether a path or URL is that of a table, by its suffix."""
    return find_suffix(name) in (*TEXT_SUFFIXES, *PARQUET_SUFFIXES)


def read_table(name: str) -> Iterator[Source]:
    """Yields the image of each row of a table at a path or URL; a row without a path or URL has an error.

    A row's path precedes its URL; its further cells are the image's metadata.
    Relative paths are relative to the table. Failures are sources with an error.
    """
    try:
        with open_table(name) as (columns, rows):
            indices = _find_columns(columns)
            for number, cells in enumerate(rows, start=1):
                value = next((cell for i in indices if i < len(cells) and (cell := read_reference(cells[i]))), "")
                if value:
                    yield replace(resolve_reference(value, name), metadata=read_cells(columns, cells, indices))
                else:
                    yield Source(f"{name}, row {number:,}", error="the row has no path and no URL")
    except ImageError as problem:
        yield Source(name, error=str(problem).removeprefix(f"{name}: "))


@contextmanager
def open_table(name: str) -> Iterator[tuple[Sequence[str], Iterator[Sequence[Any]]]]:
    """Opens a table at a path or URL; gives its columns and its rows, which are read as they are needed.

    Raises ImageError with the reason, also while the rows are read.
    """
    try:
        with _open(name) as stream:
            yield _open_parquet(stream) if find_suffix(name) in PARQUET_SUFFIXES else _open_text(stream, name)
    except UnicodeDecodeError:
        raise ImageError("the table is not valid UTF-8; save it as UTF-8") from None
    except (OSError, pa.ArrowException) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise ImageError(f"the table cannot be read: {reason}") from problem


def _open(name: str) -> IO[bytes]:
    if is_url(name):
        return io.BytesIO(read_url(name))
    path = Path(name)
    return io.BytesIO(read_pipe(path)) if is_pipe(path) else path.open("rb")


def resolve_reference(value: str, table: str) -> Source:
    """Makes the source of a path or URL in a table; a relative path is relative to the table."""
    if is_url(value):
        if is_url(table) and value.lower().startswith(LOCAL):  # whoever writes it is not whoever uses this machine
            return Source(value, error="a file of this machine in a remote table")
        return make_url_source(value)
    if is_url(table):
        url = value if value.startswith("/") else f"{table.rsplit('/', 1)[0]}/{PurePosixPath(value)}"
        return make_url_source(url) if is_url(url) else Source(value, error="a path without a host in a remote table")
    path = Path(table).parent / value
    return Source(str(path), path)


def read_reference(cell: Any) -> str:
    """Returns the path, URL or id in a cell; "" if it is empty."""
    return "" if cell is None else str(cell).strip()


def _open_text(stream: IO[bytes], name: str) -> tuple[Sequence[str], Iterator[Sequence[str]]]:
    """Returns the columns and the rows of a CSV or TSV file."""
    encoding = detect_encoding(stream.read(2))
    stream.seek(0)
    lines = read_stream_lines(stream, name, ImageError, encoding)
    header = next(lines, "")
    rows = read_delimited_rows(chain([header], lines), name, ImageError, delimiter=guess_delimiter(header, DELIMITERS))
    _, columns = next(rows, (0, []))
    return columns, (cells for _, cells in rows if cells)


def _open_parquet(stream: IO[bytes]) -> tuple[Sequence[str], Iterator[Sequence[Any]]]:
    """Returns the columns of a Parquet file that hold texts, numbers or dates, and its rows.

    Lists and bytes are not read: they may be large, such as an embedding or an image.
    """
    file = pq.ParquetFile(stream)
    wanted = [field.name for field in file.schema_arrow if _is_plain(field.type)]
    batches = file.iter_batches(columns=wanted)
    return wanted, (values for batch in batches for values in zip(*map(_list_values, wanted, batch.columns)))


def _list_values(name: str, values: pa.Array) -> list[Any]:
    """Lists the values of a column. Raises ImageError for a date or duration that Python has none of."""
    try:
        listed: list[Any] = values.to_pylist()
    except (OverflowError, ValueError) as problem:  # ArrowInvalid is a ValueError
        raise ImageError(f"the table cannot be read: its column {name}: {problem}") from None
    return listed


def _is_plain(type_: pa.DataType) -> bool:
    value = type_.value_type if pa.types.is_dictionary(type_) else type_
    is_text = pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value)
    return bool(is_text or pa.types.is_primitive(value))


def _find_columns(columns: Sequence[str]) -> list[int]:
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
