"""Sums over clades, in log space.

Legend: B images, C classes, N nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bioclip_x.taxonomy.tree import Taxonomy

if TYPE_CHECKING:
    import torch


def node_log_probs(log_probs_BC: torch.Tensor, taxonomy: Taxonomy) -> torch.Tensor:
    """The log of each node's summed probability: log-probabilities of classes [B, C] → [B, N], same dtype.

    A logsumexp over children, level by level from the tips, each shifted by its own maximum: a clade whose share
    underflows still has its log. Sums in float64.
    """
    import torch

    log_NB = torch.full((taxonomy.n_nodes, len(log_probs_BC)), -torch.inf, dtype=torch.float64)
    log_NB[torch.from_numpy(taxonomy.leaf_node_C.astype(np.int64))] = log_probs_BC.double().T
    parent_N = torch.from_numpy(taxonomy.parent_N.astype(np.int64))
    for nodes in map(torch.from_numpy, reversed(taxonomy.levels[1:])):
        parents, group = torch.unique(parent_N[nodes], return_inverse=True)
        shape = (len(parents), log_NB.shape[1])
        children = log_NB[nodes]
        top = torch.full(shape, -torch.inf, dtype=torch.float64)
        top.scatter_reduce_(0, group[:, None].expand_as(children), children, "amax")
        finite = top.clamp_min(torch.finfo(torch.float64).min)  # -inf - -inf would be nan
        sums = torch.zeros(shape, dtype=torch.float64).index_add_(0, group, torch.exp(children - finite[group]))
        log_NB[parents] = finite + sums.log()
    return log_NB.T.to(log_probs_BC.dtype)
