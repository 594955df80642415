"""Accuracy at every rank and severity of mistakes, for images that may be labelled above the rank of the classes.

Legend: n images, k best nodes, r rows of a linear head, N nodes.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from bioclip_x.array_types import Ints
from bioclip_x.evaluation.correctness import Correctness, compare_with_truth
from bioclip_x.evaluation.predictions import BEST, ImagePredictions
from bioclip_x.taxonomy import Taxonomy

SEVERITY = "severity"


def compute_metrics(correctness: Correctness, taxonomy: Taxonomy) -> dict[str, float]:
    """Computes metrics by name: each is a mean over the images that count for it; those without any are left out.

    species_top1, species_top5: accuracy of the classes ("class_…" if they are of several ranks). genus_top1, …: accuracy at
    each rank. severity: mean height of the lowest common ancestor of prediction and label over the mistakes, 0 without any
    (Bertinetto et al. 2020, arXiv 1912.09393).
    """
    counts_n = correctness.right_n >= 0
    metrics: dict[str, float] = {}
    if counts_n.any():
        level = name_class_rank(taxonomy)
        metrics[f"{level}_top1"] = float(correctness.right_n[counts_n].mean())
        metrics[f"{level}_top5"] = float(correctness.among_n[counts_n].mean())
    for rank, right_n in reversed(list(correctness.at_n.items())):
        if (right_n >= 0).any():
            metrics.setdefault(f"{rank}_top1", float(right_n[right_n >= 0].mean()))
    if counts_n.any():
        wrong_n = correctness.right_n == 0
        metrics[SEVERITY] = float(correctness.height_n[wrong_n].mean()) if wrong_n.any() else 0.0
    return metrics


def list_metrics(node_n: Ints, taxonomy: Taxonomy) -> list[str]:
    """Lists the names of the metrics of a data set with these labels."""
    n = len(node_n)
    nothing = ImagePredictions(
        np.zeros((n, BEST), np.int64), {rank: np.zeros(n, np.int64) for rank in taxonomy.rank_tables}
    )
    return list(compute_metrics(compare_with_truth(nothing, node_n, taxonomy), taxonomy))


def name_class_rank(taxonomy: Taxonomy) -> str:
    """Returns the rank that all classes have; "class" if they have none, or several."""
    ranks = set(taxonomy.rank_N[taxonomy.owner_N[taxonomy.leaf_node_C]].tolist())
    return (len(ranks) == 1 and taxonomy.rank_names[ranks.pop()]) or "class"


def is_smaller_better(metric: str) -> bool:
    """Whether a metric measures mistakes.

    >>> is_smaller_better("severity"), is_smaller_better("genus_top1")
    (True, False)
    """
    return metric.endswith(SEVERITY)


def find_rows(node_n: Ints, nodes_r: Ints, taxonomy: Taxonomy) -> Ints:
    """Returns the row whose node is at or above each image's label, -1 for labels with no such row: int64 [n].

    nodes_r: nodes of which none is above another, such as those of one rank.
    """
    row_N = np.full(taxonomy.n_nodes, -1, np.int64)
    row_N[nodes_r] = np.arange(len(nodes_r))
    above_n = np.asarray(node_n, np.int64).copy()
    while (climbs_n := (row_N[above_n] < 0) & (above_n > 0)).any():
        above_n[climbs_n] = taxonomy.parent_N[above_n[climbs_n]]
    row_n: Ints = row_N[above_n]
    return row_n


def stack(correctness: Correctness) -> Ints:
    """Returns the arrays of a record as columns, int64 [n, 3 + ranks], for exchange between processes."""
    return np.stack([correctness.right_n, correctness.among_n, correctness.height_n, *correctness.at_n.values()], 1)


def unstack(columns: Ints, ranks: Iterable[str]) -> Correctness:
    """Inverts `stack`. ranks: those of `at_n`, in order."""
    right_n, among_n, height_n, *at_n = columns.T
    return Correctness(right_n, among_n, dict(zip(ranks, at_n)), height_n)
