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
    count_ties,
    roll_up,
    select_largest,
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
            nearest_B, n_tied_B = select_nearest(scores, given.taxonomy)
            return replace(scores, reported_BK=nearest_B[:, None], n_tied_B=n_tied_B)
        return select_least_costly(given.logits, scores, given.taxonomy)


def select_nearest(scores: Scores, taxonomy: Taxonomy) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the taxon with the least expected distance to the true class, and how many have that distance: int64 [B] each.

    Of several it is the first in depth-first order, so rather a taxon than one below it. Only the most probable class is
    considered, since a class is nearer than its parent only if its probability exceeds 1/2.
    """
    held, kind_N = torch.from_numpy(taxonomy.held_nodes), torch.from_numpy(taxonomy.kind_N)
    distances_IB = compute_tree_distances(scores.log_probs_BI, taxonomy)
    best_B = torch.from_numpy(taxonomy.leaf_node_C).long()[scores.top_BK[:, 0]]
    parent_B = torch.from_numpy(taxonomy.place_N[taxonomy.parent_N])[best_B]
    best_distance_B = distances_IB.gather(0, parent_B[None])[0] + 1 - 2 * scores.log_top_BK[:, 0].double().exp()
    distance_B, at_B = distances_IB.min(0)
    nearest_B = torch.from_numpy(taxonomy.owner_N)[held[at_B]].long()  # holes and self leaves belong to their owners
    is_class_B = (kind_N[best_B] == TAXON) & (best_distance_B < distance_B)
    is_answer_I = (kind_N[held] == TAXON) | (held == 0)
    n_tied_B = ((distances_IB == distance_B) & is_answer_I[:, None]).sum(0).clamp_min_(1)
    return torch.where(is_class_B, best_B, nearest_B), torch.where(is_class_B, 1, n_tied_B)


def select_least_costly(logits: Logits, scores: Scores, taxonomy: Taxonomy) -> Scores:
    """Returns the scores with the K classes of the least expected cost, best first; excluded classes come last.

    Makes one more pass over the classes: cost(class) = cost(parent) - height(parent)·p(class).
    """
    costs_IB, normaliser_B = compute_lca_costs(scores.log_probs_BI, taxonomy), _compute_normaliser(logits, scores)
    parent_C = taxonomy.parent_N[taxonomy.leaf_node_C]
    height_C = torch.from_numpy(compute_heights(taxonomy)[parent_C])
    place_C = torch.from_numpy(taxonomy.place_N[parent_C])
    n, k = scores.top_BK.shape
    cost_BK, log_BK = torch.empty(2, n, 0, dtype=torch.float64)
    class_BK = torch.empty(n, 0, dtype=torch.int64)
    for first, logits_cB in logits.chunks():
        these = slice(first, first + len(logits_cB))
        log_cB = logits_cB.double() - normaliser_B
        cost_cB = costs_IB[place_C[these]] - height_C[these, None] * log_cB.exp()
        cost_cB[log_cB == -torch.inf] = torch.inf  # no answer, even where its siblings are probable
        best_Bk = select_largest(-cost_cB.T, min(k, len(cost_cB)))  # of equal costs, the first class
        cost_BK = torch.cat([cost_BK, cost_cB.T.gather(1, best_Bk)], dim=1)
        log_BK = torch.cat([log_BK, log_cB.T.gather(1, best_Bk)], dim=1)
        class_BK = torch.cat([class_BK, best_Bk + first], dim=1)
        kept_BK = select_largest(-cost_BK, min(k, cost_BK.shape[1]))
        cost_BK, log_BK, class_BK = (values.gather(1, kept_BK) for values in (cost_BK, log_BK, class_BK))
    return replace(scores, top_BK=class_BK, log_top_BK=log_BK.float(), n_tied_B=count_ties(cost_BK))


def _compute_normaliser(logits: Logits, scores: Scores) -> torch.Tensor:
    """Computes the log of the softmax's normaliser, float64 [B]: the best class's logit minus its log-probability."""
    score = logits.exact or logits.part
    best_B = [float(score(c, c + 1)[0, row]) for row, c in enumerate(scores.top_BK[:, 0].tolist())]
    return torch.tensor(best_B, dtype=torch.float64) - scores.log_top_BK[:, 0]
