"""Selects the node to predict: a trade-off between being correct and being specific.

A bet on a node is correct if the true class is the node or below it. Holes are never bet on; of nodes with the same
classes below, only the deepest is.

Deng, Krause, Berg & Fei-Fei, Hedging Your Bets: Optimizing Accuracy-Specificity Trade-offs in Large Scale Visual
Recognition, CVPR 2012.

Legend: B images, C classes, F candidate bets, J inner nodes to bet on, N nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Floats
from bioclip_x.errors import RecipeError
from bioclip_x.records.scores import Scores
from bioclip_x.taxonomy.scoring.best_classes import count_ties
from bioclip_x.taxonomy.tree import HOLE, Taxonomy

Nodes = npt.NDArray[np.int64]

PRECISION: Final = 1e-4
"""Relative precision of a fitted λ."""
LARGEST_LAMBDA: Final = 1e12
"""Beyond this, λ only distinguishes probabilities that differ from 1 by rounding."""


@dataclass(frozen=True, eq=False)
class Bets:
    """The nodes of each image that can win under some threshold or λ, most general first: few, whatever the tree's size.

    Of nodes with equal information, the more probable come first.

    nodes_BF: int64 [B, F], -1 where an image has fewer than F. probs_BF, information_BF: float64 [B, F], 0 there.
    """

    nodes_BF: Nodes
    probs_BF: Floats
    information_BF: Floats

    def take(self, rows: Nodes) -> Bets:
        """Returns the bets of some of the images."""
        return Bets(self.nodes_BF[rows], self.probs_BF[rows], self.information_BF[rows])

    @staticmethod
    def concatenate(many: Sequence[Bets]) -> Bets:
        """Joins the bets of several batches of images, in order."""
        width = max(bets.nodes_BF.shape[1] for bets in many)

        def stack(arrays: Iterable[npt.NDArray[Any]], fill: int) -> npt.NDArray[Any]:
            return np.concatenate(
                [np.pad(one, ((0, 0), (0, width - one.shape[1])), constant_values=fill) for one in arrays]
            )

        return Bets(
            stack((bets.nodes_BF for bets in many), -1),
            stack((bets.probs_BF for bets in many), 0),
            stack((bets.information_BF for bets in many), 0),
        )


def compute_information(taxonomy: Taxonomy) -> Floats:
    """Computes the information of naming each node: float64 [N], 0 at the root, 1 at a class.

    (log2 C - log2 (classes below)) / log2 C; all 0 in a tree of one class.
    """
    below = (taxonomy.leaf_stop_N - taxonomy.leaf_start_N).astype(np.float64)
    return 1 - np.log2(below) / np.log2(taxonomy.n_classes) if taxonomy.n_classes > 1 else np.zeros(taxonomy.n_nodes)


def compute_bets(scores: Scores, taxonomy: Taxonomy) -> Bets:
    """Computes the nodes that can win: those with a larger probability than every node of equal or more information.

    Among classes, which have equal information, this is only the most probable one. Of nodes with equal information and equal
    probability, it is the one whose classes come first.
    """
    inner, information_J = _find_inner_nodes(taxonomy)
    logs = scores.log_probs_BI[:, taxonomy.place_N[inner]].numpy(), scores.log_top_BK[:, :1].numpy()
    probs = np.exp(np.concatenate(logs, axis=1).astype(np.float64)).clip(max=1)
    if len(inner):
        probs[:, 0] = 1  # all classes are below it; the sum of their probabilities is 1 only up to rounding
    best = taxonomy.leaf_node_C[scores.top_BK[:, 0].numpy()]
    # As information grows along a row, a node can win only with a larger probability than each after it.
    max_from_here = np.maximum.accumulate(probs[:, ::-1], axis=1)[:, ::-1]
    can_win = np.ones(probs.shape, bool)
    can_win[:, :-1] = probs[:, :-1] > max_from_here[:, 1:]
    row, column = np.nonzero(can_win)
    counts = can_win.sum(1)
    slot = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    shape = len(probs), int(counts.max(initial=1))  # one column even without images
    nodes_BF, probs_BF, information_BF = np.full(shape, -1, np.int64), np.zeros(shape), np.zeros(shape)
    nodes_BF[row, slot] = np.where(column < len(inner), np.append(inner, -1)[column], best[row])
    probs_BF[row, slot] = probs[row, column]
    information_BF[row, slot] = np.append(information_J, float(taxonomy.n_classes > 1))[column]
    return Bets(nodes_BF, probs_BF, information_BF)


def count_tied_nodes(nodes_B: Nodes, scores: Scores, taxonomy: Taxonomy) -> Nodes:
    """Returns how many nodes are as specific and as probable as each selected one, itself included: int64 [B]."""
    inner, information_J = _find_inner_nodes(taxonomy)
    logs_BJ = scores.log_probs_BI[:, taxonomy.place_N[inner]].numpy()
    tied_B = count_ties(scores.log_top_BK).numpy()
    for row, node in enumerate(nodes_B.tolist()):
        at = np.flatnonzero(inner == node)
        if len(at):  # not a class
            is_equal_J = (information_J == information_J[at]) & (logs_BJ[row] == logs_BJ[row, at])
            tied_B[row] = is_equal_J.sum()
    return tied_B


@lru_cache(maxsize=2)
def _find_inner_nodes(taxonomy: Taxonomy) -> tuple[Nodes, Floats]:
    """Returns the inner nodes to bet on, int64 [J], and their information, float64 [J], ascending. The first has all classes.

    Of nodes with equal information, those whose classes come first are last.
    """
    nodes = np.flatnonzero(taxonomy.kind_N != HOLE)
    starts, stops = taxonomy.leaf_start_N[nodes], taxonomy.leaf_stop_N[nodes]
    order = np.lexsort((nodes, stops, starts))  # nodes with the same classes are adjacent, the deepest last
    same_as_next = (np.diff(starts[order]) == 0) & (np.diff(stops[order]) == 0)
    deepest = nodes[order[~np.append(same_as_next, False)]]
    inner = np.setdiff1d(deepest, taxonomy.leaf_node_C)
    information = compute_information(taxonomy)[inner]
    order = np.lexsort((-inner, information))
    return inner[order], information[order]


def select_most_specific(bets: Bets, threshold: float) -> Nodes:
    """Returns the node with most information among those with a probability of at least `threshold`: int64 [B].

    Ties go to the most probable node. threshold: above 0, at most 1. The root, or the node below it with all classes, has
    probability 1. From 0.5 on, all nodes that pass are on one path, and the deepest is returned.
    """
    information_BF = np.where(bets.probs_BF >= threshold, bets.information_BF, -1)
    return _take(bets.nodes_BF, information_BF.argmax(1))  # the first, hence most probable, of equal information


def select_best_bet(bets: Bets, lambda_: float) -> Nodes:
    """Returns the node with the largest (information + λ)·probability: int64 [B]. f_λ of the paper.

    Ties go to the most specific node. lambda_: 0 or more; larger values favour correctness and more general nodes.
    """
    value_BF = (bets.information_BF + lambda_) * bets.probs_BF
    value_BF[bets.nodes_BF < 0] = -1
    return _take(bets.nodes_BF, value_BF.shape[1] - 1 - value_BF[:, ::-1].argmax(1))


def is_correct(nodes_B: Nodes, true_B: npt.NDArray[np.integer], taxonomy: Taxonomy) -> npt.NDArray[np.bool_]:
    """Returns whether each true class (0 … C-1) is the predicted node or below it: bool [B]."""
    return (taxonomy.leaf_start_N[nodes_B] <= true_B) & (true_B < taxonomy.leaf_stop_N[nodes_B])


def fit_lambda(bets: Bets, true_B: npt.NDArray[np.integer], taxonomy: Taxonomy, accuracy: float) -> float:
    """Finds the smallest λ, up to `PRECISION`, with which at least `accuracy` of these labelled images are correct.

    DARTS, the dual accuracy reward trade-off search: accuracy grows with λ, so bisect. With true probabilities
    λ = accuracy / (1 - accuracy) is always enough: then the root, of value λ, beats every node with a probability below
    `accuracy`. With overconfident probabilities larger λ are searched, too.

    bets: of the images (`compute_bets`, `Bets.concatenate`). true_B: the class of each, 0 … C-1. accuracy: in (0, 1).

    Raises RecipeError if there is no image, and if no λ is enough: a wrong taxon whose probability rounds to 1 always wins.
    """
    if not 0 < accuracy < 1:
        raise RecipeError(f"the target accuracy must be between 0 and 1 (0.95, say); got {accuracy}")
    if not len(true_B):
        raise RecipeError("λ is fitted on labelled images; there are none")

    def compute_accuracy(lambda_: float) -> float:
        return float(is_correct(select_best_bet(bets, lambda_), true_B, taxonomy).mean())

    if compute_accuracy(0) >= accuracy:
        return 0.0
    low, high = 0.0, accuracy / (1 - accuracy)
    while compute_accuracy(high) < accuracy:
        low, high = high, 2 * high
        if high > LARGEST_LAMBDA:
            raise RecipeError(
                f"no λ makes {accuracy:.1%} of these {len(true_B)} images correct, at most {compute_accuracy(low):.1%}: "
                "wrong taxa have shares close to 1; calibrate the temperature first, or lower the target"
            )
    while high - low > PRECISION * high:
        middle = (low + high) / 2
        low, high = (low, middle) if compute_accuracy(middle) >= accuracy else (middle, high)
    return high


def _take(values_BF: Nodes, column_B: npt.NDArray[np.intp]) -> Nodes:
    return np.take_along_axis(values_BF, column_B[:, None], axis=1)[:, 0]
