from __future__ import annotations

from bioclip_x.evaluation.listed_ranks import find_listed_ranks
from bioclip_x.taxonomy import TaxonomyBuilder

LINEAGES = {
    "listed": ("Animalia", "Paridae", "Parus", "Parus major"),
    "same genus": ("Animalia", "Paridae", "Parus", "Parus minor"),
    "same family": ("Animalia", "Paridae", "Cyanistes", "Cyanistes caeruleus"),
    "same kingdom": ("Animalia", "", "Emys", "Emys orbicularis"),
    "homonym": ("Plantae", "Paridae", "Parus", "Parus plantarum"),
}


def test_the_lowest_listed_rank_is_found_by_paths_and_not_by_names() -> None:
    trees = []
    for names in (["listed"], list(LINEAGES)):
        builder = TaxonomyBuilder()
        for name in names:
            lineage = zip(("kingdom", "family", "genus", "species"), LINEAGES[name])
            builder.add_lineage([step for step in lineage if step[1]])
        trees.append(builder.build())
    listed, whole = trees
    node_of = {name: whole.names.index(lineage[-1]) for name, lineage in LINEAGES.items()}
    found = find_listed_ranks(node_of.values(), whole, listed)
    assert {name: found[node] for name, node in node_of.items()} == {
        "listed": "species",
        "same genus": "genus",
        "same family": "family",
        "same kingdom": "kingdom",
        "homonym": "nothing",
    }
