"""Folded confusion matrices, against dictionaries filled image by image."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.evaluation.figures.confusion import build_confusion, fold_to_rank, list_folds
from bioclip_x.records.evaluation.figures import TaxonGroup
from bioclip_x.taxonomy import TAXON, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.builder import from_labels
from random_trees import trees


def fold(node: int, rank: str, tree: Taxonomy) -> int:
    """Walks up from a node to its taxon at a rank."""
    if node < 0:
        return -1
    node = tree.owner(node)
    if not rank:
        return node if node in tree.owner_N[tree.leaf_node_C] else -1
    while node > 0 and node not in tree.rank_tables[rank]:
        node = int(tree.parent_N[node])
    return node if node > 0 and tree.kind_N[node] == TAXON else -1


@pytest.fixture
def birds() -> Taxonomy:
    builder = TaxonomyBuilder()
    for lineage in (
        ("Passeriformes", "Paridae", "Parus", "Parus major"),
        ("Passeriformes", "Paridae", "Cyanistes", "Cyanistes caeruleus"),
        ("Passeriformes", "Turdidae", "Turdus", "Turdus merula"),
        ("Anseriformes", "Anatidae", "Anas", "Anas crecca"),
    ):
        builder.add_lineage(tuple(zip(("order", "family", "genus", "species"), lineage)))
    return builder.build()


def node_of(tree: Taxonomy, *names: str) -> np.ndarray:
    return np.array([list(tree.names).index(name) if name else -1 for name in names])


def test_counts_worked_out_by_hand(birds: Taxonomy) -> None:
    true = node_of(birds, "Parus major", "Parus major", "Cyanistes caeruleus", "Anas crecca", "Turdus", "Turdus merula")
    named = node_of(birds, "Parus major", "Cyanistes caeruleus", "Turdidae", "", "Turdus merula", "Parus")
    family = build_confusion(true, named, birds, "family")
    assert sorted(family.taxa) == ["Anatidae", "Paridae", "Turdidae"]
    cells = {
        (family.taxa[i], [*family.taxa, "none"][j]): count
        for i, j, count in zip(family.true_k, family.predicted_k, family.count_k)
    }
    assert cells == {
        ("Paridae", "Paridae"): 2,
        ("Paridae", "Turdidae"): 1,
        ("Anatidae", "none"): 1,
        ("Turdidae", "Turdidae"): 1,
        ("Turdidae", "Paridae"): 1,
    }
    assert (family.n_images, family.n_right, family.unlabelled) == (6, 3, 0)
    start = family.taxa.index("Paridae")
    assert TaxonGroup("order", "Passeriformes", start, start + 2) in family.groups
    species = build_confusion(true, named, birds, "species")
    assert (species.n_images, species.n_right, species.unlabelled) == (5, 1, 1)  # one is labelled at genus


@given(trees(), st.data())
def test_equals_a_walk_up_the_tree_for_every_image(tree: Taxonomy, data: st.DataObject) -> None:
    nodes = st.lists(st.integers(-1, tree.n_nodes - 1), min_size=1, max_size=30)
    true = data.draw(nodes)
    named = data.draw(st.lists(st.integers(-1, tree.n_nodes - 1), min_size=len(true), max_size=len(true)))
    for rank in list_folds(tree):
        folded = fold_to_rank(np.array(true), rank, tree)
        assert folded.tolist() == [fold(node, rank, tree) for node in true]
        matrix = build_confusion(np.array(true), np.array(named), tree, rank)
        counts = Counter((fold(a, rank, tree), fold(b, rank, tree)) for a, b in zip(true, named))
        expected = sorted((a, b, count) for (a, b), count in counts.items() if a >= 0)
        order = sorted({node for a, b, _ in expected for node in (a, b)} - {-1})
        assert matrix.taxa == tuple(tree.names[node] for node in order)
        cells = zip(matrix.true_k.tolist(), matrix.predicted_k.tolist(), matrix.count_k.tolist())
        assert sorted((order[i], [*order, -1][j], count) for i, j, count in cells) == expected
        assert matrix.unlabelled == sum(fold(node, rank, tree) < 0 for node in true)
        for group in matrix.groups:
            inside = {tree.names[fold(node, group.rank, tree)] for node in order[group.start : group.stop]}
            assert inside == {group.name}


def test_a_coarser_matrix_is_the_sum_of_a_finer_one(birds: Taxonomy) -> None:
    rng = np.random.default_rng(0)
    species = birds.rank_tables["species"].astype(np.int64)
    true, named = rng.choice(species, 50), rng.choice(species, 50)
    fine, coarse = (build_confusion(true, named, birds, rank) for rank in ("species", "order"))
    dense = np.zeros((4, 4), int)
    dense[fine.true_k, fine.predicted_k] = fine.count_k
    rows = {group.name: slice(group.start, group.stop) for group in fine.groups if group.rank == "order"}
    for i, j, count in zip(coarse.true_k, coarse.predicted_k, coarse.count_k):
        assert dense[rows[coarse.taxa[i]], rows[coarse.taxa[j]]].sum() == count
    assert fine.n_images == coarse.n_images == 50


def test_a_list_without_ranks_has_its_classes() -> None:
    tree = from_labels(["cat", "dog", "fox"])
    assert list_folds(tree) == ("",)
    nodes = tree.leaf_node_C.astype(np.int64)
    matrix = build_confusion(nodes[[0, 0, 2]], nodes[[0, 2, 2]], tree, "")
    assert matrix.taxa == ("cat", "fox")
    assert matrix.count_k.tolist() == [1, 1, 1] and matrix.groups == ()


def test_no_images_make_an_empty_matrix(birds: Taxonomy) -> None:
    matrix = build_confusion(np.array([-1]), np.array([-1]), birds, "family")
    assert matrix.taxa == () and matrix.n_images == 0 and matrix.unlabelled == 1
