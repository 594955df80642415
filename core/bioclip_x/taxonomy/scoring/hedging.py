"""How far down the tree to commit: bets hedged between being right and being specific.

A bet on a node is right if the true class lies below it, or is it. Holes are no taxa and are never bet on; of nodes with
the same classes below, only the deepest is.

Deng, Krause, Berg & Fei-Fei, Hedging Your Bets: Optimizing Accuracy-Specificity Trade-offs in Large Scale Visual
Recognition, CVPR 2012.

Legend: B images, C classes, F bets that may win, J inner nodes to bet on, N nodes.
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
from bioclip_x.taxonomy.tree import HOLE, Taxonomy

Nodes = npt.NDArray[np.int64]

PRECISION: Final = 1e-4
"""To which part of itself a λ is found."""
LARGEST_LAMBDA: Final = 1e12
"""From here on only shares that differ from 1 by rounding are told apart."""


@dataclass(frozen=True, eq=False)
class Bets:
    """The few nodes of each image that can win under any threshold or λ, most general first. Small, whatever the tree.

    Of those that say as much, the more probable come first.

    nodes_BF: int64 [B, F], -1 where an image has fewer than F. shares_BF, information_BF: float64 [B, F], 0 there.
    """

    nodes_BF: Nodes
    shares_BF: Floats
    information_BF: Floats

    @staticmethod
    def joined(many: Sequence[Bets]) -> Bets:
        """The images of all, in order."""
        width = max(bets.nodes_BF.shape[1] for bets in many)

        def stacked(arrays: Iterable[npt.NDArray[Any]], fill: int) -> npt.NDArray[Any]:
            return np.concatenate(
                [np.pad(one, ((0, 0), (0, width - one.shape[1])), constant_values=fill) for one in arrays]
            )

        return Bets(
            stacked((bets.nodes_BF for bets in many), -1),
            stacked((bets.shares_BF for bets in many), 0),
            stacked((bets.information_BF for bets in many), 0),
        )


def compute_information(taxonomy: Taxonomy) -> Floats:
    """float64 [N], what naming a node says: (log2 C - log2 (classes below)) / log2 C, 0 at the root, 1 at a class.

    All 0 in a tree of one class.
    """
    below = (taxonomy.leaf_stop_N - taxonomy.leaf_start_N).astype(np.float64)
    return 1 - np.log2(below) / np.log2(taxonomy.n_classes) if taxonomy.n_classes > 1 else np.zeros(taxonomy.n_nodes)


def compute_bets(scores: Scores, taxonomy: Taxonomy) -> Bets:
    """The nodes that can win: those than which none that says as much has a larger share.

    Of the classes that is the best one alone: all say the same, so no rule prefers a less probable one.
    """
    inner, information_J = _inner(taxonomy)
    logs = scores.log_probs_BI[:, taxonomy.place_N[inner]].numpy(), scores.log_top_BK[:, :1].numpy()
    shares = np.exp(np.concatenate(logs, axis=1).astype(np.float64)).clip(max=1)
    if len(inner):
        shares[:, 0] = 1  # all classes lie below it; the sum of their shares is this up to rounding
    best = taxonomy.leaf_node_C[scores.top_BK[:, 0].numpy()]
    # As information grows along a row, a node can win only with a larger share than each that comes after it.
    after = np.maximum.accumulate(shares[:, ::-1], axis=1)[:, ::-1]
    can_win = np.ones(shares.shape, bool)
    can_win[:, :-1] = shares[:, :-1] > after[:, 1:]
    row, column = np.nonzero(can_win)
    counts = can_win.sum(1)
    place = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    shape = len(shares), int(counts.max(initial=0))
    nodes_BF, shares_BF, information_BF = np.full(shape, -1, np.int64), np.zeros(shape), np.zeros(shape)
    nodes_BF[row, place] = np.where(column < len(inner), np.append(inner, -1)[column], best[row])
    shares_BF[row, place] = shares[row, column]
    information_BF[row, place] = np.append(information_J, float(taxonomy.n_classes > 1))[column]
    return Bets(nodes_BF, shares_BF, information_BF)


@lru_cache(maxsize=2)
def _inner(taxonomy: Taxonomy) -> tuple[Nodes, Floats]:
    """The inner nodes to bet on, int64 [J], and what they say, float64 [J], the least first. The first has all classes."""
    nodes = np.flatnonzero(taxonomy.kind_N != HOLE)
    starts, stops = taxonomy.leaf_start_N[nodes], taxonomy.leaf_stop_N[nodes]
    order = np.lexsort((nodes, stops, starts))  # nodes of the same classes side by side, the deepest last
    same_as_next = (np.diff(starts[order]) == 0) & (np.diff(stops[order]) == 0)
    deepest = nodes[order[~np.append(same_as_next, False)]]
    inner = np.setdiff1d(deepest, taxonomy.leaf_node_C)
    says = compute_information(taxonomy)[inner]
    order = np.argsort(says, kind="stable")
    return inner[order], says[order]


def select_most_specific(bets: Bets, threshold: float) -> Nodes:
    """The node that says most among those with a share of `threshold` or more: int64 [B]. Of several, the most probable.

    threshold: above 0, at most 1. The root, or what all classes lie below, has a share of 1. From 0.5 on all that pass
    lie on one path, and this is the deepest of them.
    """
    says_BF = np.where(bets.shares_BF >= threshold, bets.information_BF, -1)
    return _taken(bets, says_BF.argmax(1))  # the first of those that say as much, whose share is the largest


def select_best_bet(bets: Bets, lambda_: float) -> Nodes:
    """The node of the largest (information + λ)·share, int64 [B]: f_λ of the paper. Of equals, the most specific.

    lambda_: 0 or more. The larger, the more being right counts, and the higher up the answers lie.
    """
    value_BF = (bets.information_BF + lambda_) * bets.shares_BF
    value_BF[bets.nodes_BF < 0] = -1
    return _taken(bets, value_BF.shape[1] - 1 - value_BF[:, ::-1].argmax(1))


def is_right(nodes_B: Nodes, true_B: npt.NDArray[np.integer], taxonomy: Taxonomy) -> npt.NDArray[np.bool_]:
    """bool [B], whether each true class (0 … C-1) lies below the node named, or is it."""
    return (taxonomy.leaf_start_N[nodes_B] <= true_B) & (true_B < taxonomy.leaf_stop_N[nodes_B])


def fit_lambda(bets: Bets, true_B: npt.NDArray[np.integer], taxonomy: Taxonomy, accuracy: float) -> float:
    """A λ with which at least `accuracy` of these labelled images are named rightly, hardly larger than needed.

    DARTS, the dual accuracy reward trade-off search: accuracy grows with λ, so bisect. With true probabilities
    λ = accuracy / (1 - accuracy) is always enough: there the root, worth λ, beats every node of a smaller share than
    `accuracy`. Where shares are overconfident λ is looked for above it, too.

    bets: of the images (`compute_bets`, `Bets.joined`). true_B: the class of each, 0 … C-1. accuracy: between 0 and 1, exclusive.

    Raises RecipeError where there is no image, and where no λ is enough: a wrong taxon whose share rounds to 1 wins always.
    """
    if not 0 < accuracy < 1:
        raise RecipeError(f"the accuracy to be reached must lie between 0 and 1 (0.95, say); got {accuracy}")
    if not len(true_B):
        raise RecipeError("λ is found on labelled images; there is none")

    def reached(lambda_: float) -> float:
        return float(is_right(select_best_bet(bets, lambda_), true_B, taxonomy).mean())

    if reached(0) >= accuracy:
        return 0.0
    low, high = 0.0, accuracy / (1 - accuracy)
    while reached(high) < accuracy:
        low, high = high, 2 * high
        if high > LARGEST_LAMBDA:
            raise RecipeError(
                f"no λ makes {accuracy:.1%} of these {len(true_B)} images right, at most {reached(low):.1%}: wrong taxa "
                "have shares of all but 1. Calibrate the temperature first, or ask for less"
            )
    while high - low > PRECISION * high:
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) >= accuracy else (middle, high)
    return high


def _taken(bets: Bets, column_B: npt.NDArray[np.intp]) -> Nodes:
    return np.take_along_axis(bets.nodes_BF, column_B[:, None], axis=1)[:, 0]
