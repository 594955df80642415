from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bioclip_x.errors import BioclipXError
from bioclip_x.io.parquet import PROVENANCE, open_parquet_writer

SCHEMA = pa.schema([("name", pa.string())])


def test_each_table_is_a_row_group_and_the_provenance_is_in_the_metadata(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    with open_parquet_writer(path, SCHEMA, '{"a": "\ud800"}') as writer:
        for names in (["a", "b"], ["c"]):
            writer.write_table(pa.table({"name": names}, SCHEMA))
    file = pq.ParquetFile(path)
    assert file.num_row_groups == 2 and file.read()["name"].to_pylist() == ["a", "b", "c"]
    assert file.schema_arrow.metadata[PROVENANCE.encode()].startswith(b'{"a": "')  # a lone surrogate is escaped


def test_an_error_half_way_leaves_no_complete_looking_file(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    with pytest.raises(RuntimeError), open_parquet_writer(path, SCHEMA, "{}") as writer:
        writer.write_table(pa.table({"name": ["a"]}, SCHEMA))
        raise RuntimeError
    if path.exists():
        with pytest.raises(pa.ArrowInvalid):
            pq.read_table(path)


def test_a_missing_folder_raises_a_bioclip_x_error(tmp_path: Path) -> None:
    with pytest.raises(BioclipXError), open_parquet_writer(tmp_path / "no" / "out.parquet", SCHEMA, "{}"):
        pass
