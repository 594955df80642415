"""Scores of many classes by their descriptors, against a loop over the classes.

The loop is that of the published code of classification by description (github.com/sachit-menon/
classify_by_description_release, main.py): for each class the similarities of all images to its descriptors, and their
mean. Ours begins each round with a new scorer, so that pooling the bank is part of what is measured.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from figures import Agreement, Figure, Sides, Target, by_turns, seconds

from bioclip_x.records import ImageFeatures, ModelCard, Prompt, TextBank
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x_plugins.scorers.text import TextScorer

ROUNDS = 15
TARGET = Target("at least", 12)
CLASSES, DESCRIPTORS, PICTURES, DIM = 10_000, 6, 256, 512
CARD = ModelCard("none", "", "", "fp32", dim=DIM, logit_scale=1.0, logit_bias=0.0, context_length=77)
TAXONOMY = from_labels([f"class {number}" for number in range(CLASSES)])


@torch.inference_mode()
def measure(rounds: int) -> dict[str, Figure]:
    random = torch.Generator().manual_seed(0)
    texts_PD, pictures_BD = (
        torch.nn.functional.normalize(torch.randn(rows, DIM, generator=random), dim=1)
        for rows in (CLASSES * DESCRIPTORS, PICTURES)
    )
    bank, features = _bank(texts_PD), ImageFeatures(pictures_BD, ("",) * PICTURES)
    per_class = dict(enumerate(texts_PD.split(DESCRIPTORS)))
    ours, peers = partial(_pooled, features, bank), partial(_looped, pictures_BD, per_class)
    difference = float((ours() - peers()).abs().max())
    sides = Sides("one product with the pooled texts", "classification by description's loop over the classes", "s")
    samples = by_turns(partial(seconds, ours), partial(seconds, peers), rounds)
    name = f"{CLASSES:,} classes × {DESCRIPTORS} descriptors × {PICTURES} images"
    return {name: Figure(sides, TARGET, samples, Agreement(difference))}


def _pooled(features: ImageFeatures, bank: TextBank) -> torch.Tensor:
    """float32 [B, C]."""
    return TextScorer().logits(features, bank, CARD, TAXONOMY).logits_BC


def _looped(pictures_BD: torch.Tensor, per_class: dict[int, torch.Tensor]) -> torch.Tensor:
    """float32 [B, C]."""
    scores = [(pictures_BD @ texts_ND.T).mean(dim=1) for texts_ND in per_class.values()]
    return torch.stack(scores, dim=1)


def _bank(texts_PD: torch.Tensor) -> TextBank:
    owner_P = np.repeat(np.arange(CLASSES), DESCRIPTORS)
    prompts = tuple(Prompt(f"descriptor {i}", int(owner), "descriptor") for i, owner in enumerate(owner_P))
    return TextBank(prompts, texts_PD, owner_P, np.ones(len(owner_P), np.float32), CLASSES, "mean", key="")
