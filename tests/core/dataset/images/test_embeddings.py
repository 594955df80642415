"""Embeddings of images that the stages after reading compare."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bioclip_x.dataset.images.embeddings import drop_changed
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
