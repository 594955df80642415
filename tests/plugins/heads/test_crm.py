from __future__ import annotations

import networkx
import numpy as np
import pytest
import torch
from hypothesis import given

from bioclip_x.errors import RecipeError
from bioclip_x.hooks.options import validate_options
from bioclip_x.records import HeadInput, Logits
from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.scoring.rollup import roll_up
from bioclip_x_plugins.heads.crm import Crm
from random_trees import above, graph_of_taxa, in_parts, is_made_up, logits, owner, shares, trees

TOLERANCE = 1e-6


def naive_lca_costs(tree: Taxonomy) -> np.ndarray:
    """[C, C], the height of the lowest common ancestor of two classes, from the graph of taxa."""
    graph = graph_of_taxa(tree)
    height = {node: max(networkx.single_source_shortest_path_length(graph, node).values()) for node in graph}
    costs = np.zeros((tree.n_classes, tree.n_classes))
    for c, one in enumerate(tree.leaf_node_C.tolist()):
        for d, other in enumerate(tree.leaf_node_C.tolist()):
            if c != d:
                shared = set(above(tree, other))
                costs[c, d] = height[owner(tree, next(node for node in above(tree, one) if node in shared))]
    return costs


@given(trees(), logits)
def test_classes_are_sorted_by_expected_lca_height(tree: Taxonomy, many: np.ndarray) -> None:
    logits_BC = many[:, : tree.n_classes]
    decided = Crm().decide(HeadInput(in_parts(logits_BC), tree, n_best=5))
    costs = naive_lca_costs(tree)
    for row in range(3):
        share_C = np.array(shares(logits_BC[row], tree))[tree.leaf_node_C]
        expected_C = costs @ share_C
        top = decided.top_BK[row].tolist()
        assert len(set(top)) == len(top) == min(5, tree.n_classes)
        np.testing.assert_allclose(expected_C[top], np.sort(expected_C)[: len(top)], atol=TOLERANCE * 10)
        np.testing.assert_allclose(decided.log_top_BK[row].double().exp(), share_C[top], atol=TOLERANCE)


@given(trees(), logits)
def test_the_taxon_of_least_expected_distance_is_reported(tree: Taxonomy, many: np.ndarray) -> None:
    logits_BC = many[:, : tree.n_classes]
    decided = Crm("nodes").decide(HeadInput(in_parts(logits_BC), tree))
    distance = dict(networkx.all_pairs_shortest_path_length(graph_of_taxa(tree).to_undirected()))
    assert decided.reported_BK is not None and decided.reported_BK.shape == (3, 1)
    for row, [node] in enumerate(decided.reported_BK.tolist()):
        share = shares(logits_BC[row], tree)
        expected = {
            taxon: sum(share[leaf] * distance[taxon][owner(tree, leaf)] for leaf in tree.leaf_node_C.tolist())
            for taxon in range(tree.n_nodes)
            if not is_made_up(tree, taxon)
        }
        assert expected[node] <= min(expected.values()) + TOLERANCE * 30
        # It is the tree's weighted median: the deepest taxon with more than half.
        assert share[node] > 0.5 - TOLERANCE
        assert all(share[taxon] < 0.5 + TOLERANCE for taxon in expected if node in above(tree, taxon)[1:])


@given(trees(), logits)
def test_probabilities_are_those_of_the_rollup(tree: Taxonomy, many: np.ndarray) -> None:
    rolled = roll_up(in_parts(many[:, : tree.n_classes]), tree)
    for head in (Crm(), Crm("nodes")):
        assert torch.equal(
            head.decide(HeadInput(in_parts(many[:, : tree.n_classes]), tree)).log_probs_BI, rolled.log_probs_BI
        )


def tree_of_three() -> Taxonomy:
    builder = TaxonomyBuilder()
    for family, species in [("Aa", "a"), ("Bb", "b1"), ("Bb", "b2")]:
        builder.add_lineage([("family", family), ("species", species)])
    return builder.build()


def test_the_class_with_the_least_expected_cost_wins_over_the_most_probable_one() -> None:
    """a: 0.6·2 = 1.2; b1: 0.4·2 + 0.25·1 = 1.05; b2: 0.8 + 0.35 = 1.15."""
    decided = Crm().decide(HeadInput(Logits.of(torch.log(torch.tensor([[0.4, 0.35, 0.25]]))), tree_of_three()))
    assert decided.top_BK.tolist() == [[1, 2, 0]]
    assert decided.log_top_BK.exp().tolist() == [pytest.approx([0.35, 0.25, 0.4])]


def test_siblings_with_tiny_probabilities_are_sorted_by_probability() -> None:
    builder = TaxonomyBuilder()
    for species in "abcd":
        builder.add_lineage([("genus", "G"), ("species", species)])
    decided = Crm().decide(HeadInput(Logits.of(torch.tensor([[-30.0, 0, -25, -20]])), builder.build()))
    assert decided.top_BK.tolist() == [[1, 3, 2, 0]]


def test_over_nodes_a_family_is_reported_if_no_species_has_half() -> None:
    tree = tree_of_three()
    logits = Logits.of(torch.log(torch.tensor([[0.4, 0.35, 0.25], [0.1, 0.7, 0.2], [0.5, 0.25, 0.25]])))
    reported = Crm("nodes").decide(HeadInput(logits, tree)).reported_BK
    assert reported is not None
    assert [tree.names[node] for node in reported[:, 0].tolist()] == ["Bb", "b1", ""]


def test_an_unknown_cost_is_refused() -> None:
    with pytest.raises(RecipeError, match="crm: option 'over'"):
        validate_options("crm", Crm, {"over": "ranks"})
