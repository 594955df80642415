"""The file of corrected names: a table with the columns path and label, which evaluate, calibrate and train read.

A photo that is labelled is copied to a folder beside the table, under a name made of its content, so that its path exists and
the same photo is known again in a later session. Every change is written at once.
"""

from __future__ import annotations

import csv
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bioclip_x.app.limits import AppError
from bioclip_x.errors import BioclipXError
from bioclip_x.io.storage.replacement import open_replacement
from bioclip_x.messages import escape_controls

COLUMNS: Final = ("path", "label", "rank", "file", "predicted")
"""path: relative to the table. rank: of the taxon; "" for one that is not listed. file: the name that the photo came with.
predicted: what it was named when it was labelled."""

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Label:
    """One row. See `COLUMNS`."""

    label: str
    rank: str
    file: str
    predicted: str


class LabelFile:
    """path: the table; it need not exist. folder: of the photos, below the table's own.

    Raises BioclipXError for a folder elsewhere, where no data set would find it, and for a file that is no such table.
    """

    def __init__(self, path: Path, folder: Path | None = None) -> None:
        self.path = path
        self.folder = folder or path.with_name(f"{path.stem}-photos")
        self._lock = threading.Lock()
        if path.suffix.lower() != ".csv":
            raise BioclipXError(f"--labels {path}: expected a CSV file, such as bioclip-x-labels.csv")
        if not path.parent.is_dir():
            raise BioclipXError(f"--labels {path}: there is no folder {path.parent}")
        if not self.folder.resolve().is_relative_to(path.parent.resolve()):
            raise BioclipXError(
                f"--folder {self.folder}: expected a folder below {path.parent}, that of the labels: the paths in the table "
                "are relative to it"
            )
        if self.folder.exists() and not self.folder.is_dir():
            raise BioclipXError(f"--folder {self.folder}: expected a folder")
        self.read()

    def read(self) -> dict[str, Label]:
        """Returns the labels, by the names of the photos' copies without suffix (`StoredFile.digest`)."""
        with self._lock:
            _, rows = self._read()
        return {_find_digest(row): _make_label(row) for row in rows if row.get("path")}

    def set(self, digest: str, photo: Path, label: Label) -> None:
        """Copies a photo, and writes its row, in place of an earlier one. Raises AppError where that fails."""
        texts = (label.label, label.rank, label.file, label.predicted)
        with self._lock, _writing(self.path):
            columns, rows = self._read()
            # The same content may have come as a.jpg and as a.jpeg: it has one row, and one copy.
            own = [one for one in rows if _find_digest(one) == digest]
            copy = next(iter(self._list_copies(digest)), self.folder / f"{digest}{photo.suffix}")
            if not copy.exists():
                self.folder.mkdir(parents=True, exist_ok=True)
                with photo.open("rb") as source, open_replacement(copy, "wb") as target:
                    shutil.copyfileobj(source, target)
            row = own[0] if own else {}
            row.update(zip(COLUMNS, (self._relate(copy), *map(escape_controls, texts))))
            kept = [one for one in rows if one is row or _find_digest(one) != digest]
            self._write(columns, kept if own else [*kept, row])

    def remove(self, digest: str) -> None:
        """Removes the rows of a photo, then the copies, which nothing names any more."""
        with self._lock, _writing(self.path):
            columns, rows = self._read()
            self._write(columns, [row for row in rows if _find_digest(row) != digest])
            for file in self._list_copies(digest):
                file.unlink(missing_ok=True)

    def _list_copies(self, digest: str) -> list[Path]:
        return sorted(file for file in self.folder.glob(f"{digest}*") if file.stem == digest)

    def _relate(self, copy: Path) -> str:
        return copy.resolve().relative_to(self.path.parent.resolve()).as_posix()

    def _read(self) -> tuple[list[str], list[Row]]:
        """Reads the columns and rows of the table, its further columns included."""
        if not self.path.exists():
            return list(COLUMNS), []
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as stream:
                columns, *cells = [row for row in csv.reader(stream) if row] or [[]]
        except (OSError, UnicodeError, csv.Error) as problem:
            raise BioclipXError(f"--labels {self.path} cannot be read: {problem}") from problem
        if missing := [name for name in ("path", "label") if columns and name not in columns]:
            raise BioclipXError(
                f"--labels {self.path}: expected a table with the columns path and label, it lacks {' and '.join(missing)}"
            )
        self._check_cells(columns, cells)
        rows = [dict(zip(columns, row)) for row in cells]
        return [*columns, *(name for name in COLUMNS if name not in columns)], rows

    def _check_cells(self, columns: list[str], cells: list[list[str]]) -> None:
        """Raises BioclipXError for a table of which something would be lost when it is written again."""
        if several := sorted({name for name in columns if columns.count(name) > 1}):
            raise BioclipXError(
                f"--labels {self.path}: expected columns of different names, {several[0]!r} is there twice"
            )
        for number, row in enumerate(cells, 1):
            if len(row) > len(columns):
                raise BioclipXError(
                    f"--labels {self.path}: expected {len(columns)} cells, as in the header; row {number} ({row[0]!r}) "
                    f"has {len(row)}"
                )

    def _write(self, columns: list[str], rows: list[Row]) -> None:
        with open_replacement(self.path) as stream:
            writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Converts errors of the block for the page."""
    try:
        yield
    except OSError as problem:
        raise AppError(f"{path} cannot be written: {problem.strerror or problem}", 507) from problem
    except AppError:
        raise
    except BioclipXError as problem:
        raise AppError(str(problem), 409) from problem


def _find_digest(row: Mapping[str, str]) -> str:
    """Returns the name of a photo's copy without suffix, which is the digest of its content."""
    return Path(row.get("path", "")).stem


def _make_label(row: Mapping[str, str]) -> Label:
    return Label(*(row.get(name, "") for name in COLUMNS[1:]))
