"""Duplicates by content: rows with the same SHA-256."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import pyarrow as pa

from bioclip_x.dataset.duplicates.columns import INSTALL, Rows, check_unique, make_duplicates, open_rows, read_ints
from bioclip_x.errors import DatasetError

MEMORY: Final = "4GB"
"""DuckDB's limit, beyond which it uses temporary files."""
THREADS: Final = 2

_REPEATED = """
    with hashed as (select row, "order", {hash} as hash from images where sha256 is not null),
    repeated as (select hash from hashed group by hash having count(*) > 1)
    select row, first_value(row) over (partition by hash order by "order", row) as kept
    from hashed semi join repeated using (hash)
"""
_ACROSS = """
    with referenced as (select {hash} as hash, min(row) as reference from held_out where sha256 is not null group by hash)
    select row, reference from (select row, {hash} as hash from images where sha256 is not null) join referenced using (hash)
"""


def find_exact(rows: Rows) -> pa.Table:
    """Finds the rows with the same SHA-256 as a more preferred row.

    rows: `row` int64, unique; `sha256`, 32 bytes or hexadecimal digits, null where there is none; `order` int64, lower where
    rather kept (equal: the lower row number). Returns `DUPLICATES` with distance 0. Raises DatasetError for unusable tables.
    """
    images = open_rows(rows, ("row", "sha256", "order"))
    for name in ("row", "order"):
        if not pa.types.is_integer(images.schema.field(name).type):
            raise DatasetError(f"the column {name} must be whole numbers; it is {images.schema.field(name).type}")
    with connect(images=images) as database:
        found = _fetch(database, _REPEATED.format(hash=_hash_of(images)))
    rows_N, kept_N = read_ints(found, "row"), read_ints(found, "kept")
    check_unique(rows_N)
    removed = rows_N != kept_N
    return make_duplicates(rows_N[removed], kept_N[removed], np.zeros(int(removed.sum())))


def find_exact_across(rows: Rows, reference: Rows) -> pa.Table:
    """Finds the rows with the SHA-256 of a reference row: columns `row`, `reference` (the lowest row number)."""
    images, held_out = open_rows(rows, ("row", "sha256")), open_rows(reference, ("row", "sha256"))
    if _hash_of(images) != _hash_of(held_out):
        raise DatasetError("sha256 must be bytes in both tables, or hexadecimal digits in both")
    with connect(images=images, held_out=held_out) as database:
        return _fetch(database, _ACROSS.format(hash=_hash_of(images)))


@contextmanager
def connect(**tables: Any) -> Iterator[Any]:
    """Opens a database in memory in which these Arrow data sets are tables; temporary files are deleted afterwards."""
    try:
        import duckdb
    except ImportError:
        raise DatasetError(f"exact duplicates need DuckDB, which is not installed; {INSTALL}") from None
    with tempfile.TemporaryDirectory(prefix="bioclip-x-") as folder:
        settings: dict[str, Any] = {
            "memory_limit": MEMORY,
            "threads": THREADS,
            "temp_directory": folder,
            "preserve_insertion_order": False,
        }
        with duckdb.connect(config=settings) as database:
            for name, table in tables.items():
                database.register(name, table)
            yield database


def _fetch(database: Any, query: str) -> pa.Table:
    import duckdb

    try:
        return database.sql(query).to_arrow_table()
    except duckdb.Error as problem:
        raise DatasetError(f"the rows cannot be compared ({str(problem).splitlines()[0]})") from None


def _hash_of(images: Any) -> str:
    kind = images.schema.field("sha256").type
    if kind == pa.binary(32) or pa.types.is_binary(kind):
        return "sha256"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "lower(sha256)"
    raise DatasetError(f"the column sha256 must be 32 bytes or hexadecimal digits; it is {kind}")
