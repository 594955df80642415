"""The record of what went where: a table that further runs complete."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from bioclip_x.plugin import (
    LINE_CHARACTERS,
    BioclipXError,
    escape_surrogates,
    explain_csv_error,
    is_written_in_place,
    open_output,
    read_text,
)
from bioclip_x_plugins.sorting.transfer import DONE, PLANNED

COLUMNS: Final = ("source", "target", "name", "rank", "probability", "status")
Row = Mapping[str, object]


def read_record(path: Path) -> list[dict[str, str]]:
    """The rows of a record; none of one that is not there, is empty, or is no file. Raises BioclipXError for another table."""
    if not path.exists() or is_written_in_place(path):
        return []
    csv.field_size_limit(LINE_CHARACTERS)
    table = csv.DictReader(io.StringIO(read_text(path, BioclipXError), newline=""), strict=True)
    try:
        columns = list(table.fieldnames or ())
        if columns not in ([], list(COLUMNS)):
            raise BioclipXError(
                f"{path} is left as it is: expected the columns {', '.join(COLUMNS)} of an earlier sort, got "
                f"{', '.join(columns)[:80]}; name another file with --output"
            )
        return [{name: row[name] or "" for name in COLUMNS} for row in table]
    except csv.Error as problem:
        raise BioclipXError(f"{path} is left as it is: {explain_csv_error(problem)}") from None


def write_record(path: Path, rows: Iterable[Row]) -> None:
    """Completes a record, which is replaced as a whole: a row for each source and target, the newest.

    Mere plans of earlier runs are dropped. What is done stays so while it is there, also if its original is gone by now.
    """
    kept = {(row["source"], row["target"]): row for row in read_record(path) if row["status"] != PLANNED}
    for row in rows:
        new = {name: _make_cell(row.get(name)) for name in COLUMNS}
        key = new["source"], new["target"]
        before = kept.get(key)
        if before and before["status"] == DONE != new["status"] and os.path.lexists(str(row["target"])):
            continue
        kept[key] = new
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(kept.values())
    with open_output(path) as stream:
        stream.write(text.getvalue())


def _make_cell(value: object) -> str:
    return "" if value is None else escape_surrogates(str(value))
