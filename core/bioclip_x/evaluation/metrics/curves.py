"""Reliability, risk against coverage, and accuracy against depth: points with their intervals.

Legend: n images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Ints
from bioclip_x.evaluation.intervals import compute_binomial_interval
from bioclip_x.evaluation.metrics.reliability import compute_expected_calibration_error
from bioclip_x.evaluation.metrics.risk_coverage import compute_aurc, compute_aurc_interval, compute_risks
from bioclip_x.evaluation.metrics.tree_metrics import count_taxa
from bioclip_x.records import CurvePoint, Measure
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.scoring.hedging import Bets, is_correct, select_most_specific

BINS: Final = 10
GAP_BINS: Final = 15
FEWEST: Final = 10
"""Images of a bin whose gap counts for the largest."""
THRESHOLDS: Final = (1e-9, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
"""Least shares of the taxa named. With the first, the best class is."""


def compute_reliability(share_n: npt.ArrayLike, right_n: npt.ArrayLike, bins: int = BINS) -> tuple[CurvePoint, ...]:
    """Computes the accuracy in bins of equal width of the best class's share (Guo et al., ICML 2017, arXiv 1706.04599).

    share_n: in [0, 1]; a share at a bin's upper edge is in the bin, and 0 in the first. right_n: 0 or 1.
    x is the mean share of a bin's images. Bins without images are left out. Intervals are Clopper & Pearson's.
    """
    share_n, right_n = np.asarray(share_n, np.float64), np.asarray(right_n, np.int64)
    bin_n = (np.ceil(share_n * bins) - 1).clip(0, bins - 1)
    points = []
    for i in np.unique(bin_n).astype(int).tolist():
        in_bin = bin_n == i
        hits, of = int(right_n[in_bin].sum()), int(in_bin.sum())
        low, high = compute_binomial_interval(hits, of) or (None, None)
        label = f"shares {i / bins:.0%} to {(i + 1) / bins:.0%}, mean {share_n[in_bin].mean():.1%}"
        points.append(CurvePoint(float(share_n[in_bin].mean()), hits / of, low, high, of, label))
    return tuple(points)


def compute_depth_curve(
    bets: Bets, class_n: Ints, taxonomy: Taxonomy, thresholds: Sequence[float] = THRESHOLDS
) -> tuple[CurvePoint, ...]:
    """Computes how often the most specific taxon with a share of at least each threshold is right, against its mean depth.

    Naming less is right more often (Deng et al., CVPR 2012). bets: of the images. class_n: their true classes. x is the mean
    number of taxa from the top down to the taxon named. Intervals are Clopper & Pearson's. In the order of the thresholds.
    """
    depth_N = count_taxa(taxonomy)
    points = []
    for threshold in thresholds if len(class_n) else ():
        node_n = select_most_specific(bets, threshold)
        hits, of = int(is_correct(node_n, class_n, taxonomy).sum()), len(class_n)
        depth = float(depth_N[node_n].mean())
        said = "the best class" if threshold < 0.01 else f"share at least {threshold:.0%}"
        label = f"{said}, mean depth {depth:.2f}"
        low, high = compute_binomial_interval(hits, of) or (None, None)
        points.append(CurvePoint(depth, hits / of, low, high, of, label))
    return tuple(points)


def compute_risk_curve(share_n: npt.ArrayLike, right_n: npt.ArrayLike) -> tuple[CurvePoint, ...]:
    """Computes the fraction that is wrong of the images with the highest shares, at each tenth of coverage.

    See `risk_coverage`. x is the coverage. Where images tie at the edge, their mean accuracy counts, and there is no interval.
    """
    share_n, right_n = np.asarray(share_n, np.float64), np.asarray(right_n, np.float64)
    if not len(share_n):
        return ()
    risk_n = compute_risks(share_n, right_n)
    points = []
    for tenth in range(1, 11):
        of = max(1, math.ceil(tenth * len(share_n) / 10))
        wrong = float(risk_n[of - 1] * of)
        is_whole = abs(wrong - round(wrong)) < 1e-9
        low, high = (compute_binomial_interval(round(wrong), of) if is_whole else None) or (None, None)
        points.append(
            CurvePoint(of / len(share_n), wrong / of, low, high, of, f"the {of} images with the highest shares")
        )
    return tuple(points)


def measure_calibration(share_n: npt.ArrayLike, right_n: npt.ArrayLike) -> dict[str, Measure]:
    """Computes how well the best class's share tells whether it is right: errors of calibration, and of ranking.

    ECE and MCE: the mean and the largest gap between accuracy and mean share over 15 bins of equal width (Guo et al. 2017; bins
    with fewer than ten images do not count for the largest). AURC: the area under the risk-coverage curve (Geifman & El-Yaniv
    2017). The first two have no interval: binning biases them upwards for few images, and an interval around a biased value
    misleads.
    """
    share_n, right_n = np.asarray(share_n, np.float64).clip(0, 1), np.asarray(right_n, np.float64)
    n = len(share_n)
    if not n or np.isnan(share_n).any():
        return {}
    bin_n = (np.ceil(share_n * GAP_BINS) - 1).clip(0, GAP_BINS - 1)
    sizes = {i: int((bin_n == i).sum()) for i in np.unique(bin_n)}
    gaps = [
        abs(float(right_n[bin_n == i].mean() - share_n[bin_n == i].mean()))
        for i, size in sizes.items()
        if size >= FEWEST
    ]
    values = {
        "ECE": compute_expected_calibration_error(share_n, right_n),
        "MCE": max(gaps) if gaps else None,
    }
    low, high = compute_aurc_interval(share_n, right_n) or (None, None)
    return {
        **{name: Measure(value, None, None, n) for name, value in values.items()},
        "AURC": Measure(compute_aurc(share_n, right_n), low, high, n),
    }
