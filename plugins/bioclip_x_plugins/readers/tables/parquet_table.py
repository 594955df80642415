"""Parquet tables: those of `table`, and the checklists (Darwin Core, WCVP, WoRMS, eBird). Cells may be lists of strings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bioclip_x.plugin import (
    BETWEEN,
    TABLE_CELLS,
    TABLE_COLUMNS,
    UNPACKED_BYTES,
    Column,
    Findings,
    FormatExample,
    SeveralParents,
    Taxonomy,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    from_usages,
)
from bioclip_x_plugins.readers.checklists.darwin_core import read_cells
from bioclip_x_plugins.readers.checklists.darwin_core_terms import is_taxon_table
from bioclip_x_plugins.readers.checklists.ebird import EbirdReader, is_ebird
from bioclip_x_plugins.readers.checklists.rows import make_usages
from bioclip_x_plugins.readers.tables.build import Rows, from_rows

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

SAMPLE_ROWS = 50
MAGIC = b"PAR1"
PANDAS_INDEX = "__index_level_"
"""Prefix of the column in which pandas stores its index."""


class ParquetReader:
    """Reads Parquet with the columns of any table.

    dag: how a taxon of a checklist that is listed under several parents is handled.
    """

    capabilities = TaxonomyReaderCapabilities(
        several_parents_option="dag",
        example=FormatExample(
            "species.parquet",
            {
                "species.parquet": "family,genus,species,common_name\nParidae,Parus,Parus major,great tit\n",
            },
            is_shown_as_text=True,
        ),
    )

    def __init__(self, *, dag: SeveralParents = "refuse") -> None:
        self.dag = dag

    def sniff(self, path: Path, head: bytes) -> bool:
        return head.startswith(MAGIC)

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and row."""
        import pyarrow as pa

        findings = Findings(str(path), unit="row")
        try:
            rows = _read_rows(path, findings)
        except (OSError, pa.ArrowException, UnicodeDecodeError) as problem:
            reason = " ".join(str(problem).split())[:200]
            raise TaxonomyError(f"{path} cannot be read as Parquet: {reason or type(problem).__name__}") from None
        return self._build(rows, findings, str(path))

    def _build(self, rows: Rows, findings: Findings, source: str) -> Taxonomy:
        """Builds the tree as the reader of such a table in text would."""
        names = list(rows.columns)
        if is_taxon_table(names):
            checklist = read_cells(names, rows.iterate_cells(), findings)
        elif is_ebird(names, [cells for _, cells in islice(rows.iterate_cells(), SAMPLE_ROWS)]):
            checklist = EbirdReader().read_cells(names, rows.iterate_cells(), findings)
        else:
            return from_rows(rows, findings, source=source)
        usages = make_usages(checklist, findings)
        return from_usages(usages, findings, source=source, several_parents=self.dag, dangling="top")


def _read_rows(path: Path, findings: Findings) -> Rows:
    """Reads the columns that hold texts, or what can be written as texts; others are left out with a warning."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    _refuse_many_cells(path, file.metadata)
    table = file.read()
    repeated = {name for name, count in Counter(table.column_names).items() if count > 1}
    if repeated:
        raise TaxonomyError(f"{path}: the column {min(repeated)!r} occurs twice; rename one")
    columns = {}
    for name in table.column_names:
        if name.startswith(PANDAS_INDEX):
            continue
        column = _convert_column(table.column(name))
        if column is None:
            kind = table.column(name).type
            findings.warn("no texts", f"the column {name!r} has the type {kind}, not text; left out")
        else:
            columns[name] = column
    return _drop_blank_rows(columns, table.num_rows)


def _refuse_many_cells(path: Path, metadata: pq.FileMetaData) -> None:
    """Raises TaxonomyError for a table that is large once unpacked: a row that repeats takes no room in a file."""
    unpacked = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    if metadata.num_columns > TABLE_COLUMNS:
        raise TaxonomyError(f"{path} has {metadata.num_columns:,} columns; expected at most {TABLE_COLUMNS:,}")
    if metadata.num_rows * metadata.num_columns > TABLE_CELLS or unpacked > UNPACKED_BYTES:
        raise TaxonomyError(
            f"{path} has {metadata.num_rows:,} rows of {metadata.num_columns:,} columns; expected at most {TABLE_CELLS:,} cells: "
            "keep one row for each taxon"
        )


def _drop_blank_rows(columns: Mapping[str, Column], n_rows: int) -> Rows:
    """Drops blank rows."""
    is_filled_R = np.zeros(n_rows, bool)
    for column in columns.values():
        is_filled_R |= column.code_R >= 0
    kept = {name: Column(column.code_R[is_filled_R], column.texts) for name, column in columns.items()}
    return Rows(kept, np.flatnonzero(is_filled_R).astype(np.int32) + 1)


def _convert_column(cells: pa.ChunkedArray) -> Column | None:
    """Converts cells to text: numbers as written, lists of strings joined, null as blank. None for other types."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = cells.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        if not (pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type)):
            return None
        cells = pc.binary_join(cells, BETWEEN)
    if pa.types.is_dictionary(kind):
        cells = cells.cast(kind.value_type)
    try:
        encoded = cells.cast(pa.string()).combine_chunks().dictionary_encode()
    except pa.ArrowException:
        return None
    indices = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return Column(indices, encoded.dictionary.to_pylist()).map(str.strip)
