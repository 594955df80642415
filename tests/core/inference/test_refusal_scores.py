"""Scores of "none of these" against the equations, class by class in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bioclip_x import Classifier
from bioclip_x.inference.refusal_scores import METHODS, compute_refusal_scores
from bioclip_x.records import ModelCard
from bioclip_x.records.calibration import RefusalMethod
from bioclip_x.text_bank.random_texts import WORDS, embed_random_texts, write_random_texts
from random_trees import in_parts

CARD = ModelCard("tiny", "sha256:1", "", "", 5, logit_scale=40.0, logit_bias=-3.0, context_length=77)


@pytest.mark.parametrize("method", METHODS)
def test_agrees_with_loops(method: RefusalMethod) -> None:
    rng = np.random.default_rng(2)
    images, texts = rng.normal(size=(6, 5)), rng.normal(size=(9, 5))
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    cosines = images @ texts.T / 4
    random_D = rng.normal(size=5)
    logits_BC = (cosines * 40 - 3).astype(np.float32)
    expected = []
    for cosine, image in zip(cosines, images):
        z = [40 * c - 3 for c in cosine]
        tempered = [np.exp(one / 1.7) for one in z]
        plain = [np.exp(c) for c in cosine]
        expected.append(
            {
                "similarity": max(cosine),
                "probability": max(tempered) / sum(tempered),
                "energy": (np.log(sum(np.exp(one) for one in z)) + 3) / 40,
                "mcm": max(plain) / sum(plain),
                "relative": max(cosine) - sum(a * b for a, b in zip(image, random_D)),
            }[method]
        )
    found = compute_refusal_scores(
        method,
        in_parts(logits_BC, 4),
        torch.from_numpy(logits_BC.max(1)),
        CARD,
        temperature=1.7,
        embeddings_BD=torch.from_numpy(images).float(),
        random_D=torch.from_numpy(random_D).float(),
    )
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-6)


def test_an_image_without_a_class_is_refused_by_any_score() -> None:
    logits_BC = np.full((1, 3), -np.inf, np.float32)
    for method in METHODS:
        [score] = compute_refusal_scores(
            method,
            in_parts(logits_BC),
            torch.tensor([-torch.inf]),
            CARD,
            temperature=1.0,
            embeddings_BD=torch.zeros(1, 5),
            random_D=torch.zeros(5),
        )
        assert score == -np.inf


def test_random_texts_are_the_same_every_time(tiny_model: str, birds_csv: str) -> None:
    texts = write_random_texts()
    assert texts == write_random_texts() and texts != write_random_texts(seed=1)
    assert len(set(texts)) == 100 and all(len(set(text.split())) == WORDS for text in texts)
    encoder = Classifier(tiny_model, taxonomy=birds_csv).encoder
    mean_D = encoder.encode_texts(texts).double().mean(0)
    assert torch.allclose(embed_random_texts(encoder).double(), mean_D, atol=1e-6) and float(mean_D.norm()) < 1
