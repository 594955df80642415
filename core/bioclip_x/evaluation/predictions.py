"""What a classifier predicts for labelled images: the best nodes, and the best of each rank.

Legend: B images of a batch, n images, k best nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.array_types import Floats, Ints
from bioclip_x.evaluation.labelled_images import LabelledImages
from bioclip_x.evaluation.sets import join_sets
from bioclip_x.hooks.capabilities import HeadCapabilities, get_capabilities
from bioclip_x.inference.classifier import Classifier
from bioclip_x.prediction.ranking import count_tied_nodes, replace_by_root, select_best_at_ranks, select_top_nodes
from bioclip_x.records import Scores
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.scoring.hedging import Bets, compute_bets

BEST: Final = 5
MOST: Final = 20
"""Best classes whose distances are measured."""


@dataclass(frozen=True, slots=True, eq=False)
class ImagePredictions:
    """Predictions for n images.

    best_nk: nodes, best first, padded with -1. of_rank: rank → the best node there [n], -1 for an image of which no class is
    left. n_tied: number of images whose best nodes are tied. set_nk: the sets of a head that reports sets, padded with -1; else
    None. The rest only where it is asked for: share_n, float64 [n], the probability of the best node; top_of_rank, rank → the
    best nodes there, int64 [n, k]; share_of_rank, rank → the probability of the first; bets: see `Bets`.
    """

    best_nk: Ints
    of_rank: Mapping[str, Ints]
    n_tied: int = 0
    set_nk: Ints | None = None
    share_n: Floats = field(default_factory=lambda: np.zeros(0))
    top_of_rank: Mapping[str, Ints] = field(default_factory=dict)
    share_of_rank: Mapping[str, Floats] = field(default_factory=dict)
    bets: Bets | None = None


@torch.inference_mode()
def predict_images(classifier: Classifier, images: LabelledImages, rows: Ints) -> ImagePredictions:
    """Returns the head's predictions for the images `rows`, in that order."""
    parts = []
    for part in images.parts(classifier, rows):
        scores, is_excluded_B = classifier.decide(part.scored, part.sources)
        predictions = read_predictions(scores, classifier.taxonomy, np.array(is_excluded_B, bool), MOST)
        if get_capabilities(classifier.head, HeadCapabilities).sets and scores.reported_BK is not None:
            predictions = replace(predictions, set_nk=scores.reported_BK.numpy().astype(np.int64))
        parts.append(read_details(predictions, scores, classifier.taxonomy))
    return join_predictions(parts)


def read_predictions(
    scores: Scores, tree: Taxonomy, is_excluded_B: npt.NDArray[np.bool_] | None = None, most: int = BEST
) -> ImagePredictions:
    """Returns a batch's best nodes, and its best nodes at every rank.

    is_excluded_B: images of which no class is left. most: number of best nodes.
    """
    best_Bk = _collect_best_nodes(scores, tree, most)
    of_rank = {
        rank: np.array(nodes, np.int64)
        for rank, nodes in select_best_at_ranks(tree, replace(scores, ranks=tuple(tree.rank_tables)))
    }
    if is_excluded_B is not None:
        best_Bk[is_excluded_B] = -1
        of_rank = {rank: np.where(is_excluded_B, -1, node_B) for rank, node_B in of_rank.items()}
    return ImagePredictions(best_Bk, of_rank, int((count_tied_nodes(tree, scores, None) > 1).sum()))


def read_details(predictions: ImagePredictions, scores: Scores, tree: Taxonomy) -> ImagePredictions:
    """Adds the probabilities, the best nodes of each rank, and the bets of a batch to its predictions."""
    plain = replace(scores, reported_BK=None, n_tied_B=None)
    top_of_rank, share_of_rank = {}, {}
    for rank, nodes in tree.rank_tables.items():
        top = np.array(select_top_nodes(tree, plain, nodes.astype(np.int64), BEST), np.int64).reshape(
            len(scores.top_BK), -1
        )
        top_of_rank[rank] = np.pad(top, ((0, 0), (0, BEST - top.shape[1])), constant_values=-1)
        share_of_rank[rank] = _find_shares(predictions.of_rank[rank], scores, tree)
    share_B = _find_shares(predictions.best_nk[:, 0], scores, tree)
    return replace(
        predictions,
        share_n=share_B,
        top_of_rank=top_of_rank,
        share_of_rank=share_of_rank,
        bets=compute_bets(scores, tree),
    )


def _find_shares(node_B: Ints, scores: Scores, tree: Taxonomy) -> Floats:
    """Returns the probability of a node of each image, float64 [B]; 0 for none, nan for one that the head does not hold."""
    place_B = tree.place_N[node_B.clip(0)]
    log_B = scores.log_probs_BI.numpy()[np.arange(len(node_B)), place_B.clip(0)].astype(np.float64)
    is_best_Bk = tree.leaf_node_C[scores.top_BK.numpy()] == node_B[:, None]
    log_top_B = np.where(is_best_Bk, scores.log_top_BK.numpy(), -np.inf).max(1, initial=-np.inf).astype(np.float64)
    log_B = np.where(place_B >= 0, log_B, np.where(is_best_Bk.any(1), log_top_B, np.nan))
    shares: Floats = np.where(node_B >= 0, np.exp(log_B), 0.0)
    return shares


def join_predictions(parts: Sequence[ImagePredictions]) -> ImagePredictions:
    """Joins the predictions of one batch or more."""

    def join(name: str) -> dict[str, Any]:
        return {rank: np.concatenate([getattr(part, name)[rank] for part in parts]) for rank in getattr(parts[0], name)}

    bets = [part.bets for part in parts if part.bets is not None]
    return ImagePredictions(
        np.concatenate([part.best_nk for part in parts]),
        join("of_rank"),
        sum(part.n_tied for part in parts),
        join_sets([part.set_nk for part in parts if part.set_nk is not None]),
        np.concatenate([part.share_n for part in parts]),
        join("top_of_rank"),
        join("share_of_rank"),
        Bets.concatenate(bets) if bets else None,
    )


def _collect_best_nodes(scores: Scores, tree: Taxonomy, most: int) -> Ints:
    """Returns the best nodes of each image, padded with -1: int64 [B, most]."""
    if scores.reported_BK is not None:
        nodes_BK = replace_by_root(tree, scores.reported_BK[:, :most].numpy().astype(np.int64))
    else:
        nodes_BK = tree.leaf_node_C[scores.top_BK[:, :most].numpy()].astype(np.int64)
        nodes_BK[scores.log_top_BK[:, :most].numpy() == -np.inf] = -1  # excluded by an adjustment
    return np.pad(nodes_BK, ((0, 0), (0, most - nodes_BK.shape[1])), constant_values=-1)
