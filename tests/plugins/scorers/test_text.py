from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.records import ImageFeatures, ModelCard, Prompt, TextBank
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x_plugins.scorers.text import TextScorer

CARD = ModelCard("m", "r", "t", "fp32", 8, logit_scale=50.0, logit_bias=-1.5, context_length=77)


def make(seed: int, pooling: str, counts: list[int]) -> tuple[ImageFeatures, TextBank]:
    rng = np.random.default_rng(seed)
    owner_P = np.repeat(np.arange(len(counts)), counts)
    unit = torch.nn.functional.normalize
    texts_PD = unit(torch.from_numpy(rng.standard_normal((len(owner_P), 8)).astype(np.float32)), dim=1)
    images_BD = unit(torch.from_numpy(rng.standard_normal((3, 8)).astype(np.float32)), dim=1)
    weight_P = rng.uniform(0.5, 2, len(owner_P)).astype(np.float32)
    prompts = tuple(
        Prompt(f"text {i}", int(c), "descriptor", weight=float(w)) for i, (c, w) in enumerate(zip(owner_P, weight_P))
    )
    bank = TextBank(prompts, texts_PD, owner_P, weight_P, len(counts), pooling, "key")
    return ImageFeatures(images_BD, ("",) * 3), bank


def flat(bank: TextBank) -> Taxonomy:
    return from_labels([f"class {c}" for c in range(bank.n_classes)])


def naive(image_D: np.ndarray, bank: TextBank, c: int) -> float:
    """The definition of each pooling, one prompt at a time, in float64."""
    rows = [i for i in range(len(bank.owner_P)) if bank.owner_P[i] == c]
    texts = bank.embeddings_PD.double().numpy()
    cosines = [float(sum(image_D[d] * texts[i, d] for d in range(8))) for i in rows]
    weights = [float(bank.weight_P[i]) for i in rows]
    if bank.pooling == "max":
        similarity = max(cosines)
    else:
        similarity = sum(w * cos for w, cos in zip(weights, cosines)) / sum(weights)
        if bank.pooling == "ensemble":
            mean_D = sum(w * texts[i] for w, i in zip(weights, rows)) / sum(weights)
            similarity /= float(np.sqrt((mean_D**2).sum()))
    return CARD.logit_scale * similarity + CARD.logit_bias


@pytest.mark.parametrize("pooling", ["mean", "ensemble", "max"])
@given(seed=st.integers(0, 2**32 - 1), counts=st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_agrees_with_the_definition(pooling: str, seed: int, counts: list[int]) -> None:
    features, bank = make(seed, pooling, counts)
    logits = TextScorer().logits(features, bank, CARD, flat(bank))
    assert logits.logits_BC.shape == (3, len(counts))
    for b in range(3):
        expected = [naive(features.embeddings_BD[b].double().numpy(), bank, c) for c in range(len(counts))]
        np.testing.assert_allclose(logits.logits_BC[b].numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("pooling", ["mean", "ensemble", "max"])
@given(seed=st.integers(0, 2**32 - 1), counts=st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_coefficients_rebuild_the_logit(pooling: str, seed: int, counts: list[int]) -> None:
    features, bank = make(seed, pooling, counts)
    scorer = TextScorer()
    logits = scorer.logits(features, bank, CARD, flat(bank)).logits_BC
    for b, image_D in enumerate(features.embeddings_BD):
        for c in range(len(counts)):
            cosines = bank.embeddings_PD[bank.of_class(c)] @ image_D
            similarity = float(torch.from_numpy(scorer.coefficients(image_D, bank, c)) @ cosines)
            assert CARD.logit_scale * similarity + CARD.logit_bias == pytest.approx(float(logits[b, c]), abs=1e-3)


def test_mean_is_not_renormalised() -> None:
    """Two opposite descriptors cancel: the mean of cosines is 0, where an ensemble would blow up the remainder."""
    unit = torch.nn.functional.normalize(torch.tensor([[1.0, 0.1], [-1.0, 0.1]]), dim=1)
    prompts = (Prompt("a", 0, "descriptor"), Prompt("b", 0, "descriptor"))
    image = ImageFeatures(torch.tensor([[0.0, 1.0]]), ("",))
    card = ModelCard("m", "r", "t", "fp32", 2, 1.0, 0.0, 77)
    banks = [
        TextBank(prompts, unit, np.zeros(2, np.int64), np.ones(2, np.float32), 1, p, "k") for p in ("mean", "ensemble")
    ]
    mean, ensemble = (float(TextScorer().logits(image, bank, card, flat(bank)).logits_BC) for bank in banks)
    assert mean == pytest.approx(0.1 / np.sqrt(1.01), abs=1e-6) and ensemble == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "ensemble", "max"])
@pytest.mark.parametrize("half", [False, True])
@given(seed=st.integers(0, 2**32 - 1), counts=st.lists(st.integers(1, 3), min_size=2, max_size=30))
def test_classes_with_the_same_texts_are_tied_bit_for_bit(
    pooling: str, half: bool, seed: int, counts: list[int]
) -> None:
    """In any order of the texts, in any part, exact or not."""
    rng = np.random.default_rng(seed)
    stock = torch.nn.functional.normalize(torch.from_numpy(rng.standard_normal((4, 8)).astype(np.float32)), dim=1)
    texts_of = [rng.choice(4, count, replace=False) for count in counts]
    owner_P, text_P = np.repeat(np.arange(len(counts)), counts), np.concatenate(texts_of)
    prompts = tuple(Prompt(f"text {t}", int(c), "descriptor") for t, c in zip(text_P, owner_P))
    bank = TextBank(prompts, stock[text_P], owner_P, np.ones(len(owner_P), np.float32), len(counts), pooling, "key")
    if half:
        bank = replace(bank, half_PD=bank.embeddings_PD.half())
    features, _ = make(seed, pooling, [1])
    logits = TextScorer().logits(features, bank, CARD, flat(bank))
    size = int(rng.integers(1, len(counts) + 1))
    in_parts = torch.cat([logits.part(at, min(at + size, len(counts))) for at in range(0, len(counts), size)])
    exact = logits.exact or logits.part
    one_by_one = torch.cat([exact(c, c + 1) for c in range(len(counts))])
    for logits_CB in (logits.part(0, len(counts)), in_parts, one_by_one):
        for c, texts in enumerate(texts_of):
            first = next(d for d, other in enumerate(texts_of) if set(other) == set(texts))
            assert torch.equal(logits_CB[c], logits_CB[first])
    for b in range(3):
        expected = [naive(features.embeddings_BD[b].double().numpy(), bank, c) for c in range(len(counts))]
        np.testing.assert_allclose(one_by_one[:, b].numpy(), expected, atol=1e-4)
