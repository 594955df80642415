import networkx

graph = networkx.DiGraph([("Paridae", "Parus major"), ("Paridae", "Cyanistes caeruleus")])
# [start:networkx-and-labels]
from bioclip_x import Classifier, from_networkx

tree = from_networkx(graph)
Classifier(taxonomy=tree, plugins=["rollup"])
# [end:networkx-and-labels]

# [start:bins-2]
Classifier("bioclip-2", taxonomy="docs/code/bins.csv", taxonomy_format="bins", rank="bin")
# [end:bins-2]

taxonomy = Classifier(plugins=["descriptors"]).taxonomy
# [start:a-part-of-the-classes-2]
from bioclip_x import subset

part = subset(taxonomy, ["class=Insecta", "family!=Nymphalidae"])  # part.tree, part.classes, part.notes
# [end:a-part-of-the-classes-2]
