"""Multiplies softmaxes among siblings down the tree, with logits of genera, families, … from their own texts.

Unlike in `rollup`, large clades have no advantage, but the result depends on how well the texts of the upper taxa
discriminate between them.

Legend: B images, C classes, c classes of a chunk, I inner nodes (not classes), T inner taxa.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.plugin import HeadCapabilities, HeadInput, Logits, RecipeError, Scores, Taxonomy, roll_up, sum_down

LOWEST: Final = torch.finfo(torch.float64).min


class TopDown:
    """P(class) = Π over its path of softmax(logit among the siblings); probabilities of taxa are sums over their classes.

    Holes are transparent: the nodes below a hole compete with its siblings. A self leaf competes, with the logit of its class,
    with the nodes below its taxon. A taxon whose classes are all excluded (logits of -inf) does not compete.
    """

    capabilities = HeadCapabilities(is_softmax=False, needs_inner_taxa=True)

    def decide(self, given: HeadInput) -> Scores:
        """Returns log-probabilities of the held nodes, and a winner at every rank that has a table.

        Raises RecipeError if there are no logits of inner taxa.
        """
        logits, taxonomy, inner_TB = given.logits, given.taxonomy, given.inner_logits_TB
        n_inner = len(taxonomy.inner_taxa)
        if n_inner and inner_TB is None:
            raise RecipeError(
                f"the head 'top-down' needs scores of the {n_inner} taxa above the classes, from their own texts, but this "
                "scorer has only those of classes; use the scorer 'text', or the head 'rollup'"
            )
        inner_TB = torch.zeros(0, logits.n_images) if inner_TB is None else inner_TB
        log_probs = compute_class_log_probs(logits, inner_TB, taxonomy)
        return roll_up(log_probs, taxonomy, tuple(taxonomy.rank_tables), n_best=given.n_best)


def compute_class_log_probs(logits: Logits, inner_TB: torch.Tensor, taxonomy: Taxonomy) -> Logits:
    """Computes log-probabilities of classes, which replace their logits.

    log P(class) = logit - log Σ exp(logits of it and its siblings) + log P(taxon above), that is, its logit plus an offset
    shared by all siblings. inner_TB: float32 [T, B], of `taxonomy.inner_taxa`.
    """
    is_inner = np.ones(taxonomy.n_nodes, bool)
    is_inner[taxonomy.leaf_node_C] = False
    inner = np.flatnonzero(is_inner)
    place_N = np.full(taxonomy.n_nodes, -1, np.int64)
    place_N[inner] = np.arange(len(inner))
    above_N = torch.from_numpy(
        place_N[taxonomy.owner_N[taxonomy.parent_N]]
    )  # the index of the taxon above, holes skipped
    above_C, above_T = above_N[taxonomy.leaf_node_C], above_N[taxonomy.inner_taxa]
    place_T = torch.from_numpy(place_N[taxonomy.inner_taxa])

    groups = Groups(len(inner), logits.n_images)
    for start, logits_cB in logits.chunks():
        groups.add(above_C[start : start + len(logits_cB)], logits_cB)
    possible_TB = _propagate_peaks(groups.peak_IB, inner, place_N, taxonomy)[place_T] > -torch.inf
    inner_TB = torch.where(possible_TB, inner_TB.double(), -torch.inf)
    groups.add(above_T, inner_TB)
    log_sum_IB = groups.compute_log_sums()

    steps_IB = torch.zeros_like(log_sum_IB)
    steps_IB[place_T] = inner_TB - log_sum_IB[above_T]
    offset_IB = sum_down(steps_IB, inner, taxonomy) - log_sum_IB
    return logits.map(lambda start, stop, part_cB: (part_cB.double() + offset_IB[above_C[start:stop]]).float())


class Groups:
    """Running logsumexps for each inner node and image.

    peak_IB: float64 [I, B], the largest logit so far; -inf without logits above -inf.
    """

    def __init__(self, n_groups: int, n_images: int) -> None:
        self.peak_IB = torch.full((n_groups, n_images), -torch.inf, dtype=torch.float64)
        self._sum_IB = torch.zeros_like(self.peak_IB)

    def add(self, group_c: torch.Tensor, logits_cB: torch.Tensor) -> None:
        """Adds logits, floating point [c, B]. group_c: int64 [c], the group of each row."""
        logits_cB = logits_cB.double()
        before_IB = self.peak_IB.clamp_min(LOWEST)  # -inf - -inf would be nan
        self.peak_IB.scatter_reduce_(0, group_c[:, None].expand_as(logits_cB), logits_cB, "amax")
        peak_IB = self.peak_IB.clamp_min(LOWEST)
        self._sum_IB *= (before_IB - peak_IB).exp_()
        self._sum_IB.index_add_(0, group_c, (logits_cB - peak_IB[group_c]).exp_())

    def compute_log_sums(self) -> torch.Tensor:
        """Returns float64 [I, B]; 0 for a group whose members are all excluded, which is never used."""
        return torch.where(self._sum_IB > 0, self.peak_IB + self._sum_IB.log(), 0.0)


def _propagate_peaks(
    peak_IB: torch.Tensor, inner: npt.NDArray[np.int64], place_N: npt.NDArray[np.int64], taxonomy: Taxonomy
) -> torch.Tensor:
    """Computes the largest logit of any class below each inner node from those of its direct classes: float64 [I, B]."""
    peak_IB = peak_IB.clone()
    for level in reversed(taxonomy.levels[1:]):
        places = place_N[level]
        places = places[places >= 0]
        above = torch.from_numpy(place_N[taxonomy.parent_N[inner[places]]])
        below_IB = peak_IB[torch.from_numpy(places)]
        peak_IB.scatter_reduce_(0, above[:, None].expand_as(below_IB), below_IB, "amax")
    return peak_IB
