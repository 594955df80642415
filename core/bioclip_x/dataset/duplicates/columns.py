"""The tables that finders take and return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from bioclip_x.array_types import Ints
from bioclip_x.errors import DatasetError

Rows: TypeAlias = pa.Table | Path | Sequence[Path]
"""A table, or the Parquet files (or folders of them) that it is in parts."""

DUPLICATES: Final = pa.schema([("row", pa.int64()), ("kept", pa.int64()), ("distance", pa.float32())])
"""Removed rows, sorted by `row`; `kept`: the row kept in its place; `distance`: 0, Hamming bits, or cosine distance."""

NEAR: Final = pa.schema(
    [("row", pa.int64()), ("reference", pa.int64()), ("kind", pa.string()), ("distance", pa.float32())]
)
"""Rows that are near a row of a reference set; `kind`: exact, perceptual or semantic."""

INSTALL: Final = "pip install 'bioclip-x[dataset]'"


def open_rows(rows: Rows, columns: Sequence[str]) -> ds.Dataset:
    """Opens a table or Parquet parts for reading. Raises DatasetError for a missing file or column."""
    try:
        if isinstance(rows, pa.Table):
            dataset = ds.dataset(rows)
        elif isinstance(rows, Path):
            dataset = ds.dataset(rows, format="parquet")
        elif rows:
            dataset = ds.dataset([ds.dataset(path, format="parquet") for path in rows])
        else:
            raise DatasetError("expected at least one Parquet file of rows, got none")
    except (OSError, pa.ArrowException) as problem:
        raise DatasetError(f"the rows cannot be read ({problem}); expected Parquet files") from None
    missing = [name for name in columns if name not in dataset.schema.names]
    if missing:
        raise DatasetError(f"the rows need the columns {', '.join(columns)}; {', '.join(missing)} is missing")
    return dataset


def read_rows(rows: Rows, columns: Sequence[str]) -> pa.Table:
    """Reads these columns into memory. Raises DatasetError as `open_rows` does, and for damaged files."""
    dataset = open_rows(rows, columns)
    try:
        return dataset.to_table(columns=list(columns))
    except (OSError, pa.ArrowException) as problem:
        raise DatasetError(f"the rows cannot be read ({problem})") from None


def read_ints(table: pa.Table, column: str) -> Ints:
    """A column of whole numbers, int64 [N]. Raises DatasetError for nulls and other types."""
    values = table.column(column)
    if values.null_count or not pa.types.is_integer(values.type):
        raise DatasetError(f"the column {column} must be whole numbers without nulls; it is {values.type}")
    numbers: Ints = values.cast(pa.int64()).to_numpy()
    return numbers


def check_unique(rows_N: Ints) -> None:
    """Raises DatasetError if a row's number occurs twice: results name rows by their numbers."""
    sorted_N = np.sort(rows_N)
    repeated = sorted_N[1:][sorted_N[1:] == sorted_N[:-1]]
    if repeated.size:
        raise DatasetError(f"row numbers must be unique; {repeated[0]} occurs more than once")


def make_duplicates(rows: Any, kept: Any, distances: Any) -> pa.Table:
    """Makes a table of duplicates from arrays, sorted by row."""
    order = np.argsort(rows, kind="stable")
    columns = [np.asarray(values)[order] for values in (rows, kept, distances)]
    return pa.table([pa.array(values, field.type) for values, field in zip(columns, DUPLICATES)], schema=DUPLICATES)


def drop_duplicates(rows: pa.Table, duplicates: pa.Table) -> pa.Table:
    """The rows that are not removed; for the next finder, or for one with a wider threshold.

    A wider threshold on the kept rows finds the pairs just beyond the first, which pages show (`pages.py`).
    """
    removed = pc.is_in(rows.column("row"), value_set=duplicates.column("row").combine_chunks())
    return rows.filter(pc.invert(removed))


def combine(found: Mapping[str, pa.Table]) -> pa.Table:
    """Joins the tables of finders that ran one after another, each on what the ones before it kept, into one.

    found: kind → `DUPLICATES`, in the order in which they ran. Returns `row`, `kept`, `kind`, `distance`, sorted by row, where
    `kept` is a row that all kept: where a row was removed for one that a later finder removed, it is that one's. `distance` is
    to the row for which the finder of this kind removed it. Raises DatasetError for a row that was removed twice.
    """
    table = pa.concat_tables([DUPLICATES.empty_table(), *found.values()])
    kinds = np.repeat(np.array(list(found), object), [part.num_rows for part in found.values()])
    rows_N, kept_N = read_ints(table, "row"), read_ints(table, "kept").copy()
    check_unique(rows_N)
    sorting = np.argsort(rows_N)
    rows_N, kept_N = rows_N[sorting], kept_N[sorting]
    for _ in found:  # each finder lengthens a way by one step at most
        places = np.minimum(np.searchsorted(rows_N, kept_N), rows_N.size - 1)
        was_removed = rows_N[places] == kept_N if rows_N.size else np.zeros(0, bool)
        kept_N[was_removed] = kept_N[places[was_removed]]
    distances = table.column("distance").take(pa.array(sorting))
    return pa.table(
        {"row": rows_N, "kept": kept_N, "kind": pa.array(kinds[sorting], pa.string()), "distance": distances}
    )
