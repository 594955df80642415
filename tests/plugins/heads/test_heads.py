from __future__ import annotations

import math

import pytest
import torch

from bioclip_x.errors import RecipeError
from bioclip_x.records import HeadInput, Logits
from bioclip_x.taxonomy import TaxonomyBuilder
from bioclip_x_plugins.heads.flat import Flat
from bioclip_x_plugins.heads.rollup import Rollup, compute_size_prior


def test_a_tree_by_hand() -> None:
    builder = TaxonomyBuilder()
    for family, species in [("A", "a1"), ("B", "b1"), ("B", "b2")]:
        builder.add_lineage([("family", family), ("species", species)])
    tree = builder.build()
    logits = Logits.of(torch.log(torch.tensor([[0.4, 0.35, 0.25]])) + 7)
    for head in (Flat(), Rollup()):
        shares = dict(zip(tree.names, head.decide(HeadInput(logits, tree)).log_probs_BI[0].exp().tolist()))
        expected = {"": 1.0, "A": 0.4, "a1": 0.4, "B": 0.6, "b1": 0.35, "b2": 0.25}
        assert all(abs(shares[name] - share) < 1e-6 for name, share in expected.items())
    assert Rollup().decide(HeadInput(logits, tree)).ranks == ("family", "species")
    assert Flat().decide(HeadInput(logits, tree)).ranks == ()


def test_a_size_prior_lets_the_small_family_win() -> None:
    """One species at logit +2 against 300 relatives of another family at 0: a share of 0.024, and with the prior e²/(e²+1)."""
    builder = TaxonomyBuilder()
    builder.add_lineage([("family", "small"), ("species", "s")])
    for i in range(300):
        builder.add_lineage([("family", "large"), ("species", f"l{i}")])
    tree = builder.build()
    logits_BC = torch.zeros(1, 301)
    logits_BC[0, 0] = 2
    small = tree.names.index("small")
    plain, mended = (
        head.decide(HeadInput(Logits.of(logits_BC), tree)) for head in (Rollup(), Rollup(size_prior="family"))
    )
    assert float(plain.log_probs_BI[0, small].exp()) == pytest.approx(0.024, abs=5e-4)
    assert float(mended.log_probs_BI[0, small].exp()) == pytest.approx(math.exp(2) / (math.exp(2) + 1))
    assert compute_size_prior(tree, "species").abs().max() == 0  # a class a taxon: nothing to mend
    with pytest.raises(RecipeError, match="no table at rank 'order'; it has: family, species"):
        Rollup(size_prior="order").decide(HeadInput(Logits.of(logits_BC), tree))
