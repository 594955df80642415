from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from bioclip_x.dataset.duplicates import across
from bioclip_x.dataset.duplicates.across import find_across, find_perceptual_across, find_semantic_across
from bioclip_x.dataset.duplicates.columns import NEAR
from bioclip_x.errors import DatasetError
from duplicates_references import count_different_bits, make_similar_hashes


def make_table(hashes: np.ndarray, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    contents = [f"{content:064x}" for content in rng.integers(0, 50, len(hashes))]
    return pa.table({"row": rng.permutation(len(hashes)), "sha256": contents, "phash": hashes})


HASHES = make_similar_hashes(300, 40, 4)
IMAGES, HELD_OUT = make_table(HASHES[:240], 1), make_table(HASHES[240:], 2)


@pytest.mark.parametrize("distance", [0, 4, 8])
def test_perceptual_equals_all_pairs(distance: int) -> None:
    expected = {}
    for one in IMAGES.to_pylist():
        bits, reference = min(
            (count_different_bits(one["phash"], other["phash"]), other["row"]) for other in HELD_OUT.to_pylist()
        )
        if bits <= distance:
            expected[one["row"]] = (reference, bits)
    found = find_perceptual_across(IMAGES, HELD_OUT, distance).to_pylist()
    assert expected
    assert {one["row"]: (one["reference"], one["distance"]) for one in found} == expected


def test_semantic_equals_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(across, "BLOCK", 16)
    rng = np.random.default_rng(0)
    references = rng.standard_normal((50, 8)).astype(np.float32)
    references[40] = references[7]  # both are equally near
    embeddings = references[rng.integers(0, 50, 90)] + 0.3 * rng.standard_normal((90, 8)).astype(np.float32)
    numbers, rows = rng.permutation(50), rng.permutation(90)
    unit = [
        matrix.astype(np.float64) / np.linalg.norm(matrix, axis=1, keepdims=True) for matrix in (embeddings, references)
    ]
    expected = {}
    for row, cosines in zip(rows.tolist(), unit[0] @ unit[1].T):
        if cosines.max() >= 0.9:
            expected[row] = min(
                number for number, cosine in zip(numbers.tolist(), cosines) if cosine > cosines.max() - 1e-9
            )
    found = find_semantic_across(embeddings, rows, references, numbers, 0.9)
    assert 10 < len(expected) < 90
    assert dict(zip(found["row"].to_pylist(), found["reference"].to_pylist())) == expected


def test_all_kinds_are_in_one_table() -> None:
    embeddings = np.random.default_rng(0).standard_normal((300, 8)).astype(np.float16)
    embeddings[250] = embeddings[3]
    rows, references = IMAGES["row"].to_numpy(), HELD_OUT["row"].to_numpy()
    found = find_across(
        IMAGES, HELD_OUT, embeddings=(embeddings[:240], rows), reference_embeddings=(embeddings[240:], references), cosine=1
    )  # fmt: skip
    assert found.schema == NEAR
    assert set(found["kind"].to_pylist()) == {"exact", "perceptual", "semantic"}
    semantic = [one for one in found.to_pylist() if one["kind"] == "semantic"]
    assert [(one["row"], one["reference"]) for one in semantic] == [(rows[3], references[10])]
    assert found.num_rows == len({(one["row"], one["kind"]) for one in found.to_pylist()})


def test_an_empty_reference_is_near_nothing() -> None:
    assert find_across(IMAGES, HELD_OUT[:0]).num_rows == 0


def test_plain_images_are_near_nothing() -> None:
    plain = pa.table({"row": [0], "sha256": ["00"], "phash": pa.array([0], pa.uint64())})
    assert find_perceptual_across(plain, plain).num_rows == 0


def test_unusable_arguments_are_refused() -> None:
    embeddings = (np.ones((240, 4)), np.arange(240))
    with pytest.raises(DatasetError, match="or of neither"):
        find_across(IMAGES, HELD_OUT, embeddings=embeddings)
    with pytest.raises(DatasetError, match="cannot be compared"):
        find_semantic_across(*embeddings, np.ones((2, 5)), np.arange(2))
    with pytest.raises(DatasetError, match="cosine must be"):
        find_semantic_across(*embeddings, np.ones((2, 4)), np.arange(2), 1.5)
