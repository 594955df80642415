"""Split conformal prediction: sets of classes, or clades, that contain the true class with a given probability.

A score s(x, y) says how badly class y fits image x. With the scores of the true classes of n images that are exchangeable with
those to come, and q the ⌈(n + 1)·coverage⌉-th smallest of them, the set {y: s(x, y) ≤ q} contains the true class with at least
the probability `coverage` (Vovk et al. 2005; Lei et al. 2018; Angelopoulos & Bates 2021, arXiv 2107.07511, section 1). With p
the probabilities, and the classes in descending order of them:

    lac     -log p(y)                                Sadinle, Lei & Wasserman 2019: the least classes on average
    aps     Σ p over the classes before y            Romano, Sesia & Candès 2020 (arXiv 2006.02544) with U = 0
    clade   P(largest clade with the best class but without y)

The score of the best class is 0, so that no set is empty. For `clade`, sets are the ancestors of the best class, so the set is
the smallest one with a probability above q. Classes
beyond the `MOST` most probable are in no set of classes: their score is infinite there.

Legend: B images, K best classes, n images.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.array_types import Floats
from bioclip_x.records.scores import Logits, Scores
from bioclip_x.taxonomy.scoring.rollup import roll_up
from bioclip_x.taxonomy.tree import HOLE, Taxonomy

SetScore = Literal["lac", "aps", "clade"]
SET_SCORES: Final[tuple[SetScore, ...]] = ("lac", "aps", "clade")
MOST: Final = 1000
"""Most classes of a set."""

Nodes = npt.NDArray[np.int64]


def find_conformal_threshold(score_n: Floats, coverage: float) -> float:
    """Returns the ⌈(n + 1)·coverage⌉-th smallest score; infinity where n is too small for this coverage.

    >>> find_conformal_threshold(np.arange(1.0, 10.0), 0.9), find_conformal_threshold(np.arange(1.0, 9.0), 0.9)
    (9.0, inf)
    """
    k = find_order(len(score_n), coverage)
    return float(np.sort(score_n)[k - 1]) if k <= len(score_n) else math.inf


def find_order(n: int, coverage: float) -> int:
    """Returns ⌈(n + 1)·coverage⌉, at least 1."""
    return max(1, math.ceil(round((n + 1) * coverage, 9)))


def find_fewest(coverage: float) -> int:
    """Returns the least number of images with which a coverage is possible.

    >>> find_fewest(0.9), find_fewest(0.99)
    (9, 99)
    """
    return math.ceil(round(coverage / (1 - coverage), 9))


def score_classes(scores: Scores, class_B: npt.NDArray[np.int64], kind: SetScore, taxonomy: Taxonomy) -> Floats:
    """Computes the scores of the true classes: float64 [B].

    scores: of a softmax, with all classes among the best, or the `MOST` best. class_B: the true classes.
    """
    if kind == "clade":
        return _score_clades(scores, class_B, taxonomy)
    is_true_BK = scores.top_BK.numpy() == class_B[:, None]
    score_BK = _score_best(scores, kind)
    return np.where(is_true_BK.any(1), np.take_along_axis(score_BK, is_true_BK.argmax(1)[:, None], 1)[:, 0], np.inf)


def count_set_classes(scores: Scores, kind: Literal["lac", "aps"], threshold: float) -> Nodes:
    """Returns the size of each image's set: its first best classes. int64 [B], at most K."""
    # Scores grow along a row, so that the classes of a set come first.
    size_B: Nodes = (_score_best(scores, kind) <= threshold).sum(1).clip(1)
    return size_B


