"""On real photos: copies that a person calls the same are found, and what is found is what all pairs give."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from bioclip_x.dataset.duplicates.hashing import perceptual_hash
from bioclip_x.dataset.duplicates.perceptual import find_perceptual
from duplicates_references import count_different_bits, keep_first_naive, to_dict

N_PHOTOS, N_COPIES = 400, 50


@pytest.fixture(scope="module")
def hashes(request: pytest.FixtureRequest) -> list[int]:
    """Those of photos, then those of copies of the first, at a JPEG quality of 50."""
    folder: Path = request.config.rootpath.parent / "shared" / "data" / "tinyimagenet_bio" / "images"
    if not folder.is_dir():
        pytest.skip("the folder shared/data with real photos is not beside this checkout")
    photos = sorted(folder.rglob("*.JPEG"))[::20][:N_PHOTOS]
    hashes = [perceptual_hash(Image.open(path)) for path in photos]
    for path in photos[:N_COPIES]:
        copy = io.BytesIO()
        Image.open(path).save(copy, "JPEG", quality=50)
        hashes.append(perceptual_hash(Image.open(copy)))
    return hashes


@pytest.mark.parametrize("distance", [2, 4, 8])
def test_equals_all_pairs(hashes: list[int], distance: int) -> None:
    n = len(hashes)
    table = pa.table({"row": range(n), "phash": pa.array(hashes, pa.uint64()), "order": [0] * n})
    expected = keep_first_naive(
        range(n), [0] * n, lambda i, k: count_different_bits(hashes[i], hashes[k]) <= distance
    )  # fmt: skip
    assert to_dict(find_perceptual(table, distance)) == expected


def test_copies_of_lower_quality_are_found(hashes: list[int]) -> None:
    table = pa.table({"row": range(len(hashes)), "phash": pa.array(hashes, pa.uint64()), "order": [0] * len(hashes)})
    found = to_dict(find_perceptual(table, 4))
    assert np.mean([found.get(N_PHOTOS + i) == i for i in range(N_COPIES)]) > 0.95
