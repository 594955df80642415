"""Joins tables a range of rows at a time, so that the memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from bioclip_x.dataset.context import Made
from bioclip_x.dataset.database import quote_files
from bioclip_x.io.streams import open_binary_output

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


def write_ranges(database: Any, rows: Made, make_query: Callable[[RowRange], str], output: Path) -> None:
    """Writes the results of a query for each range of rows to one file, which appears when it is complete."""
    writer = None
    with open_binary_output(output) as stream:
        for one in list_ranges(rows):
            table = database.sql(make_query(one)).to_arrow_table()
            if writer is None:
                writer = pq.ParquetWriter(stream, table.schema, compression="zstd")
            writer.write_table(table)
        if writer is not None:
            writer.close()
