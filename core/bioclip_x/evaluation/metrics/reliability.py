"""Calibration errors of confidences. All functions sum in float64.

Legend: n images.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Floats

BINS: Final = 15
"""As in Guo et al. 2017 and most later work."""


def compute_expected_calibration_error(confidence_n: Floats, right_n: npt.ArrayLike, bins: int = BINS) -> float:
    """Returns Σ over bins of (fraction of images in it) · |accuracy - mean confidence|, in [0, 1] (Guo et al. 2017, eq. 3).

    confidence_n: probabilities of the predicted classes, in [0, 1]. right_n: whether each is the true one. bins: of equal
    width, the m-th is ((m-1)/bins, m/bins]; 0 falls into the first.

    >>> compute_expected_calibration_error(np.array([0.75, 0.75, 0.5, 0.5]), [1, 1, 1, 0], bins=4)
    0.125
    """
    bin_n = np.searchsorted(np.arange(1, bins) / bins, confidence_n, side="left")
    gap_n = np.asarray(right_n, np.float64) - confidence_n
    gaps = np.bincount(bin_n, weights=gap_n, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence_n))


def compute_adaptive_calibration_error(confidence_n: Floats, right_n: npt.ArrayLike, bins: int = BINS) -> float:
    """Returns the calibration error over bins of equally many images (Nguyen & O'Connor, EMNLP 2015).

    Unlike bins of equal width, these are not crowded near confidence 1. Images of equal confidence count with their mean
    accuracy, so that the order of images does not matter. The first bins have one more image where n is not divisible.
    """
    right_n = average_ties(confidence_n, np.asarray(right_n, np.float64))
    order = np.argsort(confidence_n, kind="stable")
    parts = np.array_split(right_n[order] - confidence_n[order], min(bins, len(order)))
    return float(sum(abs(part.sum()) for part in parts) / len(order))


def average_ties(score_n: Floats, values_n: Floats) -> Floats:
    """Replaces each value by the mean of the values with the same score.

    >>> average_ties(np.array([1.0, 2.0, 1.0]), np.array([0.0, 5.0, 1.0])).tolist()
    [0.5, 5.0, 0.5]
    """
    _, group_n = np.unique(score_n, return_inverse=True)
    means: Floats = np.bincount(group_n, weights=values_n) / np.bincount(group_n)
    return means[group_n]
