"""The tables that the stages of a build exchange, as Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from bioclip_x.io.storage.streams import open_binary_output
from bioclip_x.records.image_rows import ROW_COLUMNS
from bioclip_x.taxonomy.ranks import LINNAEAN

GIVEN_COLUMNS: Final = ("name", "rank", *LINNAEAN, "common_name")
"""What identifies the taxon of a row, as given."""
OUTCOMES: Final = (
    "used", "duplicate", "held out", "unreadable", "unlicensed", "unnamed", "repeated", "incomplete",
)  # fmt: skip
BEFORE_READING: Final = ("incomplete", "repeated", "unlicensed", "unnamed")
"""Outcomes of rows whose image is never read."""

FIRST_ROW: Final = 1 << 40
"""Numbers of rows per source: row = number of the source × this + place in the source."""

ROWS: Final = pa.schema([("row", pa.int64()), *((name, pa.string()) for name in ROW_COLUMNS)])
GIVEN: Final = pa.schema(
    [("key", pa.int64()), *((name, pa.string()) for name in GIVEN_COLUMNS), ("images", pa.int64())]
)
IMAGES: Final = pa.schema(
    [
        ("row", pa.int64()),
        ("file", pa.string()),  # that holds the image's bytes
        ("offset", pa.int64()),  # of them in it
        ("size", pa.int64()),  # their number; -1 of a download that failed
        ("sha256", pa.binary(32)),
        ("phash", pa.uint64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("error", pa.string()),  # why it cannot be read; "" if it can
        ("note", pa.string()),
    ]
)
CAPTIONS: Final = pa.schema(
    [("row", pa.int64()), ("caption", pa.string()), ("text", pa.string()), ("similarity", pa.float64())]
)
"""text: the caption with its quality before it, if that is asked for. similarity: cosine of image and caption."""
HELD_OUT: Final = pa.schema([("row", pa.int64()), ("reason", pa.string())])


def write_table(path: Path, table: pa.Table) -> None:
    """Writes a file that appears only when it is complete. Raises BioclipXError where it cannot be written."""
    with open_binary_output(path) as stream:
        pq.write_table(table, stream, compression="zstd")


@contextmanager
def open_table(path: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Opens a file for tables of this schema, which appears only when it is complete."""
    with open_binary_output(path) as stream, pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        yield writer
