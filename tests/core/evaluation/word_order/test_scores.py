"""Against loops, and chance levels against random scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bioclip_x.evaluation.word_order.scores import CHANCE, compute_winoground_scores, pool_similarities


def test_winoground_scores_are_those_of_the_papers_code() -> None:
    """`text_correct`, `image_correct` and `group_correct` of the authors' notebook, on pairs c{text}_i{image}."""
    score_n22 = np.random.default_rng(0).integers(0, 4, size=(200, 2, 2)).astype(float)
    found = compute_winoground_scores(score_n22)
    for i, ((c0_i0, c0_i1), (c1_i0, c1_i1)) in enumerate(score_n22.tolist()):
        text = c0_i0 > c1_i0 and c1_i1 > c0_i1
        image = c0_i0 > c0_i1 and c1_i1 > c1_i0
        assert [found[name][i] for name in CHANCE] == [text, image, text and image]


def test_chance_is_that_of_random_scores() -> None:
    found = compute_winoground_scores(np.random.default_rng(1).normal(size=(200_000, 2, 2)))
    for name, chance in CHANCE.items():
        assert found[name].mean() == pytest.approx(chance, abs=0.004)


@pytest.mark.parametrize("pooling", ["mean", "ensemble", "max"])
def test_similarities_are_pooled_as_the_bank_says(pooling: str) -> None:
    rng = torch.Generator().manual_seed(0)
    images, texts = (torch.nn.functional.normalize(torch.randn(n, 6, generator=rng)) for n in (4, 3))
    weights = [1.0, 2.0, 0.5]
    found = pool_similarities(images, texts, torch.tensor(weights), pooling)
    for n in range(4):
        cosines = [float(images[n].double() @ text.double()) for text in texts]
        mean = sum(w * c for w, c in zip(weights, cosines)) / 3.5
        length = float(sum(w * text.double() for w, text in zip(weights, texts)).norm()) / 3.5
        assert found[n] == pytest.approx({"mean": mean, "ensemble": mean / length, "max": max(cosines)}[pooling])
