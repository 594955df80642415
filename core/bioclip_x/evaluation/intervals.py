"""Shares of right answers, and how far they can be trusted: 95% intervals over images, and over classes.

All functions sum in float64. Bootstraps are seeded: the same answers give the same interval.

Legend: n images (or whatever is drawn anew).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Floats

Z95: Final = 1.959963984540054
"""The normal distribution's 97.5th percentile."""
RESAMPLES: Final = 2000
AT_A_TIME: Final = 1 << 22
"""Numbers drawn at a time (8 bytes each)."""


def compute_wilson_interval(hits: float, of: int) -> tuple[float, float]:
    """The 95% score interval of a proportion (Wilson 1927). It stays in [0, 1] and is no point where all are right.

    >>> [round(bound, 4) for bound in wilson(9, 10)]
    [0.5958, 0.9821]
    """
    p, zz = hits / of, Z95 * Z95
    middle, half = p + zz / (2 * of), Z95 * math.sqrt(p * (1 - p) / of + zz / (4 * of * of))
    return max(0.0, (middle - half) / (1 + zz / of)), min(1.0, (middle + half) / (1 + zz / of))


def bootstrap_ratio_interval(over_n: npt.ArrayLike, under_n: npt.ArrayLike, seed: int = 0) -> tuple[float, float]:
    """The 95% percentile interval of Σ over / Σ under when the n are drawn anew with replacement (Efron 1979).

    Draws whose Σ under is 0 have no ratio and are left out. Raises ValueError where Σ under is 0.
    """
    over_n, under_n = np.asarray(over_n, np.float64), np.asarray(under_n, np.float64)
    if not under_n.any():
        raise ValueError("expected something to divide by")
    n, draw = len(over_n), np.random.default_rng(seed)
    step = max(1, AT_A_TIME // n)
    ratios: list[Floats] = []
    for start in range(0, RESAMPLES, step):
        rows = draw.integers(n, size=(min(step, RESAMPLES - start), n))
        under = under_n[rows].sum(1)
        ratios.append(over_n[rows].sum(1)[under > 0] / under[under > 0])
    low, high = np.quantile(np.concatenate(ratios), (0.025, 0.975))
    return float(low), float(high)


def compute_share_interval(right_n: npt.ArrayLike) -> tuple[float, float]:
    """The 95% interval of the mean of what is between 0 (wrong) and 1 (right) for each image.

    Wilson's where each is one or the other; else (means over several runs) that of drawing images anew.
    """
    right_n = np.asarray(right_n, np.float64)
    if np.isin(right_n, (0, 1)).all():
        return compute_wilson_interval(float(right_n.sum()), len(right_n))
    return bootstrap_ratio_interval(right_n, np.ones_like(right_n))


def compute_difference_interval(more_n: npt.ArrayLike) -> tuple[float, float]:
    """The 95% interval of a mean of paired differences: images drawn anew, each with its difference.

    Where no image differs there is nothing to draw anew; then it is as wide, to both sides, as Wilson's of none of so many.
    """
    more_n = np.asarray(more_n, np.float64)
    if not more_n.any():
        _, high = compute_wilson_interval(0, len(more_n))
        return -high, high
    return bootstrap_ratio_interval(more_n, np.ones_like(more_n))


def compute_class_shares(right_n: npt.ArrayLike, class_n: npt.ArrayLike) -> Floats:
    """The mean of `right_n` of each class that has images, classes ascending: float64 [classes].

    Their mean is the mean per class, in which a class of few images counts as much as one of many.

    >>> class_shares([1, 1, 0, 0], [7, 7, 7, 9]).round(3).tolist()
    [0.667, 0.0]
    """
    _, place_n = np.unique(np.asarray(class_n), return_inverse=True)
    shares: Floats = np.bincount(place_n, np.asarray(right_n, np.float64)) / np.bincount(place_n)
    return shares


def compute_class_interval(share_c: Floats) -> tuple[float, float]:
    """The 95% interval of the mean over classes when whole classes are drawn anew; what other classes would give.

    Where all have the same share there is nothing to draw anew; then it is Wilson's, of so many classes.
    """
    if np.ptp(share_c) == 0:
        return compute_wilson_interval(float(share_c.sum()), len(share_c))
    return bootstrap_ratio_interval(share_c, np.ones_like(share_c))


def compute_spread(value_s: npt.ArrayLike) -> float | None:
    """The standard deviation over several runs (n - 1 in the denominator); None for one run."""
    value_s = np.asarray(value_s, np.float64)
    return float(value_s.std(ddof=1)) if len(value_s) > 1 else None
