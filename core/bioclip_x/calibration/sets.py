"""Fits the thresholds of conformal sets, and measures their coverage and size.

The temperature is fitted on one half of the images and the threshold on the other, so that the scores of the latter and those of
images to come are exchangeable, and the guarantee is exact. Coverage and size are measured on the first half, which the
threshold has not seen; its temperature has, which changes no order of classes.

Legend: n images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from bioclip_x.array_types import Floats
from bioclip_x.evaluation.intervals import compute_binomial_interval
from bioclip_x.evaluation.labelled_logits import LabelledLogits
from bioclip_x.inference.temperature import apply_temperature
from bioclip_x.records.calibration import SetThreshold
from bioclip_x.records.scores import Scores
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.scoring.conformal import (
    MOST,
    SET_SCORES,
    SetScore,
    count_set_classes,
    find_clades,
    find_conformal_threshold,
    find_order,
    score_classes,
)
from bioclip_x.taxonomy.scoring.rollup import roll_up

SET_COVERAGES: Final = (0.8, 0.9, 0.95, 0.99)


def fit_sets(
    to_fit: Sequence[LabelledLogits],
    to_check: Sequence[LabelledLogits],
    temperature: float,
    taxonomy: Taxonomy,
    coverages: Sequence[float],
) -> tuple[SetThreshold, ...]:
    """Fits a threshold for each score and coverage. to_fit: the images of the thresholds. to_check: those of the figures."""
    if not coverages:
        return ()
    score_n = _score(to_fit, temperature, taxonomy)
    wanted = [(kind, coverage) for kind in SET_SCORES for coverage in sorted(set(coverages))]
    threshold_of = {one: find_conformal_threshold(score_n[one[0]], one[1]) for one in wanted}
    measured: dict[tuple[SetScore, float], list[tuple[np.ndarray, np.ndarray]]] = {one: [] for one in wanted}
    for part in to_check:
        scores, class_B = _roll_up(part, temperature, taxonomy), part.class_B.numpy()
        for (kind, coverage), threshold in threshold_of.items():
            if math.isfinite(threshold):
                measured[kind, coverage].append(_measure(kind, threshold, scores, class_B, taxonomy))
    return tuple(_summarise(*one, threshold_of[one], len(score_n[one[0]]), measured[one]) for one in wanted)


def compute_coverage_law(n: int, coverage: float) -> tuple[float, float]:
    """Returns the 95% interval of the coverage of a threshold from n images: of Beta(k, n + 1 - k), k = ⌈(n + 1)·coverage⌉.

    The coverage of one calibration varies with its images; without ties among scores, by this law (Vovk 2012, arXiv 1209.2673).
    """
    from scipy.stats import beta

    k = find_order(n, coverage)
    low, high = beta.ppf((0.025, 0.975), k, n + 1 - k)
    return float(low), float(high)


def _summarise(
    kind: SetScore, coverage: float, threshold: float, n: int, measured: Sequence[tuple[np.ndarray, np.ndarray]]
) -> SetThreshold:
    if math.isinf(threshold):
        return SetThreshold(kind, coverage, None, n)
    covered_n, size_n = (np.concatenate(column) for column in zip(*measured))
    low, high = compute_binomial_interval(int(covered_n.sum()), len(covered_n)) or (None, None)
    return SetThreshold(
        kind,
        coverage,
        threshold,
        n,
        law=compute_coverage_law(n, coverage),
        checked=len(covered_n),
        covered=float(covered_n.mean()),
        covered_low=low,
        covered_high=high,
        classes=float(size_n.mean()),
        single=float((size_n == 1).mean()),
        single_interval=compute_binomial_interval(int((size_n == 1).sum()), len(size_n)),
    )


def _measure(
    kind: SetScore, threshold: float, scores: Scores, class_B: np.ndarray, taxonomy: Taxonomy
) -> tuple[np.ndarray, np.ndarray]:
    """Returns whether each image's set contains its true class, and the number of classes in it."""
    if kind == "clade":
        node_B = find_clades(scores, taxonomy, threshold)
        start_B, stop_B = taxonomy.leaf_start_N[node_B], taxonomy.leaf_stop_N[node_B]
        return (start_B <= class_B) & (class_B < stop_B), stop_B - start_B
    size_B = count_set_classes(scores, kind, threshold)
    in_set_BK = np.arange(scores.top_BK.shape[1]) < size_B[:, None]
    return ((scores.top_BK.numpy() == class_B[:, None]) & in_set_BK).any(1), size_B


def _score(parts: Sequence[LabelledLogits], temperature: float, taxonomy: Taxonomy) -> dict[SetScore, Floats]:
    of_kind: dict[SetScore, list[Floats]] = {kind: [] for kind in SET_SCORES}
    for part in parts:
        scores, class_B = _roll_up(part, temperature, taxonomy), part.class_B.numpy()
        for kind in SET_SCORES:
            of_kind[kind].append(score_classes(scores, class_B, kind, taxonomy))
    return {kind: np.concatenate(score_n) for kind, score_n in of_kind.items()}


def _roll_up(part: LabelledLogits, temperature: float, taxonomy: Taxonomy) -> Scores:
    return roll_up(apply_temperature(part.logits, temperature), taxonomy, n_best=min(MOST, taxonomy.n_classes))
