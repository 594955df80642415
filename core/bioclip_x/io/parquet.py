"""Parquet files written as their rows come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bioclip_x.io.streams import escape_surrogates, open_binary_output, refuse_terminal

PROVENANCE = "bioclip_x.provenance"
"""The key of a file's metadata that holds its provenance, as JSON."""


@contextmanager
def open_parquet_writer(output: Path | None, schema: pa.Schema, provenance: str) -> Iterator[pq.ParquetWriter]:
    """A writer of tables with this schema, each of which becomes a row group.

    provenance: JSON, for the file's metadata. Raises BioclipXError for a terminal, and for a file that cannot be written.
    """
    refuse_terminal(output, "parquet")
    with open_binary_output(output) as raw:
        about = schema.with_metadata({PROVENANCE: escape_surrogates(provenance)})
        writer = pq.ParquetWriter(raw, about, compression="zstd")
        try:
            yield writer
            writer.close()
        except BaseException:
            # The writer would close itself later, and give half a table the footer that makes it look whole.
            raw.discard()
            writer.close()
            raise
