"""Writes Parquet files incrementally."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bioclip_x.io.streams import escape_surrogates, open_binary_output, refuse_terminal

PROVENANCE = "bioclip_x.provenance"
"""Key of the file metadata under which the provenance is stored as JSON."""


@contextmanager
def open_parquet_writer(output: Path | None, schema: pa.Schema, provenance: str) -> Iterator[pq.ParquetWriter]:
    """Opens a writer of tables with this schema, each of which becomes a row group.

    provenance: JSON, for the file metadata. Raises BioclipXError for a terminal, and for a file that cannot be written.
    """
    refuse_terminal(output, "parquet")
    with open_binary_output(output) as raw:
        schema_with_metadata = schema.with_metadata({PROVENANCE: escape_surrogates(provenance)})
        writer = pq.ParquetWriter(raw, schema_with_metadata, compression="zstd")
        try:
            yield writer
            writer.close()
        except BaseException:
            # Otherwise the writer, when collected, would write a footer that makes the partial file look complete.
            raw.discard()
            writer.close()
            raise
