"""The review table: the commonest unresolved names, in which a person fills in the correct ones."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from bioclip_x.dataset.names.given import GIVEN_COLUMNS, read_column
from bioclip_x.errors import DatasetError
from bioclip_x.io.delimited import defuse_formulas, guess_delimiter, read_delimited_rows, restore_formulas
from bioclip_x.io.storage.replacement import open_replacement
from bioclip_x.messages import list_some, pluralise

if TYPE_CHECKING:
    import pyarrow as pa

FILLED_IN: Final = ("correct_name", "correct_rank", "correct_kingdom")
REVIEW_COLUMNS: Final = ("images", *GIVEN_COLUMNS, "status", "why", *FILLED_IN)
MOST: Final = 1000
Identification = tuple[str, ...]
"""The texts of the `GIVEN_COLUMNS` of one identification, without superfluous blanks."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person says that an identification is."""

    name: str
    rank: str = ""
    kingdom: str = ""


@dataclass(frozen=True)
class Corrections:
    """Corrections by the identification that they are of. path: the file that they are from."""

    path: Path
    by_identification: Mapping[Identification, Correction]

    def __len__(self) -> int:
        return len(self.by_identification)


def write_review_table(path: Path, given: pa.Table, resolved: pa.Table, most: int = MOST) -> int:
    """Writes the commonest names that are lost, ambiguous or known only by a taxon above; returns how many there are in all.

    resolved: as `resolve_names` returns it for `given`. Cells that spreadsheets would compute are written as text.
    """
    columns = {name: resolved[name].to_pylist() for name in ("status", "by", "reason")}
    images = given["images"].to_numpy()
    rows = [
        row
        for row, (status, by, reason) in enumerate(zip(*columns.values()))
        if status in ("lost", "ambiguous") or (by == "higher taxon" and reason)
    ]
    texts = {column: read_column(given, column) for column in GIVEN_COLUMNS}
    # Files that no row of the metadata names have no identification, which a person could not correct for all of them.
    rows = [row for row in rows if any(texts[column][row] for column in GIVEN_COLUMNS)]
    rows.sort(key=lambda row: (-int(images[row]), tuple(texts[column][row] for column in GIVEN_COLUMNS)))
    with open_replacement(path) as stream:
        writer = csv.writer(stream)
        writer.writerow(REVIEW_COLUMNS)
        for row in rows[:most]:
            cells = [texts[column][row] for column in GIVEN_COLUMNS]
            cells += [columns["status"][row], columns["reason"][row]]
            writer.writerow([int(images[row]), *map(defuse_formulas, cells), *("" for _ in FILLED_IN)])
    return len(rows)


def read_corrections(path: Path) -> Corrections:
    """Reads the rows of a review table that are filled in.

    Raises DatasetError for a table that cannot be read, lacks columns or contradicts itself.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            rows = list(read_delimited_rows(stream, str(path), DatasetError, delimiter=guess_delimiter(first)))
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"the corrections {path} cannot be read: {error}") from error
    header = [cell.strip() for cell in rows[0][1]] if rows else []
    if missing := [column for column in (*GIVEN_COLUMNS, "correct_name") if column not in header]:
        raise DatasetError(
            f"the corrections {path} lack the columns {list_some(missing)}: fill in correct_name in a review table as it was"
            " written"
        )
    corrections: dict[Identification, Correction] = {}
    for line, cells in rows[1:]:
        row = dict(zip(header, cells))
        correction = Correction(*(" ".join(row.get(column, "").split()) for column in FILLED_IN))
        if not correction.name:
            continue
        key = _make_identification(restore_formulas(row.get(column, "")) for column in GIVEN_COLUMNS)
        if corrections.setdefault(key, correction) != correction:
            raise DatasetError(
                f"{path}, line {line}: {key[0]!r} is corrected twice, to {corrections[key].name} and {correction.name}"
            )
    return Corrections(path, corrections)


def apply_corrections(
    given: pa.Table, corrections: Corrections | None, say: Callable[[str], None]
) -> tuple[pa.Table, npt.NDArray[np.bool_]]:
    """Returns the table with the corrected identifications in place of the given ones, and which rows these are.

    A corrected row keeps nothing else of what is given, since its lineage may be as wrong as its name.
    """
    import pyarrow as pa

    is_corrected_R = np.zeros(given.num_rows, bool)
    if not corrections:
        return given, is_corrected_R
    columns = {column: list(read_column(given, column)) for column in GIVEN_COLUMNS}
    used = set()
    for row, cells in enumerate(zip(*columns.values())):
        key = _make_identification(cells)
        if correction := corrections.by_identification.get(key):
            used.add(key)
            is_corrected_R[row] = True
            new = {"name": correction.name, "rank": correction.rank, "kingdom": correction.kingdom}
            for column, values in columns.items():
                values[row] = new.get(column, "")
    if unused := [key[0] for key in corrections.by_identification if key not in used]:
        are = "is of a name" if len(unused) == 1 else "are of names"
        number = pluralise(len(unused), "correction")
        say(f"{number} of {corrections.path} {are} that no source gives: {list_some(unused)}")
    arrays = {column: pa.array(values, pa.string()) for column, values in columns.items()}
    return pa.table({"key": given["key"], "images": given["images"], **arrays}), is_corrected_R


def _make_identification(cells: Iterable[str]) -> Identification:
    return tuple(" ".join(cell.split()) for cell in cells)
