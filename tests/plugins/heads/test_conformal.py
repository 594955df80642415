from __future__ import annotations

import numpy as np
import pytest
import torch

from bioclip_x.errors import RecipeError
from bioclip_x.records import HeadInput, Logits
from bioclip_x.taxonomy import TaxonomyBuilder
from bioclip_x_plugins.heads.conformal import Conformal


def test_sets_and_clades_by_hand() -> None:
    builder = TaxonomyBuilder()
    for family, species in [("A", "a1"), ("B", "b1"), ("B", "b2"), ("C", "c1")]:
        builder.add_lineage([("family", family), ("species", species)])
    tree = builder.build()
    given = HeadInput(Logits.of(torch.log(torch.tensor([[0.05, 0.5, 0.3, 0.15], [0.97, 0.01, 0.01, 0.01]]))), tree)

    def names(head: Conformal) -> list[list[str]]:
        nodes_BK = head.decide(given).reported_BK
        assert nodes_BK is not None
        return [[tree.names[node] for node in row if node >= 0] for row in nodes_BK.tolist()]

    assert names(Conformal(threshold=float(-np.log(0.2)))) == [["b1", "b2"], ["a1"]]
    assert names(Conformal(threshold=float(-np.log(0.1)))) == [["b1", "b2", "c1"], ["a1"]]
    assert names(Conformal(threshold=0)) == [["b1"], ["a1"]]
    assert names(Conformal(score="aps", threshold=0.6)) == [["b1", "b2"], ["a1"]]
    assert names(Conformal(sets="clade", threshold=0.6)) == [["B"], ["a1"]]
    assert names(Conformal(sets="clade", threshold=0.9)) == [[""], ["a1"]]


def test_what_is_missing_is_said() -> None:
    with pytest.raises(RecipeError, match="clades have a score of their own"):
        Conformal(sets="clade", score="aps")
    tree = TaxonomyBuilder()
    tree.add_lineage([("species", "a")])
    with pytest.raises(RecipeError, match=r"run `bioclip-x calibrate LABELLED_IMAGES --coverage 0.9`"):
        Conformal().decide(HeadInput(Logits.of(torch.zeros(1, 1)), tree.build()))
