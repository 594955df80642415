"""Computes 95% confidence intervals of means over images, over classes and over seeds, and of their differences.

Accuracies, severities and differences are means of bounded values, often of few units, or with few values that differ: there,
bootstraps and Student's interval are far too narrow (`benchmarks/interval_coverage.py`). All intervals here are one:

- Of n values in [low, high], the lower limit is the 2.5% quantile of Σ w x + w₀ low, and the upper limit the 97.5% quantile of
  Σ w x + w₀ high, with n + 1 weights from a flat Dirichlet distribution (Gaffke 2005; Learned-Miller & Thomas 2019, arXiv
  1905.06208). For values of 0 and 1 this is the exact interval of Clopper & Pearson (1934). The weighted sum is taken to be beta
  distributed with its own mean and variance, which is exact for 0 and 1, so that nothing has to be drawn.
- Where a figure varies over images and over seeds or folds, the two intervals are combined by adding the squares of their arms,
  as independent errors add (Zou & Donner, Statistics in Medicine 2008, "MOVER"). Over s seeds it is Student's, with s - 1 degrees
  of freedom.

`compute_…_interval` returns None where there are too few units for a statement. Sums are in float64.

Legend: n images (or other units), c classes, s and t seeds, f folds.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, stdtrit

from bioclip_x.array_types import Floats

Interval = tuple[float, float]

TAIL: Final = 0.025
"""Probability beyond each limit."""
FEWEST: Final = 3
"""With fewer images, classes or mistakes there is no interval: it would span more than four fifths of all possible values."""
FEWEST_SEEDS: Final = 2
FEWEST_UNBOUNDED: Final = 200
"""With fewer values of unknown range there is no interval: a rare large one may not have occurred."""


def compute_binomial_interval(hits: int, of: int, tail: float = TAIL) -> Interval | None:
    """Computes the exact interval of a proportion (Clopper & Pearson 1934). tail: probability beyond each limit.

    >>> [round(limit, 4) for limit in compute_binomial_interval(9, 10)]
    [0.555, 0.9975]
    """
    return _bound_mean(of, hits, hits, 0, 1, tail)


def compute_change_interval(more: int, fewer: int, of: int) -> Interval | None:
    """Computes the interval of (more - fewer) / of: the paired difference of two accuracies by the images that differ."""
    return _bound_mean(of, more - fewer, more + fewer, -1, 1)


def compute_proportion_interval(right_n: npt.ArrayLike) -> Interval | None:
    """Computes the interval over images of an accuracy. right_n: between 0 (wrong) and 1 (right) for each image."""
    return compute_mean_interval(right_n, 0, 1)


def compute_mean_interval(
    values_n: npt.ArrayLike, low: float | None = None, high: float | None = None
) -> Interval | None:
    """Computes the interval of a mean. low, high: the least and the largest possible value, not those that occurred.

    Without them it is Student's, of `FEWEST_UNBOUNDED` values or more. Raises ValueError for values out of bounds.
    """
    values_n = np.asarray(values_n, np.float64)
    if low is None or high is None:
        return compute_student_interval(values_n) if len(values_n) >= FEWEST_UNBOUNDED else None
    if len(values_n) and not low <= values_n.min() <= values_n.max() <= high:
        raise ValueError(f"expected values from {low:g} to {high:g}")
    return _bound_mean(len(values_n), float(values_n.sum()), float((values_n**2).sum()), low, high)


def compute_weighted_mean_interval(
    values_n: npt.ArrayLike, weight_n: npt.ArrayLike, low: float, high: float
) -> Interval | None:
    """Computes the interval of Σ w x / Σ w, as if of (Σ w)² / Σ w² values (Kish 1965). weight_n: 0 or more."""
    values_n = np.asarray(values_n, np.float64)
    weight_n = np.asarray(weight_n, np.float64)
    if not weight_n.any():
        return None
    effective_n = weight_n * (weight_n.sum() / (weight_n**2).sum())  # sums to the effective number
    return _bound_mean(
        float(effective_n.sum()), float(effective_n @ values_n), float(effective_n @ values_n**2), low, high
    )


def compute_difference_interval(more_n: npt.ArrayLike, largest: float = 1) -> Interval | None:
    """Computes the interval over images of a mean of paired differences, each between -largest and largest."""
    return compute_mean_interval(more_n, -largest, largest)


def compute_class_accuracies(right_n: npt.ArrayLike, class_n: npt.ArrayLike) -> Floats:
    """Returns the mean of `right_n` of each class that has images, classes ascending: float64 [c].

    Their mean is the macro-averaged accuracy, which weights all classes equally.

    >>> compute_class_accuracies([1, 1, 0, 0], [7, 7, 7, 9]).round(3).tolist()
    [0.667, 0.0]
    """
    _, index_n = np.unique(np.asarray(class_n), return_inverse=True)
    accuracy_c: Floats = np.bincount(index_n, np.asarray(right_n, np.float64)) / np.bincount(index_n)
    return accuracy_c


def compute_class_interval(accuracy_c: npt.ArrayLike) -> Interval | None:
    """Computes the interval over classes of the macro-averaged accuracy: for classes other than these."""
    return compute_mean_interval(accuracy_c, 0, 1)


def compute_class_difference_interval(more_c: npt.ArrayLike, largest: float = 1) -> Interval | None:
    """Computes the interval over classes of a mean of paired differences, each between -largest and largest."""
    return compute_mean_interval(more_c, -largest, largest)


def compute_seeded_interval(
    value_sn: npt.ArrayLike, low: float = 0, high: float = 1, *, seeded: bool = True
) -> Interval | None:
    """Computes the interval over seeds and images (or classes) of the mean of a figure that depends on both.

    value_sn: between low and high. seeded: False where nothing was drawn (s = 1). None for fewer than `FEWEST_SEEDS` seeds.
    """
    value_sn = np.asarray(value_sn, np.float64)
    over_n = compute_mean_interval(value_sn.mean(0), low, high)
    over_s = (compute_student_interval(value_sn.mean(1)),) if seeded else ()
    return _clip(combine_intervals(float(value_sn.mean()), over_n, *over_s), low, high)


def compute_seeded_difference_interval(
    more_sn: npt.ArrayLike, baseline_tn: npt.ArrayLike | None = None, *, seeded: bool = True, largest: float = 1
) -> Interval | None:
    """Computes the interval over images and seeds of a mean of paired differences.

    more_sn: values minus the baseline's means over its seeds. baseline_tn: the baseline's values where it was drawn as well; its
    seeds count as other draws than those of s. seeded: False where only the baseline was drawn, or nothing (s = 1).
    """
    more_sn = np.asarray(more_sn, np.float64)
    drawn = ([more_sn] if seeded else []) + ([] if baseline_tn is None else [np.asarray(baseline_tn, np.float64)])
    value = float(more_sn.mean())
    arms = []
    for one_sn in drawn:
        over_s = compute_student_interval(one_sn.mean(1))
        arms.append(over_s and (value + over_s[0] - one_sn.mean(), value + over_s[1] - one_sn.mean()))
    over_n = compute_difference_interval(more_sn.mean(0), largest)
    return _clip(combine_intervals(value, over_n, *arms), -largest, largest)


def compute_folded_interval(outcome_nf: npt.ArrayLike, low: float = 0, high: float = 1) -> Interval | None:
    """Computes the interval over images (or classes) and folds of the mean over folds of their mean outcomes.

    outcome_nf: between low and high; NaN where an image is not in a fold, and none of all folds is empty. An image counts by its
    share in the mean. Of one fold the interval is over images only.
    """
    outcome_nf = np.asarray(outcome_nf, np.float64)
    is_in_nf = ~np.isnan(outcome_nf)
    known_nf, weight_nf = np.where(is_in_nf, outcome_nf, 0.0), is_in_nf / is_in_nf.sum(0)
    weight_n, counts_n = weight_nf.sum(1), is_in_nf.any(1)
    mean_n = (known_nf * weight_nf).sum(1)[counts_n] / weight_n[counts_n]
    over_n = compute_weighted_mean_interval(mean_n, weight_n[counts_n], low, high)
    mean_f = (known_nf * weight_nf).sum(0)
    over_f = (compute_student_interval(mean_f),) if len(mean_f) > 1 else ()
    return _clip(combine_intervals(float(mean_f.mean()), over_n, *over_f), low, high)


def compute_seeded_ratio_interval(
    over_sn: npt.ArrayLike, under_sn: npt.ArrayLike, low: float, high: float, *, seeded: bool = True
) -> Interval | None:
    """Computes the interval over images and seeds of Σ over / Σ under, such as the mean height of mistakes.

    under_sn: number of values (mistakes) of each image with each seed; over_sn: their sum, between low · under and high · under.
    An image counts by its number of values. None also where fewer than `FEWEST_SEEDS` seeds have values.
    """
    over_sn, under_sn = np.asarray(over_sn, np.float64), np.asarray(under_sn, np.float64)
    under_n, under_s = under_sn.sum(0), under_sn.sum(1)
    counts_n, counts_s = under_n > 0, under_s > 0
    ratio_n = over_sn.sum(0)[counts_n] / under_n[counts_n]
    over_n = compute_weighted_mean_interval(ratio_n, under_n[counts_n], low, high)
    if over_n is None:
        return None
    over_s = (compute_student_interval(over_sn.sum(1)[counts_s] / under_s[counts_s]),) if seeded else ()
    return _clip(combine_intervals(float(over_sn.sum() / under_sn.sum()), over_n, *over_s), low, high)


def compute_crossed_interval(value_n: npt.ArrayLike, value_m: npt.ArrayLike) -> Interval | None:
    """Computes the interval of a mean in [0, 1] that two samples of means agree on, such as an AUROC over own and other images.

    value_n: the means of each of n units over the m others; value_m: of each of m units over the n others.
    """
    over_n, over_m = (compute_mean_interval(np.clip(one, 0, 1), 0, 1) for one in (value_n, value_m))
    return _clip(combine_intervals(float(np.asarray(value_m, np.float64).mean()), over_n, over_m), 0, 1)


def compute_student_interval(value_s: npt.ArrayLike) -> Interval | None:
    """Computes Student's interval of a mean, unbounded. None for fewer than `FEWEST_SEEDS` values."""
    value_s = np.asarray(value_s, np.float64)
    if len(value_s) < FEWEST_SEEDS:
        return None
    middle = float(value_s.mean())
    half = float(stdtrit(len(value_s) - 1, 1 - TAIL)) * float(value_s.std(ddof=1)) / math.sqrt(len(value_s))
    return middle - half, middle + half


