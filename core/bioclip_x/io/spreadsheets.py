"""Reads a sheet of an Excel workbook (.xlsx) as CSV, so that whatever reads CSV reads it."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Final

from bioclip_x.errors import BioclipXError
from bioclip_x.limits import SHEET_CELLS, SHEET_ROWS, UNPACKED_FREE, UNPACKED_RATIO

SUFFIXES: Final = (".xlsx", ".xlsm")

_ADVICE: Final = "save the sheet as CSV (in Excel: Save As, CSV UTF-8)"
_OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OPEN_DOCUMENT: Final = b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet"


class _UnreadableError(Exception):
    """A workbook cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet as CSV in UTF-8; line n is row n. others: the names of the other sheets that hold anything."""

    name: str
    csv: bytes
    others: tuple[str, ...]


def is_workbook(head: bytes, stream: IO[bytes]) -> bool:
    """Whether a file that begins with `head` is an .xlsx: a zip with a workbook in it."""
    if not head.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(stream) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def refuse_other_spreadsheets(path: Path, head: bytes, error: type[BioclipXError]) -> None:
    """Raises `error`, with what to do, for an .xls or .ods file."""
    if head.startswith(_OLD_EXCEL):
        raise error(f"{path} is an old Excel workbook (.xls), which is not read; save it as .xlsx, or {_ADVICE}")
    if head[30:].startswith(_OPEN_DOCUMENT):
        raise error(f"{path} is an OpenDocument spreadsheet (.ods), which is not read; {_ADVICE.partition(' (')[0]}")


def read_sheet(path: Path, error: type[BioclipXError]) -> Sheet:
    """Reads the first visible sheet that holds anything. The last result is kept, since files are read more than once.

    Raises `error` if openpyxl is not installed, for a damaged file, a zip bomb, or a workbook without any cell.
    """
    stat = path.stat()
    try:
        return _read_sheet(path, stat.st_mtime_ns, stat.st_size)
    except _UnreadableError as problem:
        raise error(str(problem)) from problem


@lru_cache(maxsize=1)
def _read_sheet(path: Path, _mtime_ns: int, size: int) -> Sheet:
    try:
        import openpyxl
    except ImportError:
        raise _UnreadableError(
            f"{path} is an Excel workbook: pip install 'bioclip-x[tables]' to read it, or {_ADVICE}"
        ) from None
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(info.file_size for info in archive.infolist())
        if unpacked > max(UNPACKED_FREE, UNPACKED_RATIO * size):
            raise _UnreadableError(f"{path} unpacks to {unpacked >> 20:,} MiB and is refused as a zip bomb; {_ADVICE}")
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            sheets = [
                (sheet.title, _write_csv(sheet)) for sheet in workbook.worksheets if sheet.sheet_state == "visible"
            ]
        finally:
            workbook.close()
    # openpyxl lets the errors of whatever library reads a part of a damaged file through.
    except (zipfile.BadZipFile, OSError, ValueError, LookupError, TypeError, AttributeError, SyntaxError) as problem:
        raise _UnreadableError(
            f"{path} is a damaged Excel workbook ({problem}); save it again, or {_ADVICE}"
        ) from problem
    filled = [(name, text) for name, text in sheets if text.strip(b",\r\n")]
    if not filled:
        raise _UnreadableError(f"{path} is empty: no sheet of the workbook has a filled cell")
    (name, text), *others = filled
    return Sheet(name, text, tuple(other for other, _ in others))


def _write_csv(sheet: Any) -> bytes:
    # Some programs write wrong dimensions, which would cut the sheet.
    sheet.reset_dimensions()
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(map(_format_cells, _iterate_rows(sheet)))
    return text.getvalue().encode()


def _iterate_rows(sheet: Any) -> Iterator[Sequence[Any]]:
    """Yields the rows; openpyxl fills the gaps between the cells that a file has, which may be as wide as it says."""
    n_cells = 0
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        n_cells += len(row)
        if number > SHEET_ROWS or n_cells > SHEET_CELLS:
            raise _UnreadableError(
                f"the sheet {sheet.title!r} has more than {SHEET_ROWS:,} rows, or {SHEET_CELLS:,} cells with the blank ones "
                f"between them; {_ADVICE}"
            )
        yield row


def _format_cells(row: Iterable[Any]) -> list[str]:
    cells = [_format_cell(value) for value in row]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _format_cell(value: Any) -> str:
    """Formats a cell on one line: 12.0 as 12, dates as in ISO 8601, as CSV files have them."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return " ".join(str(value).split())
