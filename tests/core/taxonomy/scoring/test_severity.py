"""Lowest common ancestors, compared with sets of ancestors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.scoring.costs import compute_heights
from bioclip_x.taxonomy.scoring.severity import (
    compute_lca_heights,
    find_lowest_common_ancestors,
    find_taxa_at_rank,
    is_within,
)
from bioclip_x_plugins.readers.tables.table import TableReader
from random_trees import above, trees


@given(trees())
def test_every_node_meets_every_class_at_their_last_common_ancestor(taxonomy: Taxonomy) -> None:
    nodes, classes = (each.ravel() for each in np.meshgrid(range(taxonomy.n_nodes), range(taxonomy.n_classes)))
    met = find_lowest_common_ancestors(nodes, classes, taxonomy)
    for node, c, found in zip(nodes, classes, met):
        over = above(taxonomy, int(node))
        assert found == next(one for one in above(taxonomy, int(taxonomy.leaf_node_C[c])) if one in over)
    assert (compute_lca_heights(nodes, classes, taxonomy) == compute_heights(taxonomy)[met]).all()


@given(trees())
def test_a_node_is_within_itself_and_all_above_it(taxonomy: Taxonomy) -> None:
    nodes, others = (each.ravel() for each in np.meshgrid(range(taxonomy.n_nodes), range(taxonomy.n_nodes)))
    found = is_within(nodes, others, taxonomy)
    assert found.tolist() == [other in above(taxonomy, int(node)) for node, other in zip(nodes, others)]


@given(trees())
def test_the_node_of_a_class_at_a_rank_is_on_its_path(taxonomy: Taxonomy) -> None:
    for rank in taxonomy.rank_tables:
        found = find_taxa_at_rank(range(taxonomy.n_classes), rank, taxonomy)
        for c, node in enumerate(found.tolist()):
            assert node in above(taxonomy, int(taxonomy.leaf_node_C[c])) and taxonomy.rank(node) == rank


@pytest.mark.parametrize(
    ("answer", "truth", "height"),
    [
        ("Parus major", "Parus major", 0),
        ("Parus major", "Cyanistes caeruleus", 2),  # family: genus and species below
        ("Parus major", "Turdus merula", 3),
        ("Parus major", "Emys orbicularis", 5),  # phylum: class, order, family, genus, species
        ("Quercus", "Quercus robur", 1),
        ("Parus major", "Quercus robur", 7),
    ],
)
def test_heights_count_taxa(birds_csv: Path, answer: str, truth: str, height: int) -> None:
    taxonomy = TableReader().read(birds_csv)
    names = [taxonomy.class_taxon(c).name for c in range(taxonomy.n_classes)]
    node = taxonomy.leaf_node_C[names.index(answer)]
    assert compute_lca_heights([node], [names.index(truth)], taxonomy).tolist() == [height]