def combine_intervals(value: float, *intervals: Interval | None) -> Interval | None:
    """Combines the intervals of one value over independent sources of error. None where one of them is missing."""
    known = [one for one in intervals if one is not None]
    if len(known) < len(intervals):
        return None
    lower, upper = (math.hypot(*(one[end] - value for one in known)) for end in (0, 1))
    return value - lower, value + upper


def _clip(interval: Interval | None, low: float, high: float) -> Interval | None:
    return interval and (max(low, interval[0]), min(high, interval[1]))


def compute_spread(value_s: npt.ArrayLike) -> float | None:
    """Returns the sample standard deviation over runs (s - 1 in the denominator); None for one run."""
    value_s = np.asarray(value_s, np.float64)
    return float(value_s.std(ddof=1)) if len(value_s) > 1 else None


def _bound_mean(n: float, total: float, squares: float, low: float, high: float, tail: float = TAIL) -> Interval | None:
    """Computes the interval of the mean of n values in [low, high]. total, squares: Σ x and Σ x²."""
    if n < FEWEST:
        return None
    width = high - low
    first, second = (total - n * low) / width, (squares - 2 * low * total + n * low**2) / width**2
    limits = _find_quantile(n, first, second, tail), _find_quantile(n, first + 1, second + 1, 1 - tail)
    return low + width * limits[0], low + width * limits[1]


def _find_quantile(n: float, total: float, squares: float, probability: float) -> float:
    """Returns a quantile of Σ w x, flat Dirichlet weights w of n + 1 values in [0, 1], by a beta distribution."""
    mean = min(1.0, max(0.0, total / (n + 1)))
    scatter = squares / (n + 1) - mean**2
    if scatter < 1e-14:  # all values are equal, up to rounding
        return mean
    variance = scatter / (n + 2)
    pseudo = max(mean * (1 - mean) / variance - 1, n + 1)
    return float(betaincinv(mean * pseudo, (1 - mean) * pseudo, probability))
