"""Measures how well a text's similarity separates the images of one class from others.

Legend: m images of the class, n of others; N all images, K classes, P texts.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Floats
from bioclip_x.evaluation.intervals import Z95, compute_wilson_interval
from bioclip_x.records.descriptor_usefulness import Area, LeftOut, Share

FEWEST: Final = 5
"""With fewer images, a class's figures are marked as unreliable and no descriptor is pruned on them."""
DIGITS: Final = 6
"""Decimals kept of a cosine. The rest is rounding error: the same image in two batches must give a tie."""


def compute_area(own_m: Floats, other_n: Floats) -> Area | None:
    """Computes the AUROC of a score, ties counting half, with its 95% interval (`compute_newcombe_interval`).

    Returns None where either side has no image. Only the class's own scores are sorted: O(n log m).
    """
    if not len(own_m) or not len(other_n):
        return None
    own_m = np.sort(own_m)
    below_n, upto_n = (np.searchsorted(own_m, other_n, side) for side in ("left", "right"))
    value = 1 - float((below_n + upto_n).mean()) / (2 * len(own_m))
    return Area(value, *compute_newcombe_interval(value, len(own_m), len(other_n)), len(other_n))


def compute_newcombe_interval(value: float, m: int, n: int) -> tuple[float, float]:
    """Computes the 95% interval of an AUROC from its value alone: all θ with (θ - value)² ≤ z² V(θ), where

    V(θ) = θ(1-θ) [1 + N(1-θ)/(2-θ) + Nθ/(1+θ)] / (mn),  N = (m+n)/2 - 1

    (Newcombe, Statistics in Medicine 2006, method 5: Hanley & McNeil's variance, evenly weighted). Like Wilson's interval it
    stays within [0, 1] and has a positive width at both ends. DeLong's interval, even on the logit scale, covers the true
    value too rarely where a class has few images and the others many: about 80% for 10 against 1,000 and an AUROC of 0.95.
    """
    mean_size = (m + n) / 2 - 1

    def is_outside(theta: float) -> bool:
        factor = 1 + mean_size * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return (theta - value) ** 2 > Z95**2 * theta * (1 - theta) * factor / (m * n)

    def bisect(end: float) -> float:
        inside = value
        for _ in range(40):
            middle = (inside + end) / 2
            inside, end = (inside, middle) if is_outside(middle) else (middle, end)
        return end

    return (bisect(0.0) if value > 0 else 0.0), (bisect(1.0) if value < 1 else 1.0)


def split_by_class(cos_PN: npt.NDArray[np.floating], starts_K: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Returns the standard deviation of the class means and ε² (see `DescriptorUse`) of each text: float64 [P] each.

    cos_PN: cosines, images sorted by class. starts_K: the first image of each class. ε² = 1 - MS_within / MS_total; nan where
    no class has two images or there is only one class; 0 where all cosines are equal.
    """
    n, k = cos_PN.shape[1], len(starts_K)
    cos_PN = np.asarray(cos_PN, np.float64)
    sizes_K = np.diff(np.append(starts_K, n))
    means_PK = np.add.reduceat(cos_PN, starts_K, axis=1) / sizes_K
    total_P = ((cos_PN - cos_PN.mean(1, keepdims=True)) ** 2).sum(1)
    within_P = ((cos_PN - np.repeat(means_PK, sizes_K, axis=1)) ** 2).sum(1)
    if n == k or k < 2:
        return means_PK.std(1), np.full(len(cos_PN), np.nan)
    is_flat_P = total_P < n * 10.0 ** (-2 * DIGITS - 2)
    ratio_P = np.divide(within_P / (n - k), total_P / (n - 1), out=np.ones(len(cos_PN)), where=~is_flat_P)
    return means_PK.std(1), 1 - ratio_P


def make_share(hits: int, of: int) -> Share:
    """Makes a proportion with its Wilson interval. of: positive."""
    return Share(hits / of, *compute_wilson_interval(hits, of), hits, of)


def count_changes(fixed: int, broken: int, of: int) -> LeftOut:
    """Computes the change of an accuracy from its discordant images, with the 95% interval of Agresti & Min (Statistics in
    Medicine 2005) for matched pairs: half an image is added to each of the four cells, so that the interval of no change has
    a positive width too.
    """
    total, more, fewer = of + 2, fixed + 0.5, broken + 0.5
    middle = (more - fewer) / total
    half = Z95 * math.sqrt(max(0.0, (more + fewer) / total - middle**2) / total)
    return LeftOut(fixed, broken, of, (fixed - broken) / of, max(-1.0, middle - half), min(1.0, middle + half))
