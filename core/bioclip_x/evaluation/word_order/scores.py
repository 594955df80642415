"""Compares the scores of right and altered texts.

Legend: n images.
"""

from __future__ import annotations

import numpy as np
import torch

from bioclip_x.array_types import Floats

CHANCE = {"text score": 0.25, "image score": 0.25, "group score": 1 / 6}
"""Of random scores (Thrush et al. 2022, section 4.3)."""


def pool_similarities(images_nD: torch.Tensor, texts_PD: torch.Tensor, weight_P: torch.Tensor, pooling: str) -> Floats:
    """Returns the similarity of images to the pooled texts of one class: float64 [n]. See `TextBank.pooling`.

    images_nD, texts_PD: unit rows. weight_P: positive.
    """
    cosine_nP = images_nD.double() @ texts_PD.double().T
    if pooling == "max":
        return np.asarray(cosine_nP.amax(1))
    share_P = weight_P.double() / weight_P.double().sum()
    length = (share_P @ texts_PD.double()).norm() if pooling == "ensemble" else 1.0
    return np.asarray(cosine_nP @ share_P / length)


def compare(right_n: Floats, altered_n: Floats) -> Floats:
    """Returns 1 where the right text scores higher, 0 where the altered one does, 0.5 where they are equal.

    >>> compare(np.array([0.3, 0.2, 0.1]), np.array([0.2, 0.2, 0.2])).tolist()
    [1.0, 0.5, 0.0]
    """
    noticed_n: Floats = (np.sign(right_n - altered_n) + 1) / 2
    return noticed_n


def compute_winoground_scores(score_n22: Floats) -> dict[str, Floats]:
    """Computes Winoground's three scores of pairs (Thrush et al. 2022, equations 1 to 3): float64 [n], 0 or 1.

    score_n22: [pair, text, image], text 0 belonging to image 0 and text 1 to image 1.
    text score: for each image, its own text is the better one. image score: for each text, its own image is. group score: both.
    """
    s = score_n22
    text_n = (s[:, 0, 0] > s[:, 1, 0]) & (s[:, 1, 1] > s[:, 0, 1])
    image_n = (s[:, 0, 0] > s[:, 0, 1]) & (s[:, 1, 1] > s[:, 1, 0])
    scores = {"text score": text_n, "image score": image_n, "group score": text_n & image_n}
    return {name: value_n.astype(np.float64) for name, value_n in scores.items()}
