from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given

import random_trees
from bioclip_x.errors import RecipeError
from bioclip_x.prediction.ranking import find_reportable_nodes, select_best_at_ranks, select_top_nodes
from bioclip_x.records import Logits, Scores
from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.scoring.rollup import roll_up
from random_trees import in_parts, logits, trees


def families() -> Taxonomy:
    builder = TaxonomyBuilder()
    for family, species in [("Aa", "a1"), ("Aa", "a2"), ("Bb", "b1"), ("Cc", "c1")]:
        builder.add_lineage([("family", family), ("species", species)])
    return builder.build("made")


@given(trees(), logits)
def test_the_best_nodes_of_a_rank_are_those_of_a_loop(taxonomy: Taxonomy, values: np.ndarray) -> None:
    logits_BC = values[:, : taxonomy.n_classes]
    scores = roll_up(in_parts(logits_BC), taxonomy, tuple(taxonomy.rank_tables), n_best=taxonomy.n_classes)
    for rank in taxonomy.rank_tables:
        nodes = find_reportable_nodes(taxonomy, rank)
        assert nodes is not None
        found = select_top_nodes(taxonomy, scores, nodes, 3)
        for row, best in enumerate(found):
            probabilities = random_trees.shares(logits_BC[row], taxonomy)
            expected = sorted((probabilities[node] for node in nodes), reverse=True)[:3]
            assert len(set(best)) == len(best) == min(3, len(nodes))
            np.testing.assert_allclose([probabilities[node] for node in best], expected, rtol=1e-4, atol=1e-6)
    for rank, best_B in select_best_at_ranks(taxonomy, scores):
        assert best_B == [
            row[0] for row in select_top_nodes(taxonomy, scores, find_reportable_nodes(taxonomy, rank), 1)
        ]


def test_without_a_rank_the_classes_are_reported_in_order() -> None:
    taxonomy = families()
    scores = roll_up(Logits.of(torch.tensor([[0.0, 3.0, 1.0, 2.0]])), taxonomy)
    names = [[taxonomy.names[node] for node in row] for row in select_top_nodes(taxonomy, scores, None, 3)]
    assert find_reportable_nodes(taxonomy, None) is None and names == [["a2", "c1", "b1"]]


def test_a_head_that_chose_nodes_is_followed() -> None:
    taxonomy = families()
    scored = roll_up(Logits.of(torch.zeros(2, 4)), taxonomy)
    chosen = Scores(scored.log_probs_BI, scored.top_BK, scored.log_top_BK, (), torch.tensor([[1, 3, -1], [-1, -1, -1]]))
    assert select_top_nodes(taxonomy, chosen, None, 2) == [[1, 3], []]
    assert select_top_nodes(taxonomy, chosen, None, 1) == [[1], []]


def test_a_node_that_holds_every_class_names_nothing() -> None:
    builder = TaxonomyBuilder()
    for species in ("a1", "a2"):
        builder.add_lineage([("class", "Aves"), ("family", "Aa"), ("species", species)])
    taxonomy = builder.build()
    scored = roll_up(Logits.of(torch.zeros(1, 2)), taxonomy)
    for name, chosen in (("Aves", 0), ("Aa", 0), ("a1", taxonomy.names.index("a1"))):
        reported = torch.tensor([[taxonomy.names.index(name), -1]])
        scores = Scores(scored.log_probs_BI, scored.top_BK, scored.log_top_BK, (), reported)
        assert select_top_nodes(taxonomy, scores, None, 2) == [[chosen]]


def test_a_rank_without_a_table_is_refused_with_those_there_are() -> None:
    with pytest.raises(RecipeError, match=r"no table at rank 'genus'; it has: family, species"):
        find_reportable_nodes(families(), "genus")
