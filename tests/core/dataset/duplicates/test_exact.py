from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bioclip_x.dataset.duplicates.columns import DUPLICATES
from bioclip_x.dataset.duplicates.exact import find_exact, find_exact_across
from bioclip_x.errors import DatasetError
from duplicates_references import keep_first_naive, to_dict


def make_table(contents: list[int | None], order: list[int], kind: pa.DataType) -> pa.Table:
    hashes = [None if c is None else bytes([c]) * 32 for c in contents]
    values = [None if h is None else h.hex() for h in hashes] if pa.types.is_string(kind) else hashes
    rows = np.random.default_rng(0).permutation(len(contents))
    return pa.table({
        "row": pa.array(rows, pa.int64()), "sha256": pa.array(values, kind), "order": pa.array(order, pa.int64())
    })  # fmt: skip


@pytest.mark.parametrize("kind", [pa.binary(32), pa.binary(), pa.string()])
@settings(max_examples=25)
@given(rows=st.lists(st.tuples(st.none() | st.integers(0, 5), st.integers(0, 2)), max_size=12))
def test_equals_the_loop(kind: pa.DataType, rows: list[tuple[int | None, int]]) -> None:
    contents, order = [row[0] for row in rows], [row[1] for row in rows]
    table = make_table(contents, order, kind)
    found = find_exact(table)
    expected = keep_first_naive(
        table["row"].to_pylist(), order, lambda i, k: contents[i] is not None and contents[i] == contents[k]
    )
    assert found.schema == DUPLICATES
    assert to_dict(found) == expected
    assert set(found["distance"].to_pylist()) <= {0}


def test_digits_are_equal_in_either_case() -> None:
    table = pa.table({"row": [1, 2], "sha256": ["ab" * 32, "AB" * 32], "order": [0, 0]})
    assert to_dict(find_exact(table)) == {2: 1}


def test_reads_parts(tmp_path: Path) -> None:
    table = make_table([1, 2, 1, 2, 3, 1], [0, 1, 2, 0, 1, 2], pa.binary(32))
    paths = [tmp_path / "0.parquet", tmp_path / "1.parquet"]
    for path, part in zip(paths, (table[4:], table[:4])):
        pq.write_table(part, path)
    assert find_exact(paths).equals(find_exact(table))


def test_across_finds_the_lowest_reference() -> None:
    rows, reference = make_table([1, 2, 3, None], [0] * 4, pa.string()), make_table([2, 2, None], [0] * 3, pa.string())
    of_content = dict(zip(rows["sha256"].to_pylist(), rows["row"].to_pylist()))
    lowest = min(reference["row"][0].as_py(), reference["row"][1].as_py())
    found = find_exact_across(rows, reference).to_pylist()
    assert found == [{"row": of_content["02" * 32], "reference": lowest}]


def test_unusable_tables_are_refused() -> None:
    table = make_table([1, 1], [0, 0], pa.binary(32))
    with pytest.raises(DatasetError, match="32 bytes or hexadecimal"):
        find_exact(table.set_column(1, "sha256", pa.array([1, 2])))
    with pytest.raises(DatasetError, match="more than once"):
        find_exact(pa.concat_tables([table, table]))
    with pytest.raises(DatasetError, match="whole numbers"):
        find_exact(table.set_column(0, "row", pa.array(["a", "b"])))
    with pytest.raises(DatasetError, match="in both"):
        find_exact_across(table, make_table([1], [0], pa.string()))


def test_without_duckdb_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(DatasetError, match=r"pip install 'bioclip-x\[dataset\]'"):
        find_exact(make_table([1], [0], pa.binary(32)))
