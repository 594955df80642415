"""Maps of embeddings: bounded, repeatable, and with neighbours as a loop finds them."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from bioclip_x.errors import EvaluationError
from bioclip_x.evaluation.figures import embedding_map
from bioclip_x.evaluation.figures.embedding_map import (
    compare_neighbours,
    draw_rows,
    find_nearest,
    make_embedding_map,
    normalise,
    project_embeddings,
)
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.builder import from_labels


@pytest.fixture
def clusters() -> tuple[np.ndarray, Taxonomy, np.ndarray]:
    """Three classes of 12 images each, far apart, and a list of these classes."""
    rng = np.random.default_rng(1)
    class_n = np.repeat(np.arange(3), 12)
    features_nD = (10 * np.eye(3, 8)[class_n] + rng.normal(size=(36, 8))).astype(np.float32)
    tree = from_labels(["cat", "dog", "fox"])
    return features_nD, tree, tree.leaf_node_C[class_n].astype(np.int64)


def test_clusters_stay_together(clusters: tuple[np.ndarray, Taxonomy, np.ndarray]) -> None:
    features_nD, tree, node_n = clusters
    drawn = make_embedding_map(features_nD, [f"{i}.jpg" for i in range(36)], node_n, tree, "m")
    assert drawn.xy_m2.shape == (36, 2) and np.isfinite(drawn.xy_m2).all()
    assert drawn.taxa_at[""] == ("cat",) * 12 + ("dog",) * 12 + ("fox",) * 12
    distance = np.linalg.norm(drawn.xy_m2[:, None] - drawn.xy_m2[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    assert (node_n[distance.argmin(1)] == node_n).mean() > 0.9
    assert "perplexity 11.7, of 8 principal components" in drawn.method
    assert drawn.neighbours[""].share == 1.0 and drawn.neighbours[""].of == 36
    assert drawn.neighbours[""].chance == pytest.approx(11 / 35)


def test_the_same_images_give_the_same_map(clusters: tuple[np.ndarray, Taxonomy, np.ndarray]) -> None:
    features = normalise(clusters[0])
    np.testing.assert_array_equal(project_embeddings(features)[0], project_embeddings(features)[0])


def test_many_images_are_sampled(clusters: tuple[np.ndarray, Taxonomy, np.ndarray]) -> None:
    features_nD, tree, node_n = clusters
    drawn = make_embedding_map(features_nD, [str(i) for i in range(36)], node_n, tree, "m", most=20)
    rows = [int(source) for source in drawn.sources]
    assert len(rows) == 20 and rows == sorted(set(rows)) and drawn.of == 36
    assert drawn.taxa_at[""] == tuple(tree.names[node_n[row]] for row in rows)
    assert draw_rows(36, 20, 0).tolist() == rows and draw_rows(7, 20, 0).tolist() == list(range(7))


def test_nearest_neighbours_equal_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_map, "AT_A_TIME", 50)  # four rows at a time
    rng = np.random.default_rng(2)
    features = normalise(rng.normal(size=(13, 4)))
    nearest = [max((j for j in range(13) if j != i), key=lambda j: features[i] @ features[j]) for i in range(13)]
    assert find_nearest(features).tolist() == nearest

    taxa = np.array([3, 3, 5, 5, 5, 7, 7, 3, -1, 5, 7, 3, -1])
    kept = [i for i in range(13) if taxa[i] >= 0]
    same = chance = 0
    for i in kept:
        others = [j for j in kept if j != i]
        same += taxa[max(others, key=lambda j: features[i] @ features[j])] == taxa[i]
        chance += sum(taxa[j] == taxa[i] for j in others)
    found = compare_neighbours(features, {"genus": taxa})["genus"]
    assert found.of == 11 and found.share == pytest.approx(same / 11)
    assert found.chance == pytest.approx(chance / (11 * 10))
    assert found.low < found.share < found.high  # type: ignore[operator]


def test_one_image_has_no_neighbour() -> None:
    found = compare_neighbours(np.ones((2, 1)), {"genus": np.array([4, -1])})["genus"]
    assert found.share is None and found.chance is None and found.of == 1


@pytest.mark.parametrize(("features", "message"), [(np.eye(4), "4 images are too few"), (np.ones((9, 2)), "are equal")])
def test_nothing_to_project(features: np.ndarray, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        project_embeddings(features)


def test_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    with pytest.raises(EvaluationError, match=r"pip install 'bioclip-x\[evaluate\]'"):
        project_embeddings(np.eye(6))
