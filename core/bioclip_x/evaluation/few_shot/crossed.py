"""Intervals of a mean over images and folds, both of which are samples.

Each image is classified in several folds, and each fold classifies many images, so that outcomes are correlated along both.
The variance is that of two-way clusters (Cameron, Gelbach & Miller 2011, equation 2.11): of the images' sums, plus of the
folds' sums, minus of single outcomes, each with its correction for few clusters. Its degrees of freedom follow Satterthwaite
(1946) from the numbers of images and of folds. A proportion has the exact interval of the effective number of images (Korn &
Graubard 1998), which is valid near 0 and 1; a difference has Student's interval. With one fold, the interval is over images.

Legend: n images (or classes), f folds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from bioclip_x.array_types import Floats

LEVEL: Final = 0.95
FEWEST: Final = 2
"""Images (or classes) below which there is no interval."""


@dataclass(frozen=True, slots=True)
class CrossedMean:
    """A mean over images and folds. variance: of the mean. degrees: of freedom, of the variance. n: images."""

    value: float
    variance: float
    degrees: float
    n: int


def compute_crossed_mean(outcome_nf: Floats) -> CrossedMean:
    """Computes the mean over folds of their mean outcomes, and its variance.

    outcome_nf: float64 [n, f], NaN where an image is not in a fold. Raises ValueError without outcomes.
    """
    is_in_nf = ~np.isnan(outcome_nf)
    if not is_in_nf.any():
        raise ValueError("expected an outcome")
    outcome_nf = outcome_nf[is_in_nf.any(1)][:, is_in_nf.any(0)]
    is_in_nf = ~np.isnan(outcome_nf)
    n, f = outcome_nf.shape
    value = float(np.nanmean(outcome_nf, 0).mean())
    residual_nf = np.where(is_in_nf, outcome_nf - value, 0.0) / (f * is_in_nf.sum(0))
    of_images = _compute_cluster_variance(residual_nf.sum(1))
    if f == 1:
        return CrossedMean(value, of_images, max(n - 1, 1), n)
    of_folds = _compute_cluster_variance(residual_nf.sum(0))
    of_cells = _compute_cluster_variance(residual_nf[is_in_nf])
    variance = max(of_images + of_folds - of_cells, of_images, of_folds)
    parts = of_images**2 / max(n - 1, 1) + of_folds**2 / (f - 1)
    degrees = (of_images + of_folds) ** 2 / parts if parts else float(n - 1)
    return CrossedMean(value, variance, max(degrees, 1.0), n)


def compute_accuracy_interval(mean: CrossedMean) -> tuple[float, float] | None:
    """Computes the 95% interval of a proportion, in [0, 1]; None for fewer than two images."""
    if mean.n < FEWEST:
        return None
    p = mean.value
    if mean.variance > 0:
        student = stats.t.ppf((1 + LEVEL) / 2, mean.degrees) / stats.norm.ppf((1 + LEVEL) / 2)
        effective = p * (1 - p) / mean.variance / student**2
    else:
        effective = float(mean.n)
    hits, tail = p * effective, (1 - LEVEL) / 2
    low = float(stats.beta.ppf(tail, hits, effective - hits + 1)) if hits > 0 else 0.0
    high = float(stats.beta.ppf(1 - tail, hits + 1, effective - hits)) if hits < effective else 1.0
    return low, high


def compute_difference_interval(mean: CrossedMean) -> tuple[float, float] | None:
    """Computes the 95% interval of a mean of paired differences, in [-1, 1]; None for fewer than two images.

    Where no outcome differs, each side is that of 0 in n images.
    """
    if mean.n < FEWEST:
        return None
    if mean.variance == 0:
        half = 1 - ((1 - LEVEL) / 2) ** (1 / mean.n)
        return max(-1.0, mean.value - half), min(1.0, mean.value + half)
    half = float(stats.t.ppf((1 + LEVEL) / 2, mean.degrees)) * mean.variance**0.5
    return max(-1.0, mean.value - half), min(1.0, mean.value + half)


def _compute_cluster_variance(sums: Floats) -> float:
    """Returns the variance of Σ sums, whose mean is 0, for independent clusters; 0 for one cluster."""
    clusters = len(sums)
    return float((sums**2).sum()) * clusters / (clusters - 1) if clusters > 1 else 0.0
