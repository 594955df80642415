from __future__ import annotations

import torch

from bioclip_x.records import Logits
from bioclip_x.taxonomy import TaxonomyBuilder
from bioclip_x_plugins.heads.flat import Flat
from bioclip_x_plugins.heads.rollup import Rollup


def test_a_tree_worked_out_by_hand() -> None:
    builder = TaxonomyBuilder()
    for family, species in [("A", "a1"), ("B", "b1"), ("B", "b2")]:
        builder.add_lineage([("family", family), ("species", species)])
    tree = builder.build()
    logits = Logits(torch.log(torch.tensor([[0.4, 0.35, 0.25]])) + 7)
    for head in (Flat(), Rollup()):
        shares = dict(zip(tree.names, head.decide(logits, tree).log_probs_BN[0].exp().tolist()))
        expected = {"": 1.0, "A": 0.4, "a1": 0.4, "B": 0.6, "b1": 0.35, "b2": 0.25}
        assert all(abs(shares[name] - share) < 1e-6 for name, share in expected.items())
    assert Rollup().decide(logits, tree).ranks == ("family", "species")
    assert Flat().decide(logits, tree).ranks == ()
