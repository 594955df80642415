"""The losses as functions of shells: each image's taxon is shell 0, and each wider one is an ancestor without the last.

A probability is that of a node under the softmax over all leaves, so the last range must be the root's. All logarithms come
from log-sums of disjoint sets of leaves: -log p(a | a or b) = -log σ(lse(a) - lse(b)), without the difference of near equals.

Legend: B images, R ranges, of which the last has all leaves.
"""

from __future__ import annotations

import torch
from torch.nn.functional import logsigmoid

from bioclip_x_plugins.losses.tree.shells import LOWEST, Shells


def compute_cross_entropies(log_sums_BR: torch.Tensor) -> torch.Tensor:
    """Computes -log p(range r) = -(lse(its leaves) - lse(all leaves)): [B, R], 0 for the root.

    log_sums_BR: of the shells.
    """
    inside_BR = _add_up(log_sums_BR)
    outside_BR = _add_up(log_sums_BR.flip(1)).flip(1)[:, 1:]
    outside_BR = torch.cat([outside_BR, torch.full_like(log_sums_BR[:, :1], LOWEST)], dim=1)
    return -logsigmoid(inside_BR - outside_BR)


def compute_conditionals(log_sums_BR: torch.Tensor) -> torch.Tensor:
    """Computes -log p(range r | range r + 1): [B, R - 1]. log_sums_BR: of the shells."""
    return -logsigmoid(_add_up(log_sums_BR)[:, :-1] - log_sums_BR[:, 1:])


def compute_hxe(log_sums_BR: torch.Tensor, depth_BR: torch.Tensor, alpha: float) -> torch.Tensor:
    """Computes the hierarchical cross-entropy of Bertinetto et al. (CVPR 2020, arXiv 1912.09393, equations 3 to 5): [B].

        Σ_r -λ(r) log p(range r | range r + 1),  λ(r) = exp(-α · depth(r))

    depth: of the node from the root, whose children have 1, as in the authors' code (`get_exponential_weighting`); with a
    larger α the coarse decisions weigh more, as their text says, although it calls the exponent the node's height. Their code
    also divides the weights by the sum of those of all nodes, which the equations do not. With α = 0 it is cross-entropy.

    log_sums_BR: of the shells. depth_BR: of the ranges.
    """
    weight_BR = torch.exp(-alpha * depth_BR[:, :-1].to(log_sums_BR.dtype))
    return (weight_BR * compute_conditionals(log_sums_BR)).sum(dim=1)


def compute_soft_label_loss(shells: Shells, distance_BR: torch.Tensor, beta: float) -> torch.Tensor:
    """Computes the cross-entropy with the soft labels of Bertinetto et al. (CVPR 2020, arXiv 1912.09393, section 3.3): [B].

        -Σ_c q(c) log p(c),  q = softmax_c(-β · d(c, label)),  d = height of the lowest common ancestor / largest of all pairs

    All leaves of a shell have the same distance, and with it the same label. Where shell 0 has several leaves (the label is
    above the classes), which of them it is is not known: their labels count together, -q(shell 0) log p(shell 0).

    distance_BR: of the leaves of each shell, in [0, 1]; that of a label which is a single leaf counts as 0.
    """
    log_sums_BR = shells.log_sums_BR
    is_leaf_B1 = shells.sizes_BR[:, :1] == 1
    distance_BR = torch.cat([distance_BR[:, :1].masked_fill(is_leaf_B1, 0), distance_BR[:, 1:]], dim=1)
    log_all_B1 = log_sums_BR.logsumexp(dim=1, keepdim=True)
    log_weight_BR = shells.sizes_BR.to(log_sums_BR.dtype).log() - beta * distance_BR.to(log_sums_BR.dtype)
    label_BR = log_weight_BR.softmax(dim=1)
    mean_BR = shells.sums_BR / shells.sizes_BR.clamp(min=1)
    score_BR = torch.cat([log_sums_BR[:, :1], mean_BR[:, 1:]], dim=1)
    return -(label_BR * (score_BR - log_all_B1)).sum(dim=1)


def _add_up(log_sums_BR: torch.Tensor) -> torch.Tensor:
    """Returns the log of the running sums of exponentials."""
    sums = [log_sums_BR[:, 0]]
    for shell_B in log_sums_BR[:, 1:].unbind(dim=1):
        sums.append(torch.logaddexp(sums[-1], shell_B))
    return torch.stack(sums, dim=1)
