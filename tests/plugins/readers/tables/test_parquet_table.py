"""Parquet, against the same table as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import csv, parquet

from bioclip_x.errors import TaxonomyError
from bioclip_x.taxonomy import Taxonomy
from bioclip_x_plugins.readers.tables import parquet_table
from bioclip_x_plugins.readers.tables.parquet_table import ParquetReader
from bioclip_x_plugins.readers.tables.table import TableReader
from helpers import BIRDS


def write(path: Path, columns: dict[str, Any] | pa.Table) -> Path:
    parquet.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), path)
    return path


def read(path: Path) -> Taxonomy:
    reader = ParquetReader()
    assert reader.sniff(path, path.read_bytes()[:65536])
    return reader.read(path)


def test_the_same_tree_as_from_csv(tmp_path: Path, birds_csv: Path) -> None:
    tree = read(write(tmp_path / "a.parquet", csv.read_csv(birds_csv)))
    expected = TableReader().read(birds_csv)
    assert BIRDS and tree.fingerprint == expected.fingerprint
    assert [tree.class_taxon(c) for c in range(tree.n_classes)] == [
        expected.class_taxon(c) for c in range(expected.n_classes)
    ]


@given(st.lists(st.tuples(*[st.sampled_from(["", " ", "Aus", "Bus", "Cus"])] * 3), min_size=1, max_size=30))
def test_any_table_gives_the_tree_of_its_csv(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("tables")
    rows = [row for row in rows if any(cell.strip() for cell in row)] or [("Aus", "", "")]
    names = ("order", "family", "genus")
    path = folder / "a.csv"
    path.write_text("\n".join(",".join(row) for row in (names, *rows)), "utf-8")
    columns = {
        name: [cell or None for cell in cells] for name, cells in zip(names, zip(*rows, strict=True), strict=True)
    }
    tree = read(write(folder / "a.parquet", pa.table(columns, pa.schema([(name, pa.string()) for name in names]))))
    assert tree.fingerprint == TableReader().read(path).fingerprint


def test_lists_categories_numbers_and_nulls(tmp_path: Path) -> None:
    columns = {
        "family": pa.array(["Paridae", "Paridae", None]).dictionary_encode(),
        "species": ["Parus major", "Parus minor", None],
        "common_name": [["great tit", "tit"], None, None],
        "gbif_id": pa.array([9705453, None, None], pa.int64()),
        "mass_g": [18.5, None, None],
        "embedding": [[0.5], None, None],
        "__index_level_0__": [0, 1, 2],
    }
    tree = read(write(tmp_path / "a.parquet", columns))
    great_tit = tree.class_taxon(0)
    assert (great_tit.name, great_tit.common_names["en"], great_tit.ids) == (
        "Parus major",
        ("great tit", "tit"),
        {"gbif": "9705453"},
    )
    assert dict(great_tit.extra) == {"mass_g": "18.5"}
    assert tree.n_classes == 2
    assert [problem.message for problem in tree.problems] == [
        "the column 'embedding' has the type list<element: double>, not text; left out"
    ]


def test_invalid_files(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"family": ["Paridae", None], "note": ["x", "lost"]})
    with pytest.raises(TaxonomyError, match="row 2: no name at any rank"):
        read(path)
    with pytest.raises(TaxonomyError, match="no column is a rank"):
        read(write(tmp_path / "b.parquet", {"label": ["Parus"]}))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(TaxonomyError, match="cannot be read as Parquet"):
        read(path)
    twice = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["genus", "genus"])
    with pytest.raises(TaxonomyError, match="'genus' occurs twice"):
        read(write(tmp_path / "c.parquet", twice))
    with pytest.raises(TaxonomyError, match="holds no taxon"):
        read(write(tmp_path / "d.parquet", {"genus": pa.array([], pa.string())}))


def test_a_table_of_blank_rows_without_end_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"species": ["Parus major"] * 100, "x": pa.nulls(100, pa.string())}), path)
    monkeypatch.setattr(parquet_table, "TABLE_CELLS", 200)
    assert ParquetReader().read(path).n_classes == 1
    monkeypatch.setattr(parquet_table, "TABLE_CELLS", 199)
    with pytest.raises(TaxonomyError, match="has 100 rows of 2 columns; expected at most 199 cells"):
        ParquetReader().read(path)
    monkeypatch.setattr(parquet_table, "TABLE_COLUMNS", 1)
    with pytest.raises(TaxonomyError, match="has 2 columns; expected at most 1"):
        ParquetReader().read(path)


def test_texts_that_are_not_utf_8_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"species": ["Parus m\u00e0jor"]}), path, compression="none")
    path.write_bytes(path.read_bytes().replace("\u00e0".encode(), b"\xff\xfe"))
    with pytest.raises(TaxonomyError, match="cannot be read as Parquet"):
        ParquetReader().read(path)
