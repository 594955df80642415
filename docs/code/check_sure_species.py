import torch
from bioclip_x.plugin import HeadInput, Logits
from bioclip_x.testing import conformance, make_taxonomy

from bioclip_x_sure_species import SureSpecies

test_it_is_a_head = conformance("heads", "sure-species")


def test_an_unsure_class_gives_way_to_the_taxon_above() -> None:
    taxonomy = make_taxonomy()
    sure, unsure = [9.0, 0, 0, 0, 0, 0, 0], [1.0, 0, 0, 0, 0, 0, 0]
    scores = SureSpecies(0.9).decide(HeadInput(Logits.of(torch.tensor([sure, unsure])), taxonomy))
    named, above = scores.reported_BK[:, 0].tolist()
    assert named == taxonomy.owner(int(taxonomy.leaf_node_C[0]))
    assert above == taxonomy.path(named)[-2]
