"""A custom taxonomy from a networkx graph with edges parent → child, without a file. It names two of the drawings:

    python examples/own_taxonomy.py

Species that are not in the graph cannot be named.
"""

import networkx as nx

from bioclip_x import Classifier
from bioclip_x.plugin import from_networkx

graph = nx.DiGraph()
for order, family, species, name in [
    ("Passeriformes", "Paridae", "Cyanistes caeruleus", "Eurasian blue tit"),
    ("Passeriformes", "Turdidae", "Turdus merula", "common blackbird"),
    ("Coraciiformes", "Alcedinidae", "Alcedo atthis", "common kingfisher"),
]:
    graph.add_node(order, rank="order")
    graph.add_node(family, rank="family")
    graph.add_node(species, rank="species", common_names={"en": [name]})
    graph.add_edges_from([(order, family), (family, species)])

if __name__ == "__main__":
    classifier = Classifier(taxonomy=from_networkx(graph), plugins=["rollup"], text="taxonomic+common")
    for result in classifier.classify("examples/drawings"):
        if result.predictions:
            best = result.predictions[0]
            print(f"{result.source}: {best.taxon.name} ({best.probability:.0%} share among the listed species)")
