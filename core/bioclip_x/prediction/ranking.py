"""Selects the best nodes: among the classes, at one rank, or at every rank."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.errors import RecipeError
from bioclip_x.records import Scores
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.scoring.best_classes import count_ties, select_top_rows


def find_reportable_nodes(taxonomy: Taxonomy, rank: str | None) -> npt.NDArray[np.int64] | None:
    """Returns the nodes that may be reported: all nodes of a rank; None for the classes.

    Raises RecipeError for a rank that the taxonomy has no table for.
    """
    if rank is None:
        return None
    if rank not in taxonomy.rank_tables:
        known = ", ".join(taxonomy.rank_tables) or "none"
        raise RecipeError(f"this taxonomy has no table at rank {rank!r}; it has: {known}")
    return taxonomy.rank_tables[rank].astype(np.int64)


def select_top_nodes(
    taxonomy: Taxonomy, scores: Scores, nodes: npt.NDArray[np.int64] | None, k: int
) -> list[list[int]]:
    """Returns the nodes to report for each image, at most k, best first: the head's choice, else the best of `nodes`.

    Of nodes that are equally good, the one whose classes come first is the first. nodes: None for the classes.
    """
    if scores.reported_BK is not None:
        chosen_BK = replace_by_root(taxonomy, scores.reported_BK.numpy())
        return [[node for node in row if node >= 0][:k] for row in chosen_BK.tolist()]
    if nodes is None or _are_classes(taxonomy, nodes):
        best_BK = taxonomy.leaf_node_C[scores.top_BK[:, :k].numpy()]
    else:
        log_probs_nB = _get_log_probs(taxonomy, scores, nodes)
        best_BK = nodes[select_top_rows(log_probs_nB, min(k, len(nodes))).numpy()]
    top_nodes: list[list[int]] = best_BK.tolist()
    return top_nodes


def count_tied_nodes(taxonomy: Taxonomy, scores: Scores, nodes: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64]:
    """Returns for each image how many nodes are as good as the first of `select_top_nodes`, itself included: int64 [B].

    At least 1. Of classes only the K best are counted. An image of which no class is left has no ties.
    """
    if scores.n_tied_B is not None and (nodes is None or scores.reported_BK is not None):
        n_tied_B = scores.n_tied_B
    elif scores.reported_BK is not None:
        n_tied_B = torch.ones(len(scores.top_BK), dtype=torch.int64)
    elif nodes is None or _are_classes(taxonomy, nodes):
        n_tied_B = count_ties(scores.log_top_BK)
    else:
        log_probs_nB = _get_log_probs(taxonomy, scores, nodes)
        n_tied_B = (log_probs_nB == log_probs_nB.amax(0)).sum(0)
    counts_B: npt.NDArray[np.int64] = torch.where(scores.log_top_BK[:, 0].isfinite(), n_tied_B, 1).clamp_min(1).numpy()
    return counts_B


def _are_classes(taxonomy: Taxonomy, nodes: npt.NDArray[np.int64]) -> bool:
    """Whether nodes are not held, as the classes of a large tree."""
    return bool(taxonomy.place_N[nodes[0]] < 0)


def _get_log_probs(taxonomy: Taxonomy, scores: Scores, nodes: npt.NDArray[np.int64]) -> torch.Tensor:
    """Returns the log-probabilities of held nodes, float32 [n, B]."""
    return scores.log_probs_BI.T.index_select(0, torch.from_numpy(taxonomy.place_N[nodes]))


def replace_by_root(taxonomy: Taxonomy, nodes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Replaces nodes that hold every class by the root: "class Aves" says nothing where all classes are birds."""
    n_below = taxonomy.leaf_stop_N[nodes] - taxonomy.leaf_start_N[nodes]
    says_nothing = (n_below == taxonomy.n_classes) & (nodes >= 0) & (taxonomy.n_classes > 1)
    return np.where(says_nothing, 0, nodes)


def select_best_at_ranks(taxonomy: Taxonomy, scores: Scores) -> list[tuple[str, list[int]]]:
    """Returns the best node of each image at each of the head's ranks: (rank, B nodes)."""
    return [
        (
            rank,
            [
                row[0]
                for row in select_top_nodes(
                    taxonomy, _drop_choice(scores), taxonomy.rank_tables[rank].astype(np.int64), 1
                )
            ],
        )
        for rank in scores.ranks
    ]


def _drop_choice(scores: Scores) -> Scores:
    """Returns the scores without the head's choice of nodes."""
    return replace(scores, reported_BK=None, n_tied_B=None)
