from __future__ import annotations

from hypothesis import given

from bioclip_x.records.taxon import Synonym
from bioclip_x.taxonomy import HOLE, TAXON, Details, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.ancestors import find_nearest, find_rank_order, find_taxa_above, format_path
from bioclip_x.taxonomy.ranks import ORDER
from bioclip_x.taxonomy.summary import summarise
from random_trees import above, owner, trees


@given(trees())
def test_counts_agree_with_a_traversal(taxonomy: Taxonomy) -> None:
    found = summarise(taxonomy)
    nodes = [node for node in range(taxonomy.n_nodes) if taxonomy.kind_N[node] == TAXON]
    lineages = [[n for n in taxonomy.path(node) if taxonomy.kind_N[n] == TAXON] for node in nodes]
    classes = {owner(taxonomy, int(leaf)) for leaf in taxonomy.leaf_node_C}
    inner = {n for lineage in lineages for n in lineage[:-1]}
    assert (found.taxa, found.classes, found.inner) == (len(nodes), len(classes), len(classes & inner))
    assert (found.depth, found.tops) == (max(map(len, lineages)), sum(len(lineage) == 1 for lineage in lineages))
    for one in found.ranks:
        of_rank = [node for node in nodes if taxonomy.rank(node) == one.rank]
        holes = {
            n
            for node in nodes
            for n in taxonomy.path(node)
            if taxonomy.kind_N[n] == HOLE and taxonomy.rank(n) == one.rank
        }
        assert (one.taxa, one.holes, one.classes) == (len(of_rank), len(holes), len(classes.intersection(of_rank)))
    assert sum(one.taxa for one in found.ranks) == len(nodes)


@given(trees())
def test_ancestors_agree_with_a_traversal_per_node(taxonomy: Taxonomy) -> None:
    orders = [ORDER.get(taxonomy.rank(n), -1) if taxonomy.kind_N[n] == TAXON else -1 for n in range(taxonomy.n_nodes)]
    assert find_rank_order(taxonomy).tolist() == orders
    wanted = find_rank_order(taxonomy) >= ORDER["family"]
    naive = [next((n for n in above(taxonomy, node) if wanted[n]), 0) for node in range(taxonomy.n_nodes)]
    assert find_nearest(taxonomy, wanted).tolist() == naive
    naive = [owner(taxonomy, max(0, int(taxonomy.parent_N[node]))) for node in range(taxonomy.n_nodes)]
    assert find_taxa_above(taxonomy).tolist() == naive


def test_names_are_counted_one_by_one() -> None:
    builder = TaxonomyBuilder()
    about = Details(
        {"en": ("great tit", "tit"), "de": ("Kohlmeise",)}, {"gbif": "1|2"}, {"x": "a|b"}, "L.", (Synonym("a"),) * 3
    )
    builder.add(0, "species", "Parus major", about)
    found = summarise(builder.build("made"))
    assert found.common_names == {"en": 2, "de": 1} and list(found.common_names) == ["en", "de"]
    assert (found.synonyms, found.authors, found.ids) == (3, 1, {"gbif": 1})


def test_long_paths_are_abbreviated() -> None:
    builder, node = TaxonomyBuilder(), 0
    for letter in "ABCDEFGHIJ":
        node = builder.add(node, "", letter, line=7)
    tree = builder.build("made")
    assert format_path(tree, 10) == "A > B > … > G > H > I > J (line 7)"
    assert format_path(tree, 8) == "A > B > C > D > E > F > G > H (line 7)"
