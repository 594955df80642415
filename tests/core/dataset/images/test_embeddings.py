"""Embeddings of images that the stages after reading compare."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bioclip_x.dataset.images.embeddings import drop_changed, select_vectors
from bioclip_x.dataset.images.encoding import CHANGED
from bioclip_x.dataset.schema import HELD_OUT, write_table


def test_embeddings_of_changed_images_are_dropped_and_no_others(tmp_path: Path) -> None:
    file, failed = tmp_path / "embeddings-000000.parquet", tmp_path / "failed.parquet"
    write_table(file, pa.table({"row": [1, 2, 3], "vector": [[1.0], None, [3.0]]}))
    drop_changed([file], failed)
    reasons = [f"{CHANGED}: the file has other bytes", "cannot be written as a JPEG file"]
    write_table(failed, pa.table({"row": [1, 3], "reason": reasons}, schema=HELD_OUT))
    drop_changed([file], failed)
    assert pq.read_table(file)["row"].to_pylist() == [2, 3]


def test_selected_vectors_are_a_file_of_their_own_unless_they_are_all(tmp_path: Path) -> None:
    matrix = np.random.default_rng(0).normal(size=(9000, 3)).astype(np.float16)
    assert select_vectors(matrix, np.arange(9000), tmp_path / "all.npy") is matrix
    at = np.random.default_rng(1).permutation(9000)[:5000]
    selected = select_vectors(matrix, at, tmp_path / "some.npy")
    assert isinstance(selected, np.memmap) and not (tmp_path / "all.npy").exists()
    np.testing.assert_array_equal(selected, matrix[at])
