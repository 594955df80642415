from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from bioclip_x.dataset.duplicates.columns import DUPLICATES, combine, drop_duplicates
from bioclip_x.dataset.duplicates.exact import find_exact
from bioclip_x.dataset.duplicates.perceptual import find_perceptual
from bioclip_x.errors import DatasetError
from duplicates_references import make_similar_hashes


def make(rows: list[int], kept: list[int]) -> pa.Table:
    return pa.table({"row": rows, "kept": kept, "distance": [0.5] * len(rows)}, schema=DUPLICATES)


def test_a_row_is_kept_by_all_finders() -> None:
    found = {"exact": make([9, 4], [7, 3]), "perceptual": make([7], [5]), "semantic": make([5], [3])}
    combined = combine(found).to_pylist()
    assert [(one["row"], one["kept"], one["kind"]) for one in combined] == [
        (4, 3, "exact"), (5, 3, "semantic"), (7, 3, "perceptual"), (9, 3, "exact"),
    ]  # fmt: skip


def test_finders_one_after_another() -> None:
    hashes = make_similar_hashes(300, 20, 4)
    contents = [f"{value % 40:064x}" for value in range(300)]
    rows = pa.table({"row": np.arange(300), "sha256": contents, "phash": hashes, "order": [0] * 300})
    exact = find_exact(rows)
    perceptual = find_perceptual(drop_duplicates(rows, exact))
    combined = combine({"exact": exact, "perceptual": perceptual})
    kept = drop_duplicates(rows, combined)
    assert combined.num_rows == exact.num_rows + perceptual.num_rows
    assert kept.num_rows + combined.num_rows == 300
    assert set(combined["kept"].to_pylist()) <= set(kept["row"].to_pylist())


def test_nothing_found_is_an_empty_table() -> None:
    assert combine({}).num_rows == 0
    assert combine({"exact": make([], [])}).column_names == ["row", "kept", "kind", "distance"]


def test_a_row_removed_twice_is_refused() -> None:
    with pytest.raises(DatasetError, match="more than once"):
        combine({"exact": make([1], [0]), "perceptual": make([1], [2])})
