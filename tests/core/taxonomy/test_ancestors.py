"""Ancestors of all nodes at once, compared with a traversal from each node."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.taxonomy import TAXON, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.ancestors import (
    find_last_below,
    find_nearest,
    find_nearest_above,
    find_rank_order,
    find_taxa_above,
    format_path,
    is_taxon,
    list_taxa,
)
from bioclip_x.taxonomy.ranks import ORDER
from random_trees import above, trees


@given(trees(), st.integers(0, 2**32 - 1))
def test_the_nearest_wanted_ancestor_is_that_of_a_walk(taxonomy: Taxonomy, seed: int) -> None:
    wanted_N = np.random.default_rng(seed).random(taxonomy.n_nodes) < 0.3
    for node in range(taxonomy.n_nodes):
        path = [n for n in above(taxonomy, node) if wanted_N[n] and n]
        assert find_nearest(taxonomy, wanted_N)[node] == (path[0] if path else 0)
        proper = [n for n in above(taxonomy, node)[1:] if wanted_N[n] and n]
        assert find_nearest_above(taxonomy, wanted_N)[node] == (proper[0] if proper else 0)


@given(trees())
def test_taxa_their_parents_and_the_ends_of_subtrees(taxonomy: Taxonomy) -> None:
    taxa = [node for node in range(taxonomy.n_nodes) if taxonomy.kind_N[node] == TAXON]
    assert list_taxa(taxonomy) == taxa == np.flatnonzero(is_taxon(taxonomy)).tolist()
    for node in taxa:
        parents = [n for n in above(taxonomy, node)[1:] if n in taxa]
        assert find_taxa_above(taxonomy)[node] == (parents[0] if parents else 0)
    for node in range(taxonomy.n_nodes):
        below = [n for n in range(taxonomy.n_nodes) if node in above(taxonomy, n)]
        assert find_last_below(taxonomy)[node] == max(below)


def test_rank_order_and_paths() -> None:
    builder = TaxonomyBuilder()
    builder.add_lineage([("family", "Paridae"), ("genus", "Parus"), ("species", "Parus major")])
    node = builder.add(0, "tribe-like", "Odd")
    builder.mark_class(node)
    taxonomy = builder.build("made")
    order = dict(zip(taxonomy.names, find_rank_order(taxonomy).tolist()))
    assert order["Paridae"] == ORDER["family"] < order["Parus"] == ORDER["genus"] < order["Parus major"]
    assert order["Odd"] == -1 and find_rank_order(taxonomy)[0] == -1
    assert format_path(taxonomy, taxonomy.names.index("Parus major")) == "Paridae > Parus > Parus major"


def test_a_long_path_is_abbreviated_to_eight_names() -> None:
    builder = TaxonomyBuilder()
    node = 0
    for number in range(12):
        node = builder.add(node, "", f"t{number}")
    builder.mark_class(node)
    taxonomy = builder.build("made")
    names = format_path(taxonomy, taxonomy.names.index("t11")).split(" > ")
    assert len(names) <= 8 and names[:2] == ["t0", "t1"] and names[2] == "…" and names[-1] == "t11"
