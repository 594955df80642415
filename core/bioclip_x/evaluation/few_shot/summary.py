"""Accuracies of few-shot classifiers over folds, with spread and interval.

Legend: n images, m queries of a fold, f folds, t taxa.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bioclip_x.array_types import Floats, Ints
from bioclip_x.evaluation.intervals import compute_folded_interval, compute_spread
from bioclip_x.records import FewShotResult, Measure
from bioclip_x.taxonomy import TAXON, Taxonomy
from bioclip_x.taxonomy.scoring.severity import find_taxa_at_rank

TOP: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class FoldOutcome:
    """query_m: int64 [m], rows of images. best_m5: int64 [m, 5], the classes predicted for them, best first. n_classes: of the
    fold."""

    query_m: Ints
    best_m5: Ints
    n_classes: int


def summarise(
    method: str,
    shots: int,
    outcomes: Sequence[FoldOutcome],
    baseline: Sequence[FoldOutcome] | None,
    class_n: Ints,
    taxonomy: Taxonomy,
) -> FewShotResult:
    """Computes the figures of a method from its folds.

    baseline: the outcomes of the first method on the same folds; None if this is the first. class_n: true classes.
    """
    best_nf = [_spread_over_images(one.query_m, one.best_m5[:, 0], len(class_n)) for one in outcomes]
    predicted_nf = np.stack(best_nf, 1)
    right_nf = np.where(np.isnan(predicted_nf), np.nan, predicted_nf == class_n[:, None])
    among = [(one.best_m5 == class_n[one.query_m, None]).any(1) for one in outcomes]
    among_nf = np.stack([_spread_over_images(one.query_m, a, len(class_n)) for one, a in zip(outcomes, among)], 1)
    ranks, means = {}, {}
    for rank in taxonomy.rank_tables:
        at_nf, taxon_n = _compare_at_rank(predicted_nf, class_n, rank, taxonomy)
        if not np.isnan(at_nf).all():
            ranks[rank] = measure_accuracy(at_nf)
            means[rank] = measure_accuracy(average_by_group(at_nf, taxon_n))
    difference = None
    if baseline is not None:
        first_nf = np.stack([_spread_over_images(one.query_m, one.best_m5[:, 0], len(class_n)) for one in baseline], 1)
        difference = measure_accuracy(right_nf - (first_nf == class_n[:, None]), -1)
    return FewShotResult(
        method=method,
        shots=shots,
        classes=tuple(one.n_classes for one in outcomes),
        queries=tuple(len(one.query_m) for one in outcomes),
        of_folds=tuple(float(value) for value in np.nanmean(right_nf, 0)),
        top1=measure_accuracy(right_nf),
        top5=measure_accuracy(among_nf),
        mean_per_class=measure_accuracy(average_by_group(right_nf, class_n)),
        ranks=ranks,
        mean_per_taxon=means,
        difference=difference,
    )


def measure_accuracy(right_nf: Floats, least: float = 0) -> Measure:
    """Measures the mean over folds of their accuracies, or with `least` -1 of differences of accuracies.

    right_nf: float64 [n, f], from `least` to 1, NaN where an image is no query. Raises ValueError where all are.
    """
    is_in_nf = ~np.isnan(right_nf)
    if not is_in_nf.any():
        raise ValueError("expected an outcome")
    kept_nf = right_nf[:, is_in_nf.any(0)]
    of_folds = np.nanmean(kept_nf, 0)
    low, high = compute_folded_interval(kept_nf, least, 1) or (None, None)
    return Measure(float(of_folds.mean()), low, high, int(is_in_nf.any(1).sum()), compute_spread(of_folds))


def average_by_group(right_nf: Floats, group_n: Ints) -> Floats:
    """Returns the mean of each group (a class, a taxon) in each fold, NaN without queries: float64 [groups, f].

    >>> average_by_group(np.array([[1.0], [0.0], [np.nan], [1.0]]), np.array([7, 7, 7, 9])).tolist()
    [[0.5], [1.0]]
    """
    groups, index_n = np.unique(group_n, return_inverse=True)
    is_in_nf = ~np.isnan(right_nf)
    sums_tf, counts_tf = (np.zeros((len(groups), right_nf.shape[1])) for _ in range(2))
    np.add.at(sums_tf, index_n, np.where(is_in_nf, right_nf, 0.0))
    np.add.at(counts_tf, index_n, is_in_nf)
    return np.divide(sums_tf, counts_tf, out=np.full_like(sums_tf, np.nan), where=counts_tf > 0)


def _spread_over_images(query_m: Ints, value_m: np.ndarray, n: int) -> Floats:
    """Returns the values at their images, NaN at the others: float64 [n]."""
    value_n = np.full(n, np.nan)
    value_n[query_m] = value_m
    return value_n


def _compare_at_rank(predicted_nf: Floats, class_n: Ints, rank: str, taxonomy: Taxonomy) -> tuple[Floats, Ints]:
    """Returns whether the predicted class has the true class's taxon at a rank, and that taxon: float64 [n, f], int64 [n].

    NaN where an image is no query, or its class has no taxon at the rank.
    """
    true_n = find_taxa_at_rank(class_n, rank, taxonomy)
    is_known_n1 = (taxonomy.kind_N[true_n] == TAXON)[:, None]
    found_nf = find_taxa_at_rank(np.nan_to_num(predicted_nf).astype(np.int64), rank, taxonomy)
    at_nf: Floats = np.where(np.isnan(predicted_nf) | ~is_known_n1, np.nan, found_nf == true_n[:, None])
    return at_nf, true_n
