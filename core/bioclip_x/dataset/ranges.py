"""Joins tables a range of rows at a time, so that the memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from bioclip_x.dataset.context import Made
from bioclip_x.dataset.database import quote_files
from bioclip_x.dataset.schema import open_table

ROWS_AT_A_TIME: Final = 500_000


@dataclass(frozen=True)
class RowRange:
    """The rows from `first` up to, but without, `stop`."""

    first: int
    stop: int

    def of(self, files: Iterable[Path]) -> str:
        """Returns the SQL of the part of a table that has these rows; of files sorted by row, only that part is read."""
        return f"(SELECT * FROM read_parquet({quote_files(files)}) WHERE row >= {self.first} AND row < {self.stop})"


def list_ranges(rows: Made) -> Iterator[RowRange]:
    """Yields ranges that hold all rows of the sources, in their order. rows: the files of `rows.listing`."""
    for file in rows.files:
        about = pq.read_metadata(file)
        if not about.num_rows:
            continue
        place = about.schema.names.index("row")
        first = about.row_group(0).column(place).statistics.min
        for start in range(first, first + about.num_rows, ROWS_AT_A_TIME):
            yield RowRange(start, min(start + ROWS_AT_A_TIME, first + about.num_rows))


def write_ranges(
    database: Any, rows: Made, make_query: Callable[[RowRange], str], output: Path, schema: pa.Schema | None = None
) -> None:
    """Writes the results of a query for each range of rows to one file, which appears when it is complete.

    schema: of the file, where it is not that of the results.
    """
    ranges = list(list_ranges(rows)) or [RowRange(0, 0)]
    tables = (database.sql(make_query(one)).to_arrow_table() for one in ranges)
    first = next(tables)
    with open_table(output, schema or first.schema) as writer:
        for table in chain([first], tables):
            writer.write_table(table.cast(schema) if schema else table)
