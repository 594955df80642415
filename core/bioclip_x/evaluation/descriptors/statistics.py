"""Measures how well a text's similarity separates the images of one class from others.

Legend: m images of the class, n of others; N all images, K classes, P texts.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Floats
from bioclip_x.evaluation.intervals import (
    Interval,
    compute_binomial_interval,
    compute_change_interval,
    compute_crossed_interval,
)
from bioclip_x.records.evaluation.descriptor_usefulness import Area, LeftOut, Share

FEWEST: Final = 5
"""With fewer images, a class's figures are marked as unreliable and no descriptor is pruned on them."""
DIGITS: Final = 6
"""Decimals kept of a cosine. The rest is rounding error: the same image in two batches must give a tie."""


def compute_area(own_m: Floats, other_n: Floats) -> Area | None:
    """Computes the AUROC of a score, ties counting half, with its interval over images (`compute_area_interval`).

    Returns None where either side has no image. Only the class's own scores are sorted: O(n log m).
    """
    if not len(own_m) or not len(other_n):
        return None
    own_m = np.sort(own_m)
    below_n, upto_n = (np.searchsorted(own_m, other_n, side) for side in ("left", "right"))
    won_n = 1 - (below_n + upto_n) / (2 * len(own_m))
    won_m = np.cumsum([np.bincount(one, minlength=len(own_m) + 1)[:-1] for one in (below_n, upto_n)], axis=1).sum(0)
    low, high = compute_area_interval(won_m / (2 * len(other_n)), won_n) or (None, None)
    return Area(float(won_n.mean()), low, high, len(other_n))


def compute_area_interval(won_m: Floats, won_n: Floats) -> Interval | None:
    """Computes the 95% interval of an AUROC: for other images of these classes.

    won_m: for each own image the fraction of the others that it beats. won_n: for each other image the fraction of the own by
    which it is beaten. Both have the AUROC as their mean, and its variance is the sum of those of the two means (DeLong et al.,
    Biometrics 1988), so that the arms of their intervals are combined. DeLong's normal interval covers the true value too
    rarely where a class has few images, and those of Hanley & McNeil and Newcombe where its images vary more than the others.
    """
    return compute_crossed_interval(won_m, won_n)


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
    """Makes a proportion with its exact interval. of: positive."""
    low, high = compute_binomial_interval(hits, of) or (None, None)
    return Share(hits / of, low, high, hits, of)


@lru_cache(maxsize=4096)
def count_changes(fixed: int, broken: int, of: int) -> LeftOut:
    """Computes the change of an accuracy, with its interval, from the images that were wrong before and are right after (fixed),
    and the reverse (broken)."""
    return LeftOut(
        fixed, broken, of, (fixed - broken) / of, *(compute_change_interval(fixed, broken, of) or (None, None))
    )
