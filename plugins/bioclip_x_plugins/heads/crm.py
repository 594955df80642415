"""Minimises the expected cost: Karthik et al., No Cost Likelihood Manipulation at Test Time for Making Better Mistakes in
Deep Networks, ICLR 2021 (arXiv 2104.00795).

Legend: B images, C classes, c classes of a chunk, I held nodes, K best classes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch

from bioclip_x.plugin import (
    TAXON,
    HeadCapabilities,
    HeadInput,
    Logits,
    Scores,
    Taxonomy,
    compute_heights,
    compute_lca_costs,
    compute_tree_distances,
    roll_up,
)


class Crm:
    """Conditional risk minimisation: chooses the prediction with the least expected cost; probabilities are unchanged.

    over: "leaves" sorts the classes by their expected cost, the expected height of the lowest common ancestor with the true
        class. "nodes" reports the taxon, of any rank, with the least expected distance to the true class in the tree.
    """

    capabilities = HeadCapabilities(chooses_rank=True)

    def __init__(self, over: Literal["leaves", "nodes"] = "leaves") -> None:
        self.over = over

    def decide(self, given: HeadInput) -> Scores:
        """Returns the probabilities of `rollup`, with `top_BK` sorted by cost, or the chosen taxon as `reported_BK`, [B, 1]."""
        scores = roll_up(given.logits, given.taxonomy, n_best=given.n_best)
        if self.over == "nodes":
            return replace(scores, reported_BK=select_nearest(scores, given.taxonomy)[:, None])
        top_BK, log_top_BK = select_least_costly(given.logits, scores, given.taxonomy)
        return replace(scores, top_BK=top_BK, log_top_BK=log_top_BK)


def select_nearest(scores: Scores, taxonomy: Taxonomy) -> torch.Tensor:
    """Returns the taxon with the least expected distance to the true class, int64 [B].

    Only the most probable class is considered, since a class is nearer than its parent only if its probability exceeds 1/2.
    """
    held, kind_N = torch.from_numpy(taxonomy.held_nodes), torch.from_numpy(taxonomy.kind_N)
    distances_IB = compute_tree_distances(scores.log_probs_BI, taxonomy)
    best_B = torch.from_numpy(taxonomy.leaf_node_C).long()[scores.top_BK[:, 0]]
    parent_B = torch.from_numpy(taxonomy.place_N[taxonomy.parent_N])[best_B]
    best_distance_B = distances_IB.gather(0, parent_B[None])[0] + 1 - 2 * scores.log_top_BK[:, 0].double().exp()
    distance_B, at_B = distances_IB.min(0)
    nearest_B = torch.from_numpy(taxonomy.owner_N)[held[at_B]].long()  # holes and self leaves belong to their owners
    return torch.where((kind_N[best_B] == TAXON) & (best_distance_B < distance_B), best_B, nearest_B)


def select_least_costly(logits: Logits, scores: Scores, taxonomy: Taxonomy) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the K classes with the least expected cost, int64 [B, K], best first, and their log-probabilities, float32.

    Makes one more pass over the classes: cost(class) = cost(parent) - height(parent)·p(class).
    """
    costs_IB, normaliser_B = compute_lca_costs(scores.log_probs_BI, taxonomy), _compute_normaliser(logits, scores)
    parent_C = taxonomy.parent_N[taxonomy.leaf_node_C]
    height_C = torch.from_numpy(compute_heights(taxonomy)[parent_C])
    place_C = torch.from_numpy(taxonomy.place_N[parent_C])
    n, k = scores.top_BK.shape
    cost_KB, log_KB = torch.empty(2, 0, n, dtype=torch.float64)
    class_KB = torch.empty(0, n, dtype=torch.int64)
    for first, logits_cB in logits.chunks():
        these = slice(first, first + len(logits_cB))
        log_cB = logits_cB.double() - normaliser_B
        cost_cB = costs_IB[place_C[these]] - height_C[these, None] * log_cB.exp()
        classes_cB = torch.arange(these.start, these.stop)[:, None].expand_as(log_cB)
        both = torch.cat([cost_KB, cost_cB])
        cost_KB, at_KB = both.topk(min(k, len(both)), dim=0, largest=False)
        log_KB = torch.cat([log_KB, log_cB]).gather(0, at_KB)
        class_KB = torch.cat([class_KB, classes_cB]).gather(0, at_KB)
    return class_KB.T.contiguous(), log_KB.T.float().contiguous()


def _compute_normaliser(logits: Logits, scores: Scores) -> torch.Tensor:
    """Computes the log of the softmax's normaliser, float64 [B]: the best class's logit minus its log-probability."""
    score = logits.exact or logits.part
    best_B = [score(c, c + 1)[0, row] for row, c in enumerate(scores.top_BK[:, 0].tolist())]
    return torch.stack(best_B).double() - scores.log_top_BK[:, 0]
