"""Selective classification and refusal: accuracy when only some images are answered.

An image is answered where its score (a confidence or similarity) is high enough. Coverage is the fraction of images answered,
risk the fraction of the answers that are wrong (El-Yaniv & Wiener, JMLR 2010; Geifman & El-Yaniv, NeurIPS 2017). Images of
equal score count with their mean accuracy, so that the order of images does not matter.

Legend: n images, m unlisted images.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from bioclip_x.array_types import Floats
from bioclip_x.evaluation.intervals import (
    FEWEST,
    TAIL,
    Interval,
    compute_binomial_interval,
    compute_proportion_interval,
    compute_weighted_mean_interval,
)
from bioclip_x.evaluation.metrics.reliability import average_ties


def compute_risks(score_n: Floats, right_n: npt.ArrayLike) -> Floats:
    """Returns the risk of answering the 1, 2, …, n images with the highest scores: float64 [n].

    >>> compute_risks(np.array([0.9, 0.2, 0.5]), [True, False, True]).round(3).tolist()
    [0.0, 0.0, 0.333]
    """
    wrong_n = 1 - average_ties(score_n, np.asarray(right_n, np.float64))
    order = np.argsort(-score_n, kind="stable")
    curve: Floats = np.cumsum(wrong_n[order]) / np.arange(1, len(order) + 1)
    return curve


def compute_aurc(score_n: Floats, right_n: npt.ArrayLike) -> float:
    """Returns the area under the risk-coverage curve, the mean of `compute_risks`: 0 perfect, the error rate by chance."""
    return float(compute_risks(score_n, right_n).mean())


def compute_aurc_interval(score_n: Floats, right_n: npt.ArrayLike) -> Interval | None:
    """Computes the 95% interval over images of `compute_aurc`; None for too few images.

    The area is a weighted mean of the images' errors: the one of the i-th highest score counts in the risks of i, …, n images,
    so that its weight is (1/i + … + 1/n) / n. The weights sum to 1, and their squares to about 2/n.
    """
    n = len(score_n)
    order = np.argsort(-score_n, kind="stable")
    weight_n = np.empty(n)
    weight_n[order] = np.cumsum(1 / np.arange(n, 0, -1))[::-1] / n
    wrong_n = 1 - np.asarray(right_n, np.float64)
    return compute_weighted_mean_interval(wrong_n, average_ties(score_n, weight_n), 0, 1)


class AccuracyAt(NamedTuple):
    """The accuracy of the images with the highest scores, its 95% interval over images, and the lowest of their scores."""

    accuracy: float
    interval: Interval | None
    score: float


def measure_accuracy_at(coverage: float, score_n: Floats, right_n: npt.ArrayLike) -> AccuracyAt:
    """Returns the accuracy of the ⌈coverage · n⌉ highest-scored images. coverage: in (0, 1]."""
    kept = min(len(score_n), max(1, math.ceil(round(coverage * len(score_n), 9))))
    order = np.argsort(-score_n, kind="stable")[:kept]
    right_n = average_ties(score_n, np.asarray(right_n, np.float64))[order]
    return AccuracyAt(float(right_n.mean()), compute_proportion_interval(right_n), float(score_n[order[-1]]))


def find_acceptance_threshold(score_n: Floats, accept: float) -> float:
    """Returns the largest threshold that at least a fraction `accept` of the scores, in (0, 1], reach; one of the scores.

    >>> find_acceptance_threshold(np.array([0.1, 0.2, 0.3, 0.4]), 0.75)
    0.2
    """
    kept = min(len(score_n), max(1, math.ceil(round(accept * len(score_n), 9))))
    return float(np.sort(score_n)[::-1][kept - 1])


def compute_false_accept(listed_n: Floats, unlisted_m: Floats, accept: float) -> float:
    """Returns the fraction of unlisted images that a threshold accepts which accepts a fraction `accept` of the listed images.

    >>> compute_false_accept(np.array([0.5, 0.7, 0.9]), np.array([0.4, 0.6, 0.8, 0.95]), 1.0)
    0.75
    """
    return float((unlisted_m >= find_acceptance_threshold(listed_n, accept)).mean())


def compute_false_accept_interval(listed_n: Floats, unlisted_m: Floats, accept: float) -> Interval | None:
    """Computes the 95% interval over images of `compute_false_accept`; None for too few images.

    The threshold that accepts `accept` of all listed images, not only of these, lies between two of their scores (order
    statistics, whose ranks are quantiles of a binomial distribution), and what it accepts between the limits of a proportion
    (Clopper & Pearson 1934) at both. Each gets half of the error, so that the interval is rather too wide.
    """
    n, m = len(listed_n), len(unlisted_m)
    if n < FEWEST:
        return None
    ranks = binom.ppf([TAIL / 2, 1 - TAIL / 2], n, accept)  # of the listed images, how many reach the threshold
    descending = np.concatenate([[np.inf], np.sort(listed_n)[::-1], [-np.inf]])
    highest, lowest = descending[int(ranks[0])], descending[int(ranks[1]) + 1]
    limits = [
        compute_binomial_interval(int((unlisted_m >= threshold).sum()), m, TAIL / 2) for threshold in (highest, lowest)
    ]
    return (limits[0][0], limits[1][1]) if limits[0] and limits[1] else None


def compute_auroc(listed_n: Floats, unlisted_m: Floats) -> float:
    """Returns the probability that a listed image scores higher than an unlisted one, ties counting half (Mann & Whitney
    1947): 1 perfect, 0.5 chance, 0 inverted."""
    scores = np.concatenate([listed_n, unlisted_m])
    _, group, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(sizes) - (sizes - 1) / 2)[group]  # from 1, ties have their mean rank
    n, m = len(listed_n), len(unlisted_m)
    return float((rank[:n].sum() - n * (n + 1) / 2) / (n * m))
