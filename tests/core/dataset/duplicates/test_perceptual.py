from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.dataset.duplicates import perceptual
from bioclip_x.dataset.duplicates.columns import DUPLICATES, drop_duplicates
from bioclip_x.dataset.duplicates.perceptual import count_uninformative, find_perceptual
from bioclip_x.errors import DatasetError
from duplicates_references import count_different_bits, keep_first_naive, make_similar_hashes, to_dict


def make_table(hashes: np.ndarray, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    n = len(hashes)
    return pa.table({"row": 10 * rng.permutation(n), "phash": hashes, "order": rng.integers(0, 5, n)})


def find_naive(table: pa.Table, distance: int) -> dict[int, int]:
    hashes = table["phash"].to_pylist()
    return keep_first_naive(
        table["row"].to_pylist(),
        table["order"].to_pylist(),
        lambda i, k: count_different_bits(hashes[i], hashes[k]) <= distance,
    )


@pytest.mark.parametrize("distance", range(9))
def test_equals_all_pairs_in_several_blocks(distance: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perceptual, "FIRST_BLOCK", 16)
    table = make_table(make_similar_hashes(400, 30, 8))
    found = find_perceptual(table, distance)
    assert found.schema == DUPLICATES
    assert to_dict(found) == find_naive(table, distance)
    hashes = dict(zip(table["row"].to_pylist(), table["phash"].to_pylist()))
    for one in found.to_pylist():
        assert one["distance"] == count_different_bits(hashes[one["row"]], hashes[one["kept"]]) <= distance


@given(st.lists(st.tuples(st.sampled_from([0xFFFF, 0x1FFFF, 0x3FFFF, 0xFFFFFFFF0000]), st.integers(0, 2)), max_size=9))
def test_equals_all_pairs(rows: list[tuple[int, int]]) -> None:
    table = pa.table({
        "row": pa.array(range(len(rows)), pa.int64()),
        "phash": pa.array([row[0] for row in rows], pa.uint64()),
        "order": pa.array([row[1] for row in rows], pa.int64()),
    })  # fmt: skip
    assert to_dict(find_perceptual(table, 1)) == find_naive(table, 1)


def test_a_chain_does_not_remove_what_is_far_from_all_that_is_kept() -> None:
    hashes = np.array([2**32 - 1, 2**36 - 1, 2**40 - 1], np.uint64)
    table = pa.table({"row": [0, 1, 2], "phash": hashes, "order": [0, 1, 2]})
    assert to_dict(find_perceptual(table, 4)) == {1: 0}


def test_does_not_depend_on_the_order_in_the_files(tmp_path: Path) -> None:
    table = make_table(make_similar_hashes(300, 20, 6))
    shuffled = table.take(np.random.default_rng(1).permutation(300))
    paths = [tmp_path / "0.parquet", tmp_path / "1.parquet"]
    for path, part in zip(paths, (shuffled[:90], shuffled[90:])):
        pq.write_table(part, path)
    assert find_perceptual(paths).equals(find_perceptual(table))
    assert find_perceptual(tmp_path).equals(find_perceptual(table))


def test_plain_images_and_rows_without_hash_are_left_out() -> None:
    hashes = pa.array([0, 0, 1 << 63, 1 << 63, None, None], pa.uint64())
    table = pa.table({"row": range(6), "phash": hashes, "order": [0] * 6})
    assert find_perceptual(table).num_rows == 0
    assert count_uninformative(table) == 4


def test_many_frames_of_one_scene_do_not_take_quadratic_time() -> None:
    table = make_table(make_similar_hashes(100_000, 1, 6))
    begin = time.perf_counter()
    found = find_perceptual(table, 8)
    assert time.perf_counter() - begin < 60  # all pairs are 5e9, and would not fit into memory
    assert found.num_rows > 90_000


def test_what_is_kept_is_beyond_the_distance() -> None:
    table = make_table(make_similar_hashes(400, 30, 8))
    kept = drop_duplicates(table, find_perceptual(table, 4))
    assert kept.num_rows < 400
    assert find_perceptual(kept, 4).num_rows == 0
    assert set(find_perceptual(kept, 8)["distance"].to_pylist()) <= {5, 6, 7, 8}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop_columns(["phash"]), "phash is missing"),
        (lambda table: table.set_column(1, "phash", pa.array([1.0] * 5)), "must be uint64"),
        (lambda table: pa.concat_tables([table, table]), "more than once"),
        (lambda table: table.set_column(2, "order", pa.nulls(5, pa.int64())), "without nulls"),
    ],
)
def test_unusable_tables_are_refused(change: object, message: str) -> None:
    table = make_table(make_similar_hashes(5, 5, 0))
    with pytest.raises(DatasetError, match=message):
        find_perceptual(change(table))  # type: ignore[operator]


def test_other_distances_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="0 to 8 bits, not 9"):
        find_perceptual(make_table(make_similar_hashes(5, 5, 0)), 9)
    with pytest.raises(DatasetError, match="cannot be read"):
        find_perceptual(tmp_path / "missing.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"no table")
    with pytest.raises(DatasetError, match="cannot be read"):
        find_perceptual(tmp_path / "bad.parquet")
    with pytest.raises(DatasetError, match="at least one"):
        find_perceptual([])
