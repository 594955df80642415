"""Reliability, and accuracy against depth, as points with their intervals.

Legend: n images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Floats, Ints
from bioclip_x.evaluation.intervals import compute_wilson_interval
from bioclip_x.records import CurvePoint, Measure
from bioclip_x.taxonomy import TAXON, Taxonomy
from bioclip_x.taxonomy.scoring.hedging import Bets, is_correct, select_most_specific

BINS: Final = 10
THRESHOLDS: Final = (1e-9, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
"""Least shares of the taxa named. With the first, the best class is."""


def compute_reliability(share_n: npt.ArrayLike, right_n: npt.ArrayLike, bins: int = BINS) -> tuple[CurvePoint, ...]:
    """Computes the accuracy in bins of equal width of the best class's share (Guo et al., ICML 2017, arXiv 1706.04599).

    share_n: in [0, 1]; a share at a bin's upper edge is in the bin, and 0 in the first. right_n: 0 or 1.
    x is the mean share of a bin's images. Bins without images are left out. Intervals are Wilson's.
    """
    share_n, right_n = np.asarray(share_n, np.float64), np.asarray(right_n, np.int64)
    bin_n = (np.ceil(share_n * bins) - 1).clip(0, bins - 1)
    points = []
    for i in np.unique(bin_n).astype(int).tolist():
        in_bin = bin_n == i
        hits, of = int(right_n[in_bin].sum()), int(in_bin.sum())
        low, high = compute_wilson_interval(hits, of)
        label = f"shares {i / bins:.0%} to {(i + 1) / bins:.0%}, mean {share_n[in_bin].mean():.1%}"
        points.append(CurvePoint(float(share_n[in_bin].mean()), hits / of, low, high, of, label))
    return tuple(points)


def compute_calibration_errors(reliability: Sequence[CurvePoint]) -> dict[str, Measure]:
    """Computes the expected and the maximum calibration error of the bins (Naeini et al., AAAI 2015). Without intervals: in
    resampled images, both are biased upwards."""
    n = sum(point.of for point in reliability)
    if not n:
        return {}
    gaps = [abs(point.value - point.x) for point in reliability]
    expected = sum(gap * point.of for gap, point in zip(gaps, reliability)) / n
    return {"ECE": Measure(expected, None, None, n), "MCE": Measure(max(gaps), None, None, n)}


def make_rank_points(measures: Sequence[tuple[str, Measure]]) -> tuple[CurvePoint, ...]:
    """Makes a point of the accuracy at each rank; x is the rank's position. Ranks without images are left out."""
    return tuple(
        CurvePoint(float(i), measure.value, measure.low, measure.high, measure.of, rank)
        for i, (rank, measure) in enumerate(measures)
        if measure.value is not None
    )


def compute_depths(taxonomy: Taxonomy) -> Floats:
    """Computes the number of taxa from the top down to each node: float64 [N], 0 at the root."""
    depth_N: Floats = (taxonomy.kind_N == TAXON).astype(np.float64)
    for level in taxonomy.levels[1:]:
        depth_N[level] += depth_N[taxonomy.parent_N[level]]
    return depth_N


def compute_depth_curve(
    bets: Bets, class_n: Ints, taxonomy: Taxonomy, thresholds: Sequence[float] = THRESHOLDS
) -> tuple[CurvePoint, ...]:
    """Computes how often the most specific taxon with a share of at least each threshold is right, against its mean depth.

    Naming less is right more often (Deng et al., CVPR 2012). bets: of the images. class_n: their true classes. x is the mean
    number of taxa from the top down to the taxon named. Intervals are Wilson's. In the order of the thresholds.
    """
    depth_N = compute_depths(taxonomy)
    points = []
    for threshold in thresholds if len(class_n) else ():
        node_n = select_most_specific(bets, threshold)
        hits, of = int(is_correct(node_n, class_n, taxonomy).sum()), len(class_n)
        depth = float(depth_N[node_n].mean())
        said = "the best class" if threshold < 0.01 else f"share at least {threshold:.0%}"
        label = f"{said}, mean depth {depth:.2f}"
        points.append(CurvePoint(depth, hits / of, *compute_wilson_interval(hits, of), of, label))
    return tuple(points)
