"""Overlaps, distances and paths, against walks up the tree."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.evaluation.metrics.tree_metrics import (
    average_distances,
    compute_distances,
    compute_overlaps,
    count_taxa,
    find_common_ancestors,
    find_consistent,
)
from bioclip_x.taxonomy import TAXON, Taxonomy, TaxonomyBuilder
from random_trees import trees


def list_taxa(tree: Taxonomy, node: int) -> list[int]:
    """The taxa of a lineage, from the top down, without the root."""
    return [one for one in tree.path(node) if one > 0 and tree.kind_N[one] == TAXON] if node > 0 else []


@given(trees(), st.data())
def test_overlaps_are_those_of_sets_of_taxa(tree: Taxonomy, data: st.DataObject) -> None:
    nodes = st.lists(st.integers(-1, tree.n_nodes - 1), min_size=1, max_size=8)
    predicted = data.draw(nodes)
    truth = [data.draw(st.integers(0, tree.n_nodes - 1)) for _ in predicted]
    common, of_predicted, of_true = compute_overlaps(predicted, truth, tree)
    for row, (one, other) in enumerate(zip(predicted, truth)):
        sets = set(list_taxa(tree, one)), set(list_taxa(tree, other))
        assert [common[row], of_predicted[row], of_true[row]] == [len(sets[0] & sets[1]), *map(len, sets)]
    found = find_common_ancestors(np.array(predicted).clip(0), np.array(truth), tree)
    for row, (one, other) in enumerate(zip(predicted, truth)):
        both = [node for node in (0, *tree.path(max(one, 0))) if node in {0, *tree.path(other)}]
        assert found[row] == both[-1]


@given(trees())
def test_taxa_are_counted_along_the_path(tree: Taxonomy) -> None:
    assert count_taxa(tree).tolist() == [len(list_taxa(tree, node)) for node in range(tree.n_nodes)]


@given(trees(), st.data())
def test_distances_are_heights_of_common_ancestors(tree: Taxonomy, data: st.DataObject) -> None:
    classes = data.draw(st.lists(st.integers(0, tree.n_classes - 1), min_size=1, max_size=4))
    best = np.array([[data.draw(st.integers(0, tree.n_classes - 1)) for _ in range(3)] for _ in classes])
    found = compute_distances(tree.leaf_node_C[best].astype(np.int64), np.array(classes), tree)
    for row, truth in enumerate(classes):
        owner = tree.owner(int(tree.leaf_node_C[truth]))
        above = [0, *list_taxa(tree, owner)]
        for column in range(3):
            other = {0, *list_taxa(tree, tree.owner(int(tree.leaf_node_C[best[row, column]])))}
            meeting = [node for node in above if node in other][-1]
            below = [
                c
                for c in range(tree.n_classes)
                if meeting in {0, *list_taxa(tree, tree.owner(int(tree.leaf_node_C[c])))}
            ]
            lengths = [len(list_taxa(tree, tree.owner(int(tree.leaf_node_C[c])))) for c in below]
            height = max(lengths) - len(list_taxa(tree, meeting))
            assert found[row, column] == (0 if best[row, column] == truth else height)


@given(trees(), st.data())
def test_ranks_agree_where_their_taxa_are_on_one_path(tree: Taxonomy, data: st.DataObject) -> None:
    if not tree.rank_tables:
        return
    chosen = {
        rank: np.array([data.draw(st.sampled_from(nodes.tolist())) for _ in range(4)])
        for rank, nodes in tree.rank_tables.items()
    }
    found = find_consistent(chosen, tree)
    for row in range(4):
        taxa = [int(nodes[row]) for nodes in chosen.values() if tree.kind_N[nodes[row]] == TAXON]
        is_path = all(a in tree.path(b) or b in tree.path(a) for a in taxa for b in taxa)
        assert found[row] == is_path


def test_hierarchical_measures_by_hand() -> None:
    builder = TaxonomyBuilder()
    for family, genus, species in (
        ("Paridae", "Parus", "Parus major"),
        ("Paridae", "Poecile", "Poecile montanus"),
        ("Corvidae", "Pica", "Pica pica"),
    ):
        builder.add_lineage([("family", family), ("genus", genus), ("species", species)])
    tree = builder.build()
    names = [list(tree.names).index(name) for name in ("Parus major", "Poecile montanus", "Pica pica", "Paridae")]
    common, predicted, true = compute_overlaps([names[0], names[1], names[2], names[3]], [names[0]] * 4, tree)
    assert (common.tolist(), predicted.tolist(), true.tolist()) == ([3, 1, 0, 1], [3, 3, 3, 1], [3, 3, 3, 3])
    assert (common.sum() / predicted.sum(), common.sum() / true.sum()) == (5 / 10, 5 / 12)


def test_distances_of_fewer_nodes_are_their_mean() -> None:
    builder = TaxonomyBuilder()
    for genus, species in (("Parus", "Parus major"), ("Parus", "Parus cinereus"), ("Pica", "Pica pica")):
        builder.add_lineage([("genus", genus), ("species", species)])
    tree = builder.build()
    classes = [tree.class_taxon(c).name for c in range(3)]
    major, cinereus, pica = (
        int(tree.leaf_node_C[classes.index(name)]) for name in ("Parus major", "Parus cinereus", "Pica pica")
    )
    parus = list(tree.names).index("Parus")
    best_nk = np.array([[major, cinereus, pica], [cinereus, -1, -1], [parus, -1, -1], [pica, major, -1], [-1, -1, -1]])
    found = average_distances(best_nk, np.full(5, classes.index("Parus major")), tree)
    assert found.tolist() == [(0 + 1 + 2) / 3, 1, 1, (2 + 0) / 2, 2]
