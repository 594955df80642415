"""Rows of CSV files that others read: plain cells, and what a row is already there for."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from bioclip_x.plugin import defuse_formulas


class RowWriter:
    """Writes rows to a text stream: a header, then mappings from column to value. Control characters become blanks.

    safe: texts that a spreadsheet would take for a formula get an apostrophe before them.
    """

    def __init__(self, stream: Any, columns: Sequence[str], delimiter: str = ",", *, safe: bool = False) -> None:
        self._stream, self._columns, self._delimiter, self._safe = stream, columns, delimiter, safe
        self._put(columns)

    def write(self, row: Mapping[str, object]) -> None:
        """Writes a row; what it lacks is blank. Raises ValueError for a column that is not in the header."""
        if unknown := set(row) - set(self._columns):
            raise ValueError(f"no column {', '.join(sorted(unknown))}")
        self._put([row.get(name) for name in self._columns])

    def _put(self, cells: Sequence[object]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self._delimiter, lineterminator="\n").writerow(map(self._format_cell, cells))
        self._stream.write(text.getvalue())

    def _format_cell(self, value: object) -> str:
        plain = make_plain(value)
        return defuse_formulas(plain) if self._safe and isinstance(value, str) else plain


def make_plain(value: object) -> str:
    """A value as a cell: "" for None, true and false as such, and no control characters.

    >>> make_plain("a\\tb\\n"), make_plain(True), make_plain(None), make_plain(0.25)
    ('a b ', 'true', '', '0.25')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    # Stray bytes of a file's name are not printable; the stream escapes them.
    return "".join(c if c.isprintable() or "\ud800" <= c <= "\udfff" else " " for c in str(value))


class SeenKeys:
    """Which keys have been seen, on disk, so that memory does not grow with their number."""

    def __init__(self) -> None:
        self._table = sqlite3.connect("")  # a temporary file that only this connection sees
        self._table.execute("CREATE TABLE seen (key BLOB PRIMARY KEY) WITHOUT ROWID")

    def add(self, key: str) -> bool:
        """Returns whether the key is new."""
        stored = key.encode("utf-8", "surrogatepass")  # a file's name need not be text
        return self._table.execute("INSERT OR IGNORE INTO seen VALUES (?)", (stored,)).rowcount == 1

    def close(self) -> None:
        self._table.close()
