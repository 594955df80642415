"""Parquet: a row per embedding, with the vector in a column of lists; the provenance is in the file's metadata."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from bioclip_x.embed.files import format_provenance
from bioclip_x.io.parquet import PROVENANCE, open_parquet_writer
from bioclip_x.io.storage.streams import escape_surrogates
from bioclip_x.records import Embedding, EmbeddingProvenance

ROW_GROUP: Final = 4096
"""Rows held before they are written: 16 MB at 1,024 dimensions."""


@contextmanager
def open_parquet(output: Path | None, provenance: EmbeddingProvenance) -> Iterator[_Writer]:
    """Opens a Parquet file: text columns, null where empty, and `embedding`, a list of float32."""
    fields = [(column, pa.string()) for column in provenance.columns]
    schema = pa.schema([*fields, ("embedding", pa.list_(pa.float32()))])
    with open_parquet_writer(output, schema, format_provenance(provenance)) as file:
        writer = _Writer(file, provenance.columns)
        yield writer
        writer.flush()


def read_provenance(output: Path) -> str:
    provenance: bytes = pq.read_schema(output).metadata[PROVENANCE.encode()]
    return provenance.decode()


class _Writer:
    def __init__(self, file: pq.ParquetWriter, columns: tuple[str, ...]) -> None:
        self._file, self._columns = file, columns
        self._rows: list[Embedding] = []

    def write(self, row: Embedding) -> None:
        self._rows.append(row)
        if len(self._rows) >= ROW_GROUP:
            self.flush()

    def flush(self) -> None:
        """Writes the buffered rows as a row group."""
        if not self._rows:
            return
        texts = [
            pa.array([escape_surrogates(row.about[c]) or None for row in self._rows], pa.string())
            for c in self._columns
        ]
        vectors = pa.array([row.vector_D for row in self._rows], pa.list_(pa.float32()))
        self._file.write_table(pa.table([*texts, vectors], schema=self._file.schema))
        self._rows = []
