"""Scores that tell images of listed classes from others: larger for listed ones.

With the logits z_c of the classes, the model's logit scale s and bias b, cosines cos_c = (z_c - b)/s, and a calibration's
temperature T:

    similarity    max cos_c
    probability   max softmax(z/T)_c                    Hendrycks & Gimpel 2017 (arXiv 1610.02136)
    energy        (log Σ exp(z_c) - b)/s                Liu et al. 2020 (arXiv 2010.03759), in units of the cosine
    mcm           max softmax(cos)_c                    Ming et al. 2022 (arXiv 2211.13445), temperature 1
    relative      max cos_c - mean cos of random texts  of texts that name no organism; see `text_bank.random_texts`

Scores that are no similarities of texts (of another classifier) have s = 1 and b = 0, and no `relative`.

Legend: B images, D embedding.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch

from bioclip_x.array_types import Floats
from bioclip_x.inference.temperature import compute_moments
from bioclip_x.records import Logits, ModelCard
from bioclip_x.records.calibration import RefusalMethod

METHODS: Final[tuple[RefusalMethod, ...]] = ("similarity", "probability", "energy", "mcm", "relative")


def compute_refusal_scores(
    method: RefusalMethod,
    logits: Logits,
    top_B: torch.Tensor,
    card: ModelCard,
    *,
    temperature: float,
    embeddings_BD: torch.Tensor,
    random_D: torch.Tensor | None,
) -> Floats:
    """Computes the scores of a batch, float64 [B]; -inf for an image of which no class is left.

    logits: before any temperature. top_B: the largest of each image. card: of the model, uncalibrated. random_D: the mean text of
    random words, for "relative". Only "probability", "energy" and "mcm" make a further pass over the classes.
    """
    top_B = top_B.double()
    similarity_B: Floats = ((top_B - card.logit_bias) / card.logit_scale).numpy()
    if method == "similarity":
        return similarity_B
    if method == "relative":
        assert random_D is not None, "the mean text of random words is missing"
        relative_B: Floats = similarity_B - (embeddings_BD.double() @ random_D.double()).numpy()
        return relative_B
    beta = {"probability": 1 / temperature, "energy": 1.0, "mcm": 1 / card.logit_scale}[method]
    log_sum_B = compute_moments(logits, top_B, beta)[0].numpy()  # of exp(β(z - top))
    score_B = similarity_B + log_sum_B / card.logit_scale if method == "energy" else np.exp(-log_sum_B)
    return np.where(np.isfinite(similarity_B), score_B, -np.inf)
