"""Subclasses are scored, mapped to their superclass, and reweighted by it: CHiLS (Novack, McAuley, Lipton & Garg, ICML 2023,
arXiv 2302.02551).

The superclasses r are the nodes of one rank, their subclasses the classes c below them. With logits z_c of the classes and z_r
of the superclasses, from the superclasses' own texts, over all classes and all superclasses:

    q(c) = exp(z_c) / Σ exp(z_c')       Q(r) = exp(z_r) / Σ exp(z_r')       s(c) = q(c) · Q(r of c)

    pool=max    P(r) ∝ max s(c) over its classes      the paper's rule: the superclass of the best subclass
    pool=sum    P(r) ∝ Σ s(c) over its classes        the authors' code has it as "supagg"

and within a superclass P(c) = P(r) · q(c) / Σ q(c') over its classes. A superclass without a text (a hole) has no logit: its
Q is the mean, 1 / number of superclasses, so that it is neither favoured nor disfavoured; the softmax of the others sums to
the rest. A superclass of which every class is excluded does not take part.

Legend: B images, C classes, R superclasses, T inner taxa.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.plugin import HeadCapabilities, HeadInput, RecipeError, Scores, roll_up, select_top_nodes
from bioclip_x_plugins.heads.rank_nodes import find_rank_nodes
from bioclip_x_plugins.heads.top_down import Groups


class Chils:
    """Reports taxa of one rank, by the scores of the classes below them and their own.

    rank: of the superclasses. pool: see the module. reweight: whether the superclasses' own texts count; without them, Q is 1.
    """

    def __init__(self, rank: str, *, pool: Literal["max", "sum"] = "max", reweight: bool = True) -> None:
        self.rank, self.pool, self.reweight = rank, pool, reweight

    @property
    def capabilities(self) -> HeadCapabilities:
        """Needs logits of the taxa above the classes only to reweight."""
        return HeadCapabilities(is_softmax=False, chooses_rank=True, needs_inner_taxa=self.reweight)

    def decide(self, given: HeadInput) -> Scores:
        """Returns log-probabilities of the held nodes, and the best superclasses as `reported_BK`, [B, K].

        Raises RecipeError for a rank without a table, and if superclasses lack their logits.
        """
        logits, taxonomy = given.logits, given.taxonomy
        nodes, of_class = find_rank_nodes(taxonomy, self.rank, "rank")
        of_class_C = torch.from_numpy(of_class)
        groups = Groups(len(nodes), logits.n_images)
        for start, logits_cB in logits.chunks():
            groups.add(of_class_C[start : start + len(logits_cB)], logits_cB)
        offset_RB = self._compute_offsets(given, nodes, groups)

        def reweight(start: int, stop: int, part_cB: torch.Tensor) -> torch.Tensor:
            return (part_cB.double() + offset_RB[of_class_C[start:stop]]).float()

        scores = roll_up(logits.map(reweight), taxonomy, n_best=given.n_best)
        reported_BK = torch.tensor(select_top_nodes(taxonomy, scores, nodes, given.n_best))
        return replace(scores, reported_BK=reported_BK)

    def _compute_offsets(self, given: HeadInput, nodes: npt.NDArray[np.int64], groups: Groups) -> torch.Tensor:
        """Computes what is added to the logits of each superclass's classes: float64 [R, B], 0 where all are excluded."""
        possible_RB = groups.peak_IB > -torch.inf
        offset_RB = torch.zeros_like(groups.peak_IB)
        if self.reweight:
            own_RB, has_text_R = collect_own_logits(given, nodes, groups.peak_IB)
            offset_RB += compute_log_weights(own_RB, has_text_R, possible_RB)
        if self.pool == "max":  # max q in place of Σ q
            offset_RB += torch.where(possible_RB, groups.peak_IB - groups.compute_log_sums(), 0.0)
        return offset_RB


def collect_own_logits(
    given: HeadInput, nodes: npt.NDArray[np.int64], peak_RB: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Collects the superclasses' logits from their own texts, float64 [R, B], and which have a text, bool [R].

    peak_RB: the largest logit of their classes; of a superclass that is itself a class, its own logit. Raises RecipeError if
    there are no logits of inner taxa.
    """
    taxonomy, inner_TB = given.taxonomy, given.inner_logits_TB
    is_class_R = np.isin(nodes, taxonomy.leaf_node_C)
    place_N = np.full(taxonomy.n_nodes, -1, np.int64)
    place_N[taxonomy.inner_taxa] = np.arange(len(taxonomy.inner_taxa))
    is_inner_R = place_N[nodes] >= 0
    own_RB = torch.where(torch.from_numpy(is_class_R)[:, None], peak_RB, 0.0)
    if is_inner_R.any():
        if inner_TB is None:
            raise RecipeError(
                f"the head 'chils' needs scores of the {is_inner_R.sum()} taxa that it reports, from their own texts, but this "
                "scorer has only those of classes; use the scorer 'text', or chils with reweight=false"
            )
        own_RB[torch.from_numpy(is_inner_R)] = inner_TB.double()[torch.from_numpy(place_N[nodes[is_inner_R]])]
    return own_RB, torch.from_numpy(is_class_R | is_inner_R)


def compute_log_weights(own_RB: torch.Tensor, has_text_R: torch.Tensor, possible_RB: torch.Tensor) -> torch.Tensor:
    """Computes log Q: float64 [R, B]; Q sums to 1 over the possible superclasses, and log Q is 0 for the others.

    own_RB: float64 [R, B], finite where a superclass has a text.
    """
    with_text_RB = possible_RB & has_text_R[:, None]
    n_B, with_text_B = possible_RB.sum(0).double(), with_text_RB.sum(0).double()
    log_softmax_RB = torch.where(with_text_RB, own_RB, -torch.inf).log_softmax(0)
    log_weight_RB = torch.where(with_text_RB, log_softmax_RB + (with_text_B / n_B).log(), -n_B.log())
    return torch.where(possible_RB, log_weight_RB, 0.0)
