"""Scoring many classes by their descriptors, compared with a loop over the classes.

The loop is that of the published code of classification by description (github.com/sachit-menon/
classify_by_description_release, main.py): for each class the similarities of all images to its descriptors, and their
mean. The project uses a new scorer in each round, so that pooling the bank is included.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from peers.figures import Agreement, Captions, Figure, Target, measure_alternately, seconds

from bioclip_x.records import ImageFeatures, ModelCard, Prompt, TextBank
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x_plugins.scorers.text import TextScorer

ROUNDS = 15
TARGET = Target("at least", 12)
CLASSES, DESCRIPTORS, IMAGES, DIM = 10_000, 6, 256, 512
CARD = ModelCard("none", "", "", "fp32", dim=DIM, logit_scale=1.0, logit_bias=0.0, context_length=77)
TAXONOMY = from_labels([f"class {number}" for number in range(CLASSES)])


@torch.inference_mode()
def measure(rounds: int) -> dict[str, Figure]:
    random = torch.Generator().manual_seed(0)
    texts_PD, images_BD = (
        torch.nn.functional.normalize(torch.randn(rows, DIM, generator=random), dim=1)
        for rows in (CLASSES * DESCRIPTORS, IMAGES)
    )
    bank, features = _make_bank(texts_PD), ImageFeatures(images_BD, ("",) * IMAGES)
    per_class = dict(enumerate(texts_PD.split(DESCRIPTORS)))
    run_project, run_peer = partial(_score_pooled, features, bank), partial(_score_in_loop, images_BD, per_class)
    difference = float((run_project() - run_peer()).abs().max())
    captions = Captions(
        "one product with the pooled texts", "classification by description's loop over the classes", "s"
    )
    samples = measure_alternately(partial(seconds, run_project), partial(seconds, run_peer), rounds)
    name = f"{CLASSES:,} classes × {DESCRIPTORS} descriptors × {IMAGES} images"
    return {name: Figure(captions, TARGET, samples, Agreement(difference))}


def _score_pooled(features: ImageFeatures, bank: TextBank) -> torch.Tensor:
    """Returns float32 [B, C]."""
    return TextScorer().logits(features, bank, CARD, TAXONOMY).logits_BC


def _score_in_loop(images_BD: torch.Tensor, per_class: dict[int, torch.Tensor]) -> torch.Tensor:
    """Returns float32 [B, C]."""
    scores = [(images_BD @ texts_ND.T).mean(dim=1) for texts_ND in per_class.values()]
    return torch.stack(scores, dim=1)


def _make_bank(texts_PD: torch.Tensor) -> TextBank:
    owner_P = np.repeat(np.arange(CLASSES), DESCRIPTORS)
    prompts = tuple(Prompt(f"descriptor {i}", int(owner), "descriptor") for i, owner in enumerate(owner_P))
    return TextBank(prompts, texts_PD, owner_P, np.ones(len(owner_P), np.float32), CLASSES, "mean", key="")
