"""Joins tables of any length by DuckDB, which spills to a temporary folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from bioclip_x.plugin import open_database
from bioclip_x_plugins.image_sources.accounting import TABLE_ROWS

MEMORY: Final = "1GB"
THREADS: Final = 2


@contextmanager
def open_joins() -> Iterator[Any]:
    """Opens a database whose temporary files are removed at the end. Raises DatasetError where DuckDB is missing."""
    with tempfile.TemporaryDirectory() as folder, open_database(Path(folder), MEMORY, THREADS) as connection:
        yield connection


def load(connection: Any, name: str, columns: Sequence[str], tables: Iterable[pa.Table]) -> int:
    """Fills a new table with texts and the column `place`, the number of the row. Returns the number of rows."""
    listed = ", ".join(f'"{column}" VARCHAR' for column in columns)
    connection.execute(f"CREATE TABLE {name} ({listed}, place BIGINT)")
    count = 0
    for table in tables:
        place = pa.array(range(count, count + len(table)), pa.int64())
        connection.register("batch", table.select(list(columns)).append_column("place", place))
        connection.execute(f"INSERT INTO {name} SELECT * FROM batch")
        connection.unregister("batch")
        count += len(table)
    return count


def select(connection: Any, sql: str) -> Iterator[pa.Table]:
    """Yields the result of a query, which must order its rows, in tables."""
    relation = connection.sql(sql)
    # The latter is the name of DuckDB 1, which newer versions give up.
    read = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader
    for batch in read(TABLE_ROWS):
        yield pa.Table.from_batches([batch])


def count(connection: Any, sql: str) -> int:
    """Returns the one number of a query's result."""
    return int(connection.execute(sql).fetchall()[0][0])
