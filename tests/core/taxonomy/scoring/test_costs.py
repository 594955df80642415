from __future__ import annotations

import networkx
import numpy as np
import pytest
import torch
from hypothesis import given

from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.scoring.costs import compute_heights, compute_lca_costs, compute_tree_distances
from bioclip_x.taxonomy.scoring.rollup import roll_up
from random_trees import above, graph_of_taxa, in_parts, logits, owner, shares, trees


@given(trees())
def test_heights_count_taxa_only(tree: Taxonomy) -> None:
    graph = graph_of_taxa(tree)
    leaves = set(tree.leaf_node_C.tolist())
    for node, height in enumerate(compute_heights(tree).tolist()):
        longest = max(networkx.single_source_shortest_path_length(graph, owner(tree, node)).values())
        assert height == (0 if node in leaves else longest)


@given(trees(), logits)
def test_costs_of_all_held_nodes_agree_with_sums_over_pairs(tree: Taxonomy, many: np.ndarray) -> None:
    logits_BC = many[:, : tree.n_classes]
    log_probs_BI = roll_up(in_parts(logits_BC), tree).log_probs_BI
    height, costs, distances = (
        compute_heights(tree),
        compute_lca_costs(log_probs_BI, tree),
        compute_tree_distances(log_probs_BI, tree),
    )
    apart = dict(networkx.all_pairs_shortest_path_length(graph_of_taxa(tree).to_undirected()))
    leaves = tree.leaf_node_C.tolist()
    for row in range(3):
        share = shares(logits_BC[row], tree)

        def distance(node: int, share: list[float] = share) -> float:
            return sum(share[leaf] * apart[owner(tree, node)][owner(tree, leaf)] for leaf in leaves)

        for place, node in enumerate(tree.held_nodes.tolist()):
            meeting = [next(n for n in above(tree, leaf) if n in set(above(tree, node))) for leaf in leaves]
            cost = sum(share[leaf] * height[met] for leaf, met in zip(leaves, meeting))
            assert float(costs[place, row]) == pytest.approx(cost, abs=1e-5)
            assert float(distances[place, row]) == pytest.approx(distance(node) - distance(0), abs=1e-5)


def test_a_tree_worked_out_by_hand() -> None:
    builder = TaxonomyBuilder()
    for family, species in [("Aa", "a"), ("Bb", "b1"), ("Bb", "b2")]:
        builder.add_lineage([("family", family), ("species", species)])
    tree = builder.build()
    log_probs_BI = torch.log(torch.tensor([[1, 0.4, 0.4, 0.6, 0.35, 0.25]]))
    assert compute_heights(tree).tolist() == [2, 1, 0, 1, 0, 0]
    assert compute_lca_costs(log_probs_BI, tree)[:, 0].tolist() == pytest.approx([2, 1.6, 1.2, 1.4, 1.05, 1.15])
    assert compute_tree_distances(log_probs_BI, tree)[:, 0].tolist() == pytest.approx([0, 0.2, 0.4, -0.2, 0.1, 0.3])
