"""Summarises what became of the images of a run: accuracies, measures on the tree, calibration, curves; each with its interval.

Legend: n images, k best classes, s seeds, c classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bioclip_x.array_types import Ints
from bioclip_x.evaluation.correctness import Correctness
from bioclip_x.evaluation.intervals import (
    Interval,
    compute_class_accuracies,
    compute_seeded_difference_interval,
    compute_seeded_interval,
    compute_seeded_ratio_interval,
    compute_spread,
)
from bioclip_x.evaluation.metrics.curves import (
    compute_depth_curve,
    compute_reliability,
    compute_risk_curve,
    measure_calibration,
)
from bioclip_x.evaluation.metrics.tree_metrics import average_distances, compute_overlaps, find_consistent
from bioclip_x.evaluation.predictions import ImagePredictions
from bioclip_x.evaluation.sets import summarise_sets
from bioclip_x.records import Measure, TextEvaluation
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.scoring.costs import compute_heights
from bioclip_x.taxonomy.scoring.hedging import is_correct
from bioclip_x.taxonomy.scoring.severity import find_taxa_at_rank

DISTANCES: Final = (1, 5, 20)
"""Numbers of best classes whose mean distance is measured, as in Bertinetto et al. 2020."""


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The labels of the images evaluated. node_n: taxa, int64. class_n: classes, int64, -1 for taxa above the classes."""

    node_n: Ints
    class_n: Ints


