"""The taxa above each node as tensors, without holes and self leaves: they have no depth, no height and no loss.

Legend: B images, N nodes, R taxa from an image's own up to the root.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from bioclip_x.plugin import Taxonomy, compute_heights


@dataclass(frozen=True, eq=False)
class Paths:
    """Each image's taxon and those above it, up to the root, which is repeated at the end.

    known_B: bool, False for images without a taxon (or of the root): their paths are only the root. node_BR: int64.
    start_BR, stop_BR: int64, the range of leaves of each.
    """

    known_B: torch.Tensor
    node_BR: torch.Tensor
    start_BR: torch.Tensor
    stop_BR: torch.Tensor


class TaxonTree(nn.Module):
    """The taxa of a tree as buffers, which move to the device with the loss, and are not saved, since the taxonomy is.

    owner_N, parent_N: int64, the taxon that a node stands for, and the one above that. start_N, stop_N: int64, leaves.
    depth_N: int64, the number of taxa from below the root to the node. distance_N: float32, the node's height in taxa over
    that of the highest lowest common ancestor of two classes: the distance of two classes that meet in it.
    n_levels: the largest number of taxa on a path, with the root.
    """

    owner_N: torch.Tensor
    parent_N: torch.Tensor
    start_N: torch.Tensor
    stop_N: torch.Tensor
    depth_N: torch.Tensor
    distance_N: torch.Tensor

    def __init__(self, taxonomy: Taxonomy) -> None:
        super().__init__()
        owner_N = taxonomy.owner_N.astype(np.int64)
        parent_N = owner_N[np.maximum(taxonomy.parent_N[owner_N], 0)]
        depth_N = np.zeros(taxonomy.n_nodes, np.int64)
        for nodes in taxonomy.levels[1:]:
            is_taxon = owner_N[nodes] == nodes
            depth_N[nodes] = np.where(is_taxon, depth_N[parent_N[nodes]] + 1, depth_N[owner_N[nodes]])
        self.n_levels = int(depth_N.max()) + 1
        height_N = compute_heights(taxonomy)
        is_whole = taxonomy.leaf_stop_N - taxonomy.leaf_start_N == taxonomy.n_classes
        highest = int(height_N[is_whole][-1])  # of the deepest node above all leaves; depth first, the last
        self._keep("distance_N", height_N.astype(np.float32) / max(highest, 1))
        self._keep("owner_N", owner_N)
        self._keep("parent_N", parent_N)
        self._keep("start_N", taxonomy.leaf_start_N.astype(np.int64))
        self._keep("stop_N", taxonomy.leaf_stop_N.astype(np.int64))
        self._keep("depth_N", depth_N)

    def _keep(self, name: str, values: Any) -> None:
        self.register_buffer(name, torch.from_numpy(values), persistent=False)

    def find_paths(self, node_B: torch.Tensor, *, ends_only: bool = False) -> Paths:
        """Returns the taxa of the images, and those above. node_B: int64, -1 for none. ends_only: [own taxon, root] only."""
        node_B = self.owner_N[node_B.clamp(min=0)]
        nodes = [node_B]
        for _ in range(0 if ends_only else self.n_levels - 2):
            nodes.append(self.parent_N[nodes[-1]])
        nodes.append(torch.zeros_like(node_B))
        node_BR = torch.stack(nodes, dim=1)
        return Paths(node_B > 0, node_BR, self.start_N[node_BR], self.stop_N[node_BR])


def find_classes(taxonomy: Taxonomy) -> np.ndarray:
    """Returns the class index of the taxon that each node stands for: int64 [N], -1 for taxa that are no classes."""
    return taxonomy.class_of_N[taxonomy.owner_N].astype(np.int64)


def name_class_level(taxonomy: Taxonomy) -> str:
    """Returns the rank of the classes if they have one in common, else "class"."""
    ranks = {taxonomy.rank(int(node)) for node in taxonomy.owner_N[taxonomy.leaf_node_C]}
    return ranks.pop() or "class" if len(ranks) == 1 else "class"


def list_inner_ranks(taxonomy: Taxonomy) -> list[str]:
    """Returns the ranks of the taxa that are above others, from the top down."""
    found = dict.fromkeys(taxonomy.rank_N[taxonomy.inner_taxa].tolist())
    return [taxonomy.rank_names[rank] for rank in found if taxonomy.rank_names[rank]]


def find_at_rank(taxonomy: Taxonomy, rank: str) -> np.ndarray:
    """Returns the taxon of a rank that each node is or is below: int64 [N], -1 where the lineage has none."""
    is_wanted_N = (taxonomy.rank_N == taxonomy.rank_names.index(rank)) & (
        taxonomy.owner_N == np.arange(taxonomy.n_nodes)
    )
    at_N = np.where(is_wanted_N, np.arange(taxonomy.n_nodes), -1)
    for nodes in taxonomy.levels[1:]:
        at_N[nodes] = np.where(is_wanted_N[nodes], nodes, at_N[taxonomy.parent_N[nodes]])
    return at_N
