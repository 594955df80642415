import itertools

import numpy as np
import torch
from bioclip_x_colours.head import Common

from bioclip_x.plugin import HeadInput, Logits
from bioclip_x.testing import conformance, make_taxonomy

test_it_is_a_head = conformance("heads", "common")


def name_reported(logits: list[float], ratio: float = 0.2) -> str:
    taxonomy = make_taxonomy()
    scores = Common(ratio).decide(HeadInput(Logits.of(torch.tensor([logits])), taxonomy))
    assert scores.reported_BK is not None
    return taxonomy.names[int(scores.reported_BK[0, 0])]


def test_likely_classes_are_named_by_what_they_have_in_common() -> None:
    taxonomy = make_taxonomy()
    names = [taxonomy.class_taxon(c).name for c in range(taxonomy.n_classes)]

    def give(*likely: str) -> list[float]:
        return [5.0 if name in likely else 0.0 for name in names]

    assert name_reported(give("Turdus merula")) == "Turdus merula"
    assert name_reported(give("Turdus merula", "Turdus pilaris")) == "Turdus"
    assert name_reported(give("Turdus merula", "Parus major")) == "Passeriformes"
    assert name_reported(give("Turdus merula", "Apus apus")) == "Aves"  # Apus has neither order nor family


def test_the_ratio_is_of_shares() -> None:
    logits = np.log([0.5, 0.02, 0.2, 0.2, 0.04, 0.02, 0.02]).tolist()  # the classes 0, 2 and 3 are of one order
    assert name_reported(logits, 0.41) == make_taxonomy().class_taxon(0).name
    assert name_reported(logits, 0.39) == "Passeriformes"


def test_the_taxon_contains_every_likely_class_and_no_lower_one_does() -> None:
    taxonomy = make_taxonomy()
    for likely in itertools.product((0.0, 9.0), repeat=taxonomy.n_classes):
        if not any(likely):
            continue
        paths = [
            set(map(taxonomy.owner, taxonomy.path(int(node)))) for node in taxonomy.leaf_node_C[np.array(likely) > 0]
        ]
        common = set.intersection(*paths)
        expected = taxonomy.names[max(common)] if common else taxonomy.names[0]
        assert name_reported(list(likely)) == expected
