"""Expected costs of an answer: how far from the truth it is, on the tree, weighted by the shares.

Holes and self leaves are no taxa: they add nothing to a height or a distance, and a self leaf lies where its taxon does.

Legend: B images, I held nodes, N nodes. P(v) is the share of node v.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bioclip_x.taxonomy.scoring.path_sums import sum_down
from bioclip_x.taxonomy.tree import TAXON, Taxonomy

if TYPE_CHECKING:
    import torch


@lru_cache(maxsize=2)
def compute_heights(taxonomy: Taxonomy) -> npt.NDArray[np.int64]:
    """int64 [N]: taxa on the longest way from a node down to a class, itself not counted; 0 for classes.

    A hole's is that of its taxon, so that two classes that meet in a hole meet in the taxon.
    """
    depth_N = np.zeros(taxonomy.n_nodes, np.int64)
    for nodes in taxonomy.levels[1:]:
        depth_N[nodes] = depth_N[taxonomy.parent_N[nodes]] + (taxonomy.kind_N[nodes] == TAXON)
    deepest_N = depth_N.copy()
    for nodes in reversed(taxonomy.levels[1:]):
        np.maximum.at(deepest_N, taxonomy.parent_N[nodes], deepest_N[nodes])
    height_N: npt.NDArray[np.int64] = deepest_N - depth_N
    is_inner = np.ones(taxonomy.n_nodes, bool)
    is_inner[taxonomy.leaf_node_C] = False
    height_N[is_inner] = height_N[taxonomy.owner_N[is_inner]]
    return height_N


def compute_lca_costs(log_probs_BI: torch.Tensor, taxonomy: Taxonomy) -> torch.Tensor:
    """Expected height of the lowest common ancestor of each held node and the true class: float64 [I, B].

    cost(v) = Σ_l P(l)·height(lca(v, l)) over the classes l (Karthik et al., ICLR 2021, with the LCA height of Bertinetto et
    al., CVPR 2020). The classes that part from v's path at a node u have the share P(u) - P(next on the path), so that
    all costs are one sum down the tree: cost(v) = cost(parent) - P(v)·(height(parent) - height(v)).

    log_probs_BI: natural logs of shares, of `taxonomy.held_nodes`.
    """
    import torch

    held, height_N = taxonomy.held_nodes, compute_heights(taxonomy)
    drop = height_N[taxonomy.parent_N[held]] - height_N[held]
    steps_IB = log_probs_BI.T.double().exp() * torch.from_numpy(-drop)[:, None]
    steps_IB[0] = float(height_N[0])
    return sum_down(steps_IB, held, taxonomy)


def compute_tree_distances(log_probs_BI: torch.Tensor, taxonomy: Taxonomy) -> torch.Tensor:
    """Expected distance in taxa between each held node and the true class, less that of the root: float64 [I, B].

    distance(v) = Σ_l P(l)·d(v, l), by rerooting: a step down to the taxon v brings the classes below v nearer by one and
    takes all others further off by one, so distance(v) = distance(parent) + 1 - 2·P(v).

    log_probs_BI: natural logs of shares, of `taxonomy.held_nodes`.
    """
    import torch

    held = taxonomy.held_nodes
    length = torch.from_numpy((taxonomy.kind_N[held] == TAXON).astype(np.float64))
    return sum_down((1 - 2 * log_probs_BI.T.double().exp()) * length[:, None], held, taxonomy)
