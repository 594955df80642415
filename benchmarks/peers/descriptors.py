"""Scoring 10,000 classes with ten descriptors each, compared with 10,000 classes with one text each.

The descriptors of a class are pooled into one vector when a bank is first used. After that, scoring an image takes one vector
per class, whatever the number of descriptors. The second row is the one-time cost of pooling.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from peers.figures import Agreement, Captions, Figure, Limit, Target, measure_alternately, seconds

from bioclip_x.records import ImageFeatures, ModelCard, Prompt, TextBank
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x_plugins.scorers.text import TextScorer

ROUNDS = 41
CLASSES, DESCRIPTORS, IMAGES, DIM = 10_000, 10, 256, 512
CARD = ModelCard("none", "", "", "fp32", dim=DIM, logit_scale=1.0, logit_bias=0.0, context_length=77)
TAXONOMY = from_labels([f"class {number}" for number in range(CLASSES)])


@torch.inference_mode()
def measure(rounds: int) -> dict[str, Figure | Limit]:
    random = torch.Generator().manual_seed(0)
    many_PD, one_PD, images_BD = (
        torch.nn.functional.normalize(torch.randn(rows, DIM, generator=random), dim=1)
        for rows in (CLASSES * DESCRIPTORS, CLASSES, IMAGES)
    )
    features = ImageFeatures(images_BD, ("",) * IMAGES)
    many, one = (partial(_score, TextScorer(), features, _make_bank(texts_PD)) for texts_PD in (many_PD, one_PD))
    means_CD = many_PD.view(CLASSES, DESCRIPTORS, DIM).mean(dim=1)
    difference = float((many() - images_BD @ means_CD.T).abs().max())
    one()  # both banks are pooled now
    samples = measure_alternately(partial(seconds, many), partial(seconds, one), rounds)
    captions = Captions(f"{DESCRIPTORS} descriptors per class", "one text per class", "s")
    bank = _make_bank(many_PD)
    pooled = tuple(seconds(lambda: TextScorer().logits(features, bank, CARD, TAXONOMY)) for _ in range(min(rounds, 5)))
    return {
        f"{CLASSES:,} classes × {IMAGES} images": Figure(
            captions, Target("at most", 1.1), samples, Agreement(difference)
        ),
        f"pooling {CLASSES:,} × {DESCRIPTORS} descriptors": Limit("once per bank", "s", pooled, most=1),
    }


def _score(scorer: TextScorer, features: ImageFeatures, bank: TextBank) -> torch.Tensor:
    """Returns float32 [B, C]."""
    return scorer.logits(features, bank, CARD, TAXONOMY).logits_BC


def _make_bank(texts_PD: torch.Tensor) -> TextBank:
    owner_P = np.repeat(np.arange(CLASSES), len(texts_PD) // CLASSES)
    prompts = tuple(Prompt(f"descriptor {i}", int(owner), "descriptor") for i, owner in enumerate(owner_P))
    return TextBank(prompts, texts_PD, owner_P, np.ones(len(owner_P), np.float32), CLASSES, "mean", key="")