def summarise(
    text: str,
    seeds: tuple[int, ...],
    predictions: Sequence[ImagePredictions],
    outcomes: Sequence[Correctness],
    labels: Labels,
    baseline: Baseline | None,
    taxonomy: Taxonomy,
) -> TextEvaluation:
    """Computes the figures of one choice of texts, run with one seed or several.

    Images that are labelled above the classes count at ranks only. baseline: the first texts; None if these are the first.
    """
    rows, drawn = np.flatnonzero(labels.class_n >= 0), bool(seeds)
    class_n, highest = labels.class_n[rows], int(compute_heights(taxonomy)[0])
    right_sn = np.array([outcome.right_n[rows] for outcome in outcomes])
    first = predictions[0]
    holds_n = _find_holding(first.best_nk[rows, 0], class_n, taxonomy)
    return TextEvaluation(
        text=text,
        seeds=seeds,
        top1=_measure_accuracy(right_sn, drawn),
        top5=_measure_accuracy(np.array([outcome.among_n[rows] for outcome in outcomes]), drawn),
        mean_per_class=_measure_class_mean(right_sn, class_n, drawn),
        ranks=_measure_ranks([outcome.at_n for outcome in outcomes], drawn),
        severity=_measure_severity(
            np.array([outcome.height_n[rows] for outcome in outcomes]), 1 - right_sn, highest, drawn
        ),
        difference=None if baseline is None else _measure_difference(right_sn, drawn, baseline, rows),
        sets=summarise_sets(
            [outcome.covered_n[rows] for outcome in outcomes if outcome.covered_n is not None],
            [outcome.set_size_n[rows] for outcome in outcomes if outcome.set_size_n is not None],
            taxonomy.n_classes,
            drawn=drawn,
        ),
        ranks_top5=_measure_ranks([outcome.among_at_n for outcome in outcomes], drawn),
        ranks_mean_per_taxon=dict(_measure_taxon_means(outcomes, labels, taxonomy, drawn)),
        hierarchical=_measure_overlap(predictions, labels, taxonomy, drawn),
        distances=_measure_distances([one.best_nk[rows] for one in predictions], class_n, taxonomy, drawn),
        consistency=_measure_consistency(predictions, taxonomy, drawn),
        calibration=measure_calibration(first.share_n[rows], holds_n) if first.bets else {},
        reliability=compute_reliability(first.share_n[rows], holds_n) if first.bets else (),
        risk_coverage=compute_risk_curve(first.share_n[rows], holds_n) if first.bets else (),
        depth=compute_depth_curve(first.bets.take(rows), class_n, taxonomy) if first.bets else (),
        alone_right=None if baseline is None else int((right_sn[0] > baseline.right_tn[0, rows]).sum()),
        first_alone_right=None if baseline is None else int((right_sn[0] < baseline.right_tn[0, rows]).sum()),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """The texts that others are compared with. right_tn: for each seed whether each image is right, -1 for one labelled above
    the classes: int64 [t, n]. drawn: whether they depend on the seed."""

    right_tn: Ints
    drawn: bool

    @classmethod
    def of(cls, seeds: tuple[int, ...], outcomes: Sequence[Correctness]) -> Baseline:
        return cls(np.array([outcome.right_n for outcome in outcomes]), bool(seeds))


def _find_holding(node_n: Ints, class_n: Ints, taxonomy: Taxonomy) -> Ints:
    """Returns 1 where the true class is the node named or below it, as the share of that node says, else 0: int64 [n].

    node_n: -1 for none.
    """
    holds_n: Ints = ((node_n >= 0) & is_correct(node_n.clip(0), class_n, taxonomy)).astype(np.int64)
    return holds_n


def _make_measure(value: float, interval: Interval | None, of: int, sd: float | None) -> Measure:
    low, high = interval or (None, None)
    return Measure(value, low, high, of, sd)


def _measure_accuracy(right_sn: Ints, drawn: bool) -> Measure:
    """drawn: whether the texts depend on the seed, so that the interval is over seeds too."""
    n = right_sn.shape[1]
    if not n:
        return Measure(None, None, None, 0)
    interval = compute_seeded_interval(right_sn, seeded=drawn)
    return _make_measure(float(right_sn.mean()), interval, n, compute_spread(right_sn.mean(1)))


def _measure_class_mean(right_sn: Ints, class_n: Ints, drawn: bool) -> Measure:
    if not len(class_n):
        return Measure(None, None, None, 0)
    class_sc = np.array([compute_class_accuracies(right_n, class_n) for right_n in right_sn])
    interval = compute_seeded_interval(class_sc, seeded=drawn)
    return _make_measure(float(class_sc.mean()), interval, class_sc.shape[1], compute_spread(class_sc.mean(1)))


def _measure_severity(height_sn: Ints, wrong_sn: Ints, highest: int, drawn: bool) -> Measure:
    """Computes the mean height of mistakes. The spread is over the seeds that have mistakes."""
    means = [float(heights.sum() / wrong.sum()) for heights, wrong in zip(height_sn, wrong_sn) if wrong.any()]
    if not means:
        return Measure(None, None, None, 0)
    interval = compute_seeded_ratio_interval(height_sn, wrong_sn, 0, highest, seeded=drawn)
    return _make_measure(
        float(height_sn.sum() / wrong_sn.sum()), interval, int(wrong_sn.any(0).sum()), compute_spread(means)
    )


def _measure_difference(right_sn: Ints, drawn: bool, baseline: Baseline, rows: Ints) -> Measure:
    """Computes the paired difference of accuracies: images that are hard for both texts do not widen the interval."""
    if not right_sn.size:
        return Measure(None, None, None, 0)
    right_tn = baseline.right_tn[:, rows]
    more_sn = right_sn - right_tn.mean(0)
    interval = compute_seeded_difference_interval(more_sn, right_tn if baseline.drawn else None, seeded=drawn)
    return _make_measure(float(more_sn.mean()), interval, more_sn.shape[1], compute_spread(more_sn.mean(1)))


def _measure_ranks(at_sn: Sequence[Mapping[str, Ints]], drawn: bool) -> dict[str, Measure]:
    return {
        rank: _measure_accuracy(np.array([at_n[rank][at_n[rank] >= 0] for at_n in at_sn]), drawn) for rank in at_sn[0]
    }


def _measure_taxon_means(
    outcomes: Sequence[Correctness], labels: Labels, taxonomy: Taxonomy, drawn: bool
) -> Iterator[tuple[str, Measure]]:
    """Yields the mean of the accuracies of each rank's taxa, which weighs all taxa equally."""
    inside_n = np.where(labels.class_n >= 0, labels.class_n, taxonomy.leaf_start_N[labels.node_n])
    for rank, right_n in outcomes[0].at_n.items():
        rows = np.flatnonzero(right_n >= 0)
        taxa_n = find_taxa_at_rank(inside_n[rows], rank, taxonomy)
        yield rank, _measure_class_mean(np.array([outcome.at_n[rank][rows] for outcome in outcomes]), taxa_n, drawn)


def _measure_overlap(
    predictions: Sequence[ImagePredictions], labels: Labels, taxonomy: Taxonomy, drawn: bool
) -> dict[str, Measure]:
    """Computes hierarchical precision, recall and F; see `tree_metrics.compute_overlaps`."""
    counts = [
        compute_overlaps(taxonomy.owner_N[one.best_nk[:, 0].clip(0)], labels.node_n, taxonomy) for one in predictions
    ]
    common_sn, predicted_sn, true_sn = (np.array(one) for one in zip(*counts))
    # An image whose label is a genus is told its genus at most: the taxa below are neither right nor wrong.
    is_inner_n = labels.class_n < 0
    predicted_sn = np.where(is_inner_n, np.minimum(predicted_sn, true_sn), predicted_sn)
    ratios = {
        "hierarchical precision": (common_sn, predicted_sn),
        "hierarchical recall": (common_sn, true_sn),
        "hierarchical F": (2 * common_sn, predicted_sn + true_sn),
    }
    return {name: _measure_ratio(over, under, drawn) for name, (over, under) in ratios.items()}


def _measure_ratio(over_sn: Ints, under_sn: Ints, drawn: bool) -> Measure:
    """Computes Σ over / Σ under, from 0 to 1, over all seeds and images."""
    if not under_sn.any():
        return Measure(None, None, None, 0)
    by_seed = [float(over.sum() / under.sum()) for over, under in zip(over_sn, under_sn) if under.any()]
    interval = compute_seeded_ratio_interval(over_sn, under_sn, 0, 1, seeded=drawn)
    return _make_measure(
        float(over_sn.sum() / under_sn.sum()), interval, int(under_sn.any(0).sum()), compute_spread(by_seed)
    )


def _measure_distances(best_snk: Sequence[Ints], class_n: Ints, taxonomy: Taxonomy, drawn: bool) -> dict[str, Measure]:
    """Computes the average hierarchical distance of the top k: of as many as are named, where these are fewer."""
    if not len(class_n):
        return {}
    highest, found = int(compute_heights(taxonomy)[0]), {}
    named = max(1, *((best_nk >= 0).sum(1).max() for best_nk in best_snk))
    for k in dict.fromkeys(min(k, int(named)) for k in DISTANCES):
        mean_sn = np.array([average_distances(best_nk[:, :k], class_n, taxonomy) for best_nk in best_snk])
        interval = compute_seeded_interval(mean_sn, 0, highest, seeded=drawn)
        name = f"distance of the top {k}"
        found[name] = _make_measure(float(mean_sn.mean()), interval, len(class_n), compute_spread(mean_sn.mean(1)))
    return found


def _measure_consistency(predictions: Sequence[ImagePredictions], taxonomy: Taxonomy, drawn: bool) -> Measure | None:
    """Computes how often the best taxa of all ranks lie on one path; None in a tree of fewer than two ranks."""
    if len(predictions[0].of_rank) < 2:
        return None
    return _measure_accuracy(np.array([find_consistent(one.of_rank, taxonomy) for one in predictions]), drawn)
