from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bioclip_x.dataset.duplicates import semantic
from bioclip_x.dataset.duplicates.clusters import choose_n_clusters, cluster_embeddings
from bioclip_x.dataset.duplicates.semantic import cluster_sorted, find_semantic, measure_removed
from bioclip_x.errors import DatasetError
from duplicates_references import keep_first_naive, to_dict


def make_embeddings(n: int, n_centres: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((n_centres, 32))
    embeddings = centres[rng.integers(0, n_centres, n)] + 0.2 * rng.standard_normal((n, 32))
    return (embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)).astype(np.float32)


EMBEDDINGS = make_embeddings(400, 60)
ROWS = 3 * np.random.default_rng(1).permutation(400)
ORDER = np.random.default_rng(2).integers(0, 5, 400)
COSINES = EMBEDDINGS.astype(np.float64) @ EMBEDDINGS.T.astype(np.float64)


@pytest.mark.parametrize("epsilon", [0.02, 0.05, 0.1, 0.5])
def test_in_one_cluster_equals_all_pairs(epsilon: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(semantic, "BLOCK", 50)
    found = find_semantic(EMBEDDINGS, ROWS, epsilon=epsilon, keep="order", order_N=ORDER, n_clusters=1)
    assert to_dict(found) == keep_first_naive(ROWS, ORDER, lambda i, k: 1 - COSINES[i, k] < epsilon)
    place = {row: i for i, row in enumerate(ROWS.tolist())}
    for one in found.to_pylist():
        assert one["distance"] == pytest.approx(1 - COSINES[place[one["row"]], place[one["kept"]]], abs=1e-5)


@pytest.mark.parametrize("keep", ["far", "near"])
def test_in_each_cluster_equals_all_pairs_by_distance_to_the_centroid(keep: str) -> None:
    by_row = np.argsort(ROWS)
    clusters = cluster_sorted(EMBEDDINGS, ROWS, n_clusters=9, seed=3)
    labels, similarities = np.empty(400, int), np.empty(400)
    labels[by_row], similarities[by_row] = clusters.labels_N, clusters.similarities_N
    order = similarities if keep == "far" else -similarities
    expected = keep_first_naive(
        ROWS, order, lambda i, k: bool(labels[i] == labels[k] and 1 - COSINES[i, k] < 0.1)
    )  # fmt: skip
    found = find_semantic(EMBEDDINGS, ROWS, epsilon=0.1, keep=keep, n_clusters=9, seed=3)  # type: ignore[arg-type]
    assert expected
    assert to_dict(found) == expected


def test_labels_are_the_nearest_centroids() -> None:
    clusters = cluster_embeddings(EMBEDDINGS, n_clusters=7)
    cosines = EMBEDDINGS @ clusters.centroids_KD.T
    assert (clusters.labels_N == cosines.argmax(1)).all()
    assert np.allclose(clusters.similarities_N, cosines.max(1), atol=1e-6)
    assert sorted(np.concatenate(list(clusters.iterate())).tolist()) == list(range(400))


def test_does_not_depend_on_the_order_in_the_file() -> None:
    shuffled = np.random.default_rng(4).permutation(400)
    first = find_semantic(EMBEDDINGS, ROWS, epsilon=0.1)
    assert first.num_rows
    assert find_semantic(EMBEDDINGS[shuffled], ROWS[shuffled], epsilon=0.1).equals(first)


@pytest.mark.parametrize("kind", ["float16", "float32"])
def test_reads_a_mapped_file(kind: str, tmp_path: Path) -> None:
    EMBEDDINGS.astype(kind).tofile(tmp_path / "embeddings")
    mapped = np.memmap(tmp_path / "embeddings", kind, "r", shape=(400, 32))
    found = find_semantic(mapped, ROWS, epsilon=0.1, keep="order", order_N=ORDER, n_clusters=1)
    assert to_dict(found) == keep_first_naive(ROWS, ORDER, lambda i, k: 1 - COSINES[i, k] < 0.1)


def test_a_wider_threshold_removes_more() -> None:
    removed = measure_removed(EMBEDDINGS, ROWS, [0.01, 0.1, 0.3])
    assert list(removed) == [0.01, 0.1, 0.3]
    assert 0 <= removed[0.01] < removed[0.1] < removed[0.3] < 1


def test_no_rows_have_no_duplicates() -> None:
    assert find_semantic(np.zeros((0, 4), np.float32), np.zeros(0, np.int64)).num_rows == 0


def test_the_number_of_clusters_is_the_square_root() -> None:
    assert [choose_n_clusters(n) for n in (1, 100, 10**6)] == [1, 10, 1000]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epsilon": 0.0}, "more than 0"),
        ({"keep": "best"}, "far, near or order"),
        ({"keep": "order"}, "order of the rows is needed"),
        ({"order_N": ORDER}, "no use otherwise"),
        ({"n_clusters": 401}, "1 to 400 clusters"),
    ],
)
def test_unusable_arguments_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        find_semantic(EMBEDDINGS, ROWS, **options)


def test_unusable_embeddings_are_refused() -> None:
    with pytest.raises(DatasetError, match="one embedding for each"):
        find_semantic(EMBEDDINGS[:5], ROWS)
    for wrong in (0, np.nan, np.inf):
        embeddings = EMBEDDINGS.copy()
        embeddings[17] = wrong
        with pytest.raises(DatasetError, match="embedding 17 is zero or not finite"):
            find_semantic(embeddings, np.arange(400))


def test_without_scikit_learn_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(DatasetError, match=r"pip install 'bioclip-x\[dataset\]'"):
        find_semantic(EMBEDDINGS, ROWS)
