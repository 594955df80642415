"""Expected costs of a prediction: its distance on the tree to the true class, weighted by the class probabilities.

Holes and self leaves do not count in heights and distances; a self leaf has the position of its taxon.

Legend: B images, I held nodes, N nodes. P(v) is the probability of node v.
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
    """Returns the number of taxa on the longest path from each node down to a class, itself excluded: int64 [N].

    Classes have height 0. A hole has the height of its owner, so that two classes whose lowest common ancestor is a hole
    meet in that taxon.
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
    """Computes the expected height of the lowest common ancestor of each held node and the true class: float64 [I, B].

    cost(v) = Σ_l P(l)·height(lca(v, l)) over the classes l (Karthik et al., ICLR 2021, with the LCA height of Bertinetto et
    al., CVPR 2020). The classes that branch off v's path at a node u have the probability P(u) - P(next on the path), so
    that all costs are sums along paths: cost(v) = cost(parent) - P(v)·(height(parent) - height(v)).

    log_probs_BI: natural log-probabilities of `taxonomy.held_nodes`.
    """
    import torch

    held, height_N = taxonomy.held_nodes, compute_heights(taxonomy)
    drop = height_N[taxonomy.parent_N[held]] - height_N[held]
    steps_IB = log_probs_BI.T.double().exp() * torch.from_numpy(-drop)[:, None]
    steps_IB[0] = float(height_N[0])
    return sum_down(steps_IB, held, taxonomy)


def compute_tree_distances(log_probs_BI: torch.Tensor, taxonomy: Taxonomy) -> torch.Tensor:
    """Computes the expected distance in taxa between each held node and the true class, minus the root's: float64 [I, B].

    distance(v) = Σ_l P(l)·d(v, l), by rerooting: a step down to the taxon v reduces the distance to the classes below v by
    one and increases that to all others by one, so distance(v) = distance(parent) + 1 - 2·P(v).

    log_probs_BI: natural log-probabilities of `taxonomy.held_nodes`.
    """
    import torch

    held = taxonomy.held_nodes
    length = torch.from_numpy((taxonomy.kind_N[held] == TAXON).astype(np.float64))
    return sum_down((1 - 2 * log_probs_BI.T.double().exp()) * length[:, None], held, taxonomy)
