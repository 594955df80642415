"""Computes accuracies and their 95% confidence intervals over images and over classes.

All functions sum in float64. Bootstraps are seeded: the same outcomes give the same interval.

Legend: n images (or other resampled units), c classes, s runs.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Floats

Z95: Final = 1.959963984540054
"""The 97.5th percentile of the standard normal distribution."""
RESAMPLES: Final = 2000
AT_A_TIME: Final = 1 << 22
"""Random numbers drawn at a time (8 bytes each); bounds the memory of a bootstrap."""


def compute_wilson_interval(hits: float, of: int) -> tuple[float, float]:
    """Computes the 95% score interval of a proportion (Wilson 1927). It stays in [0, 1] and never has zero width.

    >>> [round(bound, 4) for bound in compute_wilson_interval(9, 10)]
    [0.5958, 0.9821]
    """
    p, zz = hits / of, Z95 * Z95
    middle, half = p + zz / (2 * of), Z95 * math.sqrt(p * (1 - p) / of + zz / (4 * of * of))
    return max(0.0, (middle - half) / (1 + zz / of)), min(1.0, (middle + half) / (1 + zz / of))


def bootstrap_ratio_interval(over_n: npt.ArrayLike, under_n: npt.ArrayLike, seed: int = 0) -> tuple[float, float]:
    """Computes the 95% percentile bootstrap interval (Efron 1979) of Σ over / Σ under over n units.

    Resamples whose Σ under is 0 are left out. Raises ValueError where all of `under_n` is 0.
    """
    over_n, under_n = np.asarray(over_n, np.float64), np.asarray(under_n, np.float64)
    if not under_n.any():
        raise ValueError("expected a positive denominator")
    n, rng = len(over_n), np.random.default_rng(seed)
    step = max(1, AT_A_TIME // n)
    ratios: list[Floats] = []
    for start in range(0, RESAMPLES, step):
        rows = rng.integers(n, size=(min(step, RESAMPLES - start), n))
        under = under_n[rows].sum(1)
        ratios.append(over_n[rows].sum(1)[under > 0] / under[under > 0])
    low, high = np.quantile(np.concatenate(ratios), (0.025, 0.975))
    return float(low), float(high)


def compute_proportion_interval(right_n: npt.ArrayLike) -> tuple[float, float]:
    """Computes the 95% interval of an accuracy. right_n: between 0 (wrong) and 1 (right) for each image.

    Wilson's interval where all values are 0 or 1, else (means over several runs) a bootstrap over images.
    """
    right_n = np.asarray(right_n, np.float64)
    if np.isin(right_n, (0, 1)).all():
        return compute_wilson_interval(float(right_n.sum()), len(right_n))
    return bootstrap_ratio_interval(right_n, np.ones_like(right_n))


def compute_difference_interval(more_n: npt.ArrayLike) -> tuple[float, float]:
    """Computes the 95% bootstrap interval over images of a mean of paired differences.

    Where no image differs, a bootstrap would have zero width: then each side is as wide as Wilson's interval of 0 in n.
    """
    more_n = np.asarray(more_n, np.float64)
    if not more_n.any():
        _, high = compute_wilson_interval(0, len(more_n))
        return -high, high
    return bootstrap_ratio_interval(more_n, np.ones_like(more_n))


def compute_class_accuracies(right_n: npt.ArrayLike, class_n: npt.ArrayLike) -> Floats:
    """Returns the mean of `right_n` of each class that has images, classes ascending: float64 [c].

    Their mean is the macro-averaged accuracy, which weights all classes equally.

    >>> compute_class_accuracies([1, 1, 0, 0], [7, 7, 7, 9]).round(3).tolist()
    [0.667, 0.0]
    """
    _, index_n = np.unique(np.asarray(class_n), return_inverse=True)
    accuracy_c: Floats = np.bincount(index_n, np.asarray(right_n, np.float64)) / np.bincount(index_n)
    return accuracy_c


def compute_class_interval(accuracy_c: Floats) -> tuple[float, float]:
    """Computes the 95% interval of the macro-averaged accuracy by a bootstrap over classes.

    Where all classes have the same accuracy, a bootstrap would have zero width: then it is Wilson's interval over c classes.
    """
    if np.ptp(accuracy_c) == 0:
        return compute_wilson_interval(float(accuracy_c.sum()), len(accuracy_c))
    return bootstrap_ratio_interval(accuracy_c, np.ones_like(accuracy_c))


def compute_spread(value_s: npt.ArrayLike) -> float | None:
    """Returns the sample standard deviation over runs (s - 1 in the denominator); None for one run."""
    value_s = np.asarray(value_s, np.float64)
    return float(value_s.std(ddof=1)) if len(value_s) > 1 else None
