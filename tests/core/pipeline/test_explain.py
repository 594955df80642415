from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.pipeline.explain import Side, explain, side
from bioclip_x.pipeline.predict import Shares
from bioclip_x.records import ImageFeatures, Logits, ModelCard, Prompt, TextBank
from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.rollup import roll_up
from bioclip_x_plugins.scorers.text import TextScorer

CARD = ModelCard("m", "r", "t", "fp32", 6, logit_scale=80.0, logit_bias=-3.0, context_length=77)


def scene(seed: int, pooling: str) -> tuple[TextBank, torch.Tensor]:
    rng = np.random.default_rng(seed)
    owner_P = np.array([0, 0, 0, 1, 1, 2, 3, 3])
    unit = torch.nn.functional.normalize
    texts = unit(torch.from_numpy(rng.standard_normal((8, 6)).astype(np.float32)), dim=1)
    prompts = tuple(Prompt(f"text {i}", int(c), "descriptor", f"phrase {i}") for i, c in enumerate(owner_P))
    bank = TextBank(prompts, texts, owner_P, np.ones(8, np.float32), 4, pooling, "key")
    return bank, unit(torch.from_numpy(rng.standard_normal(6).astype(np.float32)), dim=0)


def tree():  # type: ignore[no-untyped-def]
    builder = TaxonomyBuilder()
    for family, species in [("A", "a1"), ("A", "a2"), ("B", "b1"), ("C", "c1")]:
        builder.add_lineage([("family", family), ("species", species)])
    return builder.build()


def sides(taxonomy: Taxonomy, logits: Logits, nodes: list[int]) -> list[Side]:
    shares = Shares(taxonomy, roll_up(logits, taxonomy), 0)
    return [side(taxonomy, logits, 0, shares, node) for node in nodes]


@given(st.integers(0, 2**32 - 1), st.sampled_from(["mean", "ensemble", "max"]))
def test_contributions_sum_to_the_margin(seed: int, pooling: str) -> None:
    bank, image_D = scene(seed, pooling)
    scorer, taxonomy = TextScorer(), tree()
    logits = scorer.logits(ImageFeatures(image_D[None], ("",)), bank, CARD)
    logits_C = logits.logits_BC[0]
    best, second = logits_C.topk(2).indices.tolist()
    nodes = [int(taxonomy.leaf_node_C[c]) for c in (best, second)]
    told = explain(taxonomy, bank, scorer, CARD, image_D, sides(taxonomy, logits, nodes))
    assert (told.winner, told.runner_up) == (taxonomy.class_taxon(best).name, taxonomy.class_taxon(second).name)
    assert told.margin == pytest.approx(float(logits_C[best] - logits_C[second]), abs=1e-4)
    assert math.fsum(s.contribution for s in told.shares) == pytest.approx(told.margin, abs=1e-3)
    assert abs(told.rest) < 1e-3
    for share in told.shares:
        row = int(share.text.removeprefix("text "))
        assert share.similarity == pytest.approx(float(bank.embeddings_PD[row] @ image_D), abs=1e-6)
        assert share.class_index in (best, second)


@pytest.mark.parametrize("k", [4, 1])  # with 1, the runner-up's best class is not among the best of all
def test_a_family_is_told_from_another_by_all_its_classes(k: int) -> None:
    bank, image_D = scene(1, "mean")
    taxonomy = tree()
    logits = replace(Logits.of(torch.tensor([[5.0, 9.0, 8.0, 7.0]])), k=k)
    nodes = [taxonomy.names.index("A"), taxonomy.names.index("B")]
    told = explain(taxonomy, bank, TextScorer(), CARD, image_D, sides(taxonomy, logits, nodes))
    assert (told.winner, told.runner_up, told.winner_class, told.runner_up_class) == ("A", "B", "a2", "b1")
    assert told.margin == pytest.approx(math.log(math.exp(5) + math.exp(9)) - 8)
    assert told.rest == pytest.approx(told.margin - math.fsum(share.contribution for share in told.shares))


def test_a_single_class_has_no_runner_up() -> None:
    builder = TaxonomyBuilder()
    builder.add_lineage([("species", "only")])
    bank = TextBank(
        (Prompt("t", 0, "common"),), torch.eye(6)[:1], np.zeros(1, np.int64), np.ones(1, np.float32), 1, "mean", "k"
    )
    taxonomy, logits = builder.build(), Logits.of(torch.tensor([[80.0 - 3.0]]))
    told = explain(taxonomy, bank, TextScorer(), CARD, torch.eye(6)[0], sides(taxonomy, logits, [1]))
    assert (told.winner, told.runner_up) == ("only", "")
    assert told.margin == 77.0 and told.rest == pytest.approx(-3.0)  # the bias belongs to no prompt
