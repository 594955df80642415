"""Parquet: the rows of `rows`, typed, and the provenance inside the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from bioclip_x.plugin import (
    Provenance,
    ReportCapabilities,
    Result,
    escape_surrogates,
    open_parquet_writer,
    read_parquet_provenance,
)
from bioclip_x_plugins.reports.tables.json_documents import make_provenance_document, to_json
from bioclip_x_plugins.reports.tables.rows import INTEGERS, NUMBERS, Rows

PACKED: Final = 512
"""Rows held as Python values."""
ROW_GROUP: Final = 32 * PACKED
"""Rows held, as compact Arrow columns, before they are written."""


class ParquetReport:
    """One row per prediction, and one for an image without any; null where csv is blank.

    The provenance is in the file's metadata, as JSON under "bioclip_x.provenance".
    """

    capabilities = ReportCapabilities(suffixes=(".parquet", ".pq"), binary=True, reads_provenance=True)

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[_Writer]:
        rows = Rows(provenance)
        about = to_json(make_provenance_document(provenance))
        with open_parquet_writer(output, make_schema(rows.columns), about, keep_partial=True) as file:
            writer = _Writer(file, rows)
            try:
                yield writer
            finally:  # also after an interruption: what was held is part of what is kept
                writer.flush()

    def read_provenance(self, path: Path) -> dict[str, Any]:
        return read_parquet_provenance(path)


class _Writer:
    def __init__(self, file: pq.ParquetWriter, rows: Rows) -> None:
        self._file, self._table, self._schema = file, rows, file.schema
        self._rows: list[tuple[Any, ...]] = []
        self._packed: list[pa.RecordBatch] = []

    def write(self, result: Result) -> None:
        self._rows.extend(self._table.of(result))
        if len(self._rows) >= PACKED:
            self._pack()
        if len(self._packed) * PACKED >= ROW_GROUP:
            self.flush()

    def flush(self) -> None:
        """Writes what is held, as a row group."""
        self._pack()
        if self._packed:
            self._file.write_table(pa.Table.from_batches(self._packed))
            self._packed = []

    def _pack(self) -> None:
        if self._rows:
            columns = [
                pa.array(map(_cell, values), field.type) for field, values in zip(self._schema, zip(*self._rows))
            ]
            self._packed.append(pa.RecordBatch.from_arrays(columns, schema=self._schema))
            self._rows = []


def make_schema(columns: tuple[str, ...]) -> pa.Schema:
    """Numbers are float64 or int64, all else is text."""
    types = dict.fromkeys(NUMBERS, pa.float64()) | dict.fromkeys(INTEGERS, pa.int64())
    return pa.schema([(name, types.get(name, pa.string())) for name in columns])


def _cell(value: Any) -> Any:
    return (escape_surrogates(value) or None) if isinstance(value, str) else value
