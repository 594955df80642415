"""Reads tables of any length batch by batch, all cells as texts: CSV, TSV (also compressed) and Parquet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as parquet

from bioclip_x.plugin import (
    DatasetError,
    detect_encoding,
    guess_delimiter,
    list_some,
    name_content,
    open_content,
    take_first_line,
)
from bioclip_x_plugins.image_sources.accounting import MALFORMED, TABLE_ROWS, make_table

Opener = Callable[[], AbstractContextManager[IO[bytes]]]
BLOCK: Final = 4 << 20
"""Bytes of a table that are parsed at once, the most of a row."""
HEAD: Final = 1 << 20
PARQUET: Final = (".parquet", ".pq")


class TextTable:
    """A table of texts.

    where: its name in errors. opener: opens its content; by default that of the file of this name.
    delimiter: "" for the likeliest of tab, comma and semicolon in the first line. quote: "" for none.
    names: of the columns; by default those in the first line. skip: lines before the rows, if the names are given.
    """

    def __init__(
        self,
        where: Path | str,
        opener: Opener | None = None,
        *,
        delimiter: str = "",
        quote: str = '"',
        names: Sequence[str] = (),
        skip: int = 0,
        encoding: str = "",
    ) -> None:
        self.where = str(where)
        self._path, self._opener = Path(where), opener or (lambda: open_content(Path(where), DatasetError))
        self._is_parquet = opener is None and self._path.suffix.lower() in PARQUET
        self._delimiter, self._quote, self._encoding = delimiter, quote, encoding
        self._names, self._skip = tuple(names), skip
        self.malformed: list[int] = []
        """Numbers of the rows that have another number of cells than there are columns, by the last pass."""

    def columns(self) -> list[str]:
        """Returns the names of the columns. Raises DatasetError for a file that cannot be read."""
        if self._names:
            return list(self._names)
        if self._is_parquet:
            with _Telling(self.where):
                return list(parquet.read_schema(self._path).names)
        line = self._read_first_line()
        return [cell.strip() for cell in _split(line, self._delimiter or guess_delimiter(line), self._quote)]

    def _read_first_line(self) -> str:
        with _Telling(self.where), self._opener() as stream:
            raw = stream.read(HEAD)
        encoding = self._encoding or detect_encoding(raw)
        try:
            line = take_first_line(raw.decode(encoding, "strict" if len(raw) < HEAD else "ignore"))
        except UnicodeDecodeError:
            # Bytes that are not valid in later rows are told when they are read, with the column.
            line = take_first_line(raw.decode(encoding, "replace"))
        if not line.strip():
            raise DatasetError(f"{self.where} is empty; expected a table with a line of column names")
        if "\ufffd" in line or "\0" in line:
            raise DatasetError(
                f"{self.where}, line 1: not valid {encoding.removesuffix('-sig')}; expected a text table"
            )
        return line

    def batches(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yields the rows of some columns, as texts without nulls. Raises DatasetError for a damaged table."""
        known = self.columns()
        if missing := [name for name in columns if name not in known]:
            raise DatasetError(f"{self.where} has no column {missing[0]}; it has {list_some(known, 20)}")
        if repeated := [name for name in columns if known.count(name) > 1]:
            raise DatasetError(f"{self.where} has two columns {repeated[0]}; rename one")
        with _Telling(self.where):
            yield from self._read_parquet(columns) if self._is_parquet else self._read_csv(known, columns)

    def _read_csv(self, known: Sequence[str], columns: Sequence[str]) -> Iterator[pa.Table]:
        self.malformed = []
        delimiter = self._delimiter or guess_delimiter(self._read_first_line())
        with self._opener() as stream:
            encoding = self._encoding or ("utf-16" if _is_utf16(stream) else "utf8")
            reader = csv.open_csv(
                stream,
                read_options=csv.ReadOptions(
                    use_threads=False,
                    block_size=BLOCK,
                    encoding=encoding,
                    column_names=list(known),
                    skip_rows=self._skip if self._names else 1,
                ),
                parse_options=csv.ParseOptions(
                    delimiter=delimiter,
                    quote_char=self._quote or False,
                    newlines_in_values=bool(self._quote),
                    invalid_row_handler=self._skip_row,
                ),
                convert_options=csv.ConvertOptions(
                    column_types=dict.fromkeys(columns, pa.string()),
                    include_columns=list(columns),
                    strings_can_be_null=False,
                ),
            )
            for batch in reader:
                yield _strip(pa.Table.from_batches([batch]))

    def _skip_row(self, row: Any) -> str:
        self.malformed.append(row.number or 0)
        return "skip"

    def _read_parquet(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        with parquet.ParquetFile(self._path) as file:
            for batch in file.iter_batches(TABLE_ROWS, columns=list(dict.fromkeys(columns))):
                cells = {name: _cast(batch.column(name), name, self.where) for name in columns}
                yield _strip(pa.table(cells))

    def list_malformed(self, prefix: str = "") -> Iterator[pa.Table]:
        """Yields rows with a problem, for those that the last pass could not read."""
        for start in range(0, len(self.malformed), TABLE_ROWS):
            numbers = self.malformed[start : start + TABLE_ROWS]
            name = prefix or Path(self.where).name
            yield make_table({
                "source_id": [f"{name}, row {number}" for number in numbers], "image": [""] * len(numbers),
                "problem": [MALFORMED] * len(numbers),
            })  # fmt: skip


class _Telling:
    """Turns the errors of pyarrow and of the system into DatasetErrors."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, _: object) -> None:
        if isinstance(problem, FileNotFoundError):
            raise DatasetError(f"{self._where} does not exist") from None
        if isinstance(problem, pa.ArrowException | OSError | EOFError | UnicodeError):
            reason = " ".join(str(getattr(problem, "strerror", None) or problem).split())
            if "UTF8" in reason or "UTF-8" in reason or isinstance(problem, UnicodeError):
                reason = f"not valid UTF-8 ({reason[:100]}); save the file as UTF-8"
            raise DatasetError(f"{self._where} cannot be read as a table: {reason[:300]}") from problem


def _is_utf16(stream: IO[bytes]) -> bool:
    head: bytes = stream.peek(2)[:2] if hasattr(stream, "peek") else b""
    return detect_encoding(head) == "utf-16"


def _split(line: str, delimiter: str, quote: str) -> list[str]:
    import csv as plain

    rows = plain.reader([line], delimiter=delimiter, quotechar=quote or None,
                        quoting=plain.QUOTE_MINIMAL if quote else plain.QUOTE_NONE)  # fmt: skip
    return next(rows, [])


def _cast(column: pa.Array, name: str, where: str) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        raise DatasetError(f"{where}: the column {name} is of the type {column.type}; expected texts or numbers")
    return pc.fill_null(column.cast(pa.string()), "")


def _strip(table: pa.Table) -> pa.Table:
    return pa.table({name: pc.utf8_trim_whitespace(table[name]) for name in table.column_names})


def pick(table: pa.Table, column_of: Mapping[str, str]) -> dict[str, pa.ChunkedArray]:
    """Returns columns under other names. column_of: new name → name in the table."""
    return {name: table[column] for name, column in column_of.items()}


def require_columns(table: TextTable, columns: Collection[str], what: str) -> list[str]:
    """Returns all columns of a table. Raises DatasetError if it lacks one of `columns`. what: the layout."""
    known = table.columns()
    if missing := [name for name in columns if name not in known]:
        raise DatasetError(
            f"{table.where} is no table of {what}: it has no column {', '.join(missing)}; it has {list_some(known, 20)}"
        )
    return known


def find_table(folder: Path, names: Sequence[str]) -> Path | None:
    """Returns the first file of these names, compressed or not, in a folder; None if there is none."""
    for name in names:
        for suffix in ("", ".gz", ".zst", ".bz2", ".xz"):
            if (folder / f"{name}{suffix}").is_file():
                return folder / f"{name}{suffix}"
    return None


def is_table(path: Path) -> bool:
    """Whether a file's name is that of a table."""
    return name_content(path).suffix.lower() in (".csv", ".tsv", ".tab", ".txt", *PARQUET)
