"""Writes Parquet files incrementally."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bioclip_x.errors import BioclipXError
from bioclip_x.io.storage.replacement import is_written_in_place
from bioclip_x.io.storage.streams import escape_surrogates, open_binary_output, refuse_terminal

PROVENANCE = "bioclip_x.provenance"
"""Key of the file metadata under which the provenance is stored as JSON."""


@contextmanager
def open_parquet_writer(
    output: Path | None, schema: pa.Schema, provenance: str, *, keep_partial: bool = False
) -> Iterator[pq.ParquetWriter]:
    """Opens a writer of tables with this schema, each of which becomes a row group.

    provenance: JSON, for the file metadata. keep_partial: after an exception the row groups so far stay, as a readable file
    `output` + ".partial". Raises BioclipXError for a terminal, and for a file that cannot be written.
    """
    refuse_terminal(output, "parquet")
    with open_binary_output(output, keep_partial=keep_partial) as raw:
        schema_with_metadata = schema.with_metadata({PROVENANCE: escape_surrogates(provenance)})
        writer = pq.ParquetWriter(raw, schema_with_metadata, compression="zstd")
        try:
            yield writer
            writer.close()
        except BaseException:
            if not keep_partial or output is None or is_written_in_place(output):
                # Otherwise the writer, when collected, would write a footer that makes the partial file look complete.
                raw.discard()
            with suppress(BioclipXError):  # a full disk, where the first failure is the one to report
                writer.close()
            raise


def read_parquet_provenance(path: Path) -> dict[str, Any]:
    """Reads the provenance from a file that `open_parquet_writer` wrote; empty for a file of another origin."""
    try:
        metadata = pq.read_schema(path).metadata or {}
        document = json.loads(metadata.get(PROVENANCE.encode(), b"{}"))
    except (pa.ArrowException, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