def find_clades(scores: Scores, taxonomy: Taxonomy, threshold: float) -> Nodes:
    """Returns the smallest clade with the best class whose probability is above the threshold, else the root: int64 [B].

    A hole is replaced by the taxon above it.
    """
    node_B = _get_best_leaves(scores, taxonomy)
    probability_B = np.exp(scores.log_top_BK[:, 0].double().numpy())
    found_B = np.where(probability_B > threshold, node_B, -1)
    while (node_B > 0).any():
        node_B = taxonomy.parent_N[node_B.clip(0)].astype(np.int64)
        probability_B = np.maximum(probability_B, _get_probabilities(scores, node_B, taxonomy))
        found_B = np.where((found_B < 0) & (probability_B > threshold), node_B, found_B)
        node_B = np.where(found_B >= 0, 0, node_B)
    is_hole_B = taxonomy.kind_N[found_B.clip(0)] == HOLE
    return np.where(is_hole_B, taxonomy.owner_N[found_B.clip(0)], found_B.clip(0)).astype(np.int64)


def roll_up_sets(
    logits: Logits, taxonomy: Taxonomy, kind: Literal["lac", "aps"], threshold: float, n_best: int
) -> Scores:
    """Rolls up with as many best classes as the largest set of these images has, and the sets' nodes as `reported_BK`.

    n_best: least number of best classes. Sets of more than `MOST` classes are cut there.
    """
    most = min(MOST, logits.n_classes)
    while True:
        scores = roll_up(logits, taxonomy, n_best=n_best)
        size_B = count_set_classes(scores, kind, threshold)
        if n_best >= most or size_B.max(initial=0) < n_best:
            break
        n_best = min(4 * n_best, most)
    leaf_BK = torch.from_numpy(taxonomy.leaf_node_C.astype(np.int64))[scores.top_BK[:, : int(size_B.max(initial=1))]]
    outside_BK = torch.arange(leaf_BK.shape[1]) >= torch.from_numpy(size_B)[:, None]
    return replace(scores, reported_BK=leaf_BK.masked_fill(outside_BK, -1))


def _score_best(scores: Scores, kind: Literal["lac", "aps"]) -> Floats:
    """Computes the scores of the best classes, ascending along a row: float64 [B, K]."""
    log_BK = scores.log_top_BK.double().numpy()
    if kind == "lac":
        score_BK: Floats = -log_BK
    else:
        share_BK = np.exp(log_BK)
        score_BK = np.cumsum(share_BK, axis=1) - share_BK
        score_BK[log_BK == -np.inf] = np.inf  # excluded classes are in no set
    score_BK = np.maximum.accumulate(score_BK, axis=1)
    score_BK[:, 0] = 0
    return score_BK


def _score_clades(scores: Scores, class_B: npt.NDArray[np.int64], taxonomy: Taxonomy) -> Floats:
    node_B = _get_best_leaves(scores, taxonomy)
    probability_B = np.exp(scores.log_top_BK[:, 0].double().numpy())
    score_B = np.zeros(len(node_B))
    while True:
        outside_B = (class_B < taxonomy.leaf_start_N[node_B]) | (class_B >= taxonomy.leaf_stop_N[node_B])
        if not outside_B.any():
            return score_B
        score_B = np.where(outside_B, probability_B, score_B)
        node_B = np.where(outside_B, taxonomy.parent_N[node_B], node_B).astype(np.int64)
        probability_B = np.maximum(probability_B, _get_probabilities(scores, node_B, taxonomy))


def _get_best_leaves(scores: Scores, taxonomy: Taxonomy) -> Nodes:
    leaf_B: Nodes = taxonomy.leaf_node_C[scores.top_BK[:, 0].numpy()].astype(np.int64)
    return leaf_B


def _get_probabilities(scores: Scores, node_B: Nodes, taxonomy: Taxonomy) -> Floats:
    """Returns the probability of each image's node: float64 [B]. Leaves that are not held have 0."""
    place_B = taxonomy.place_N[node_B]
    log_B = scores.log_probs_BI.double().numpy()[np.arange(len(node_B)), place_B.clip(0)]
    return np.where(place_B >= 0, np.exp(log_B), 0.0)
