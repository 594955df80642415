"""Finds ancestors of all nodes at once.

Legend: N nodes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from bioclip_x.taxonomy.ranks import ORDER
from bioclip_x.taxonomy.tree import TAXON, Taxonomy

MAX_NAMES: Final = 8
"""Names shown of a path in a message."""


def is_taxon(taxonomy: Taxonomy) -> npt.NDArray[np.bool_]:
    """Returns which nodes are taxa, that is, neither root nor hole nor self leaf: bool [N]."""
    is_taxon_N: npt.NDArray[np.bool_] = taxonomy.kind_N == TAXON
    return is_taxon_N


def list_taxa(taxonomy: Taxonomy) -> list[int]:
    """Returns the nodes that are taxa, depth first."""
    nodes: list[int] = np.flatnonzero(is_taxon(taxonomy)).tolist()
    return nodes


def find_rank_order(taxonomy: Taxonomy) -> npt.NDArray[np.int64]:
    """Returns the position of each taxon's rank in `ORDER`, 0 for the highest; -1 for other ranks and nodes: int64 [N]."""
    order = np.array([ORDER.get(rank, -1) for rank in taxonomy.rank_names], np.int64)
    return np.where(is_taxon(taxonomy), order[taxonomy.rank_N], -1)


def find_nearest(taxonomy: Taxonomy, wanted_N: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Returns each node's nearest wanted ancestor-or-self, 0 where there is none: int64 [N]."""
    nearest_N = np.where(wanted_N, np.arange(taxonomy.n_nodes), 0)
    nearest_N[0] = 0
    for nodes in taxonomy.levels[1:]:
        nearest_N[nodes] = np.where(wanted_N[nodes], nodes, nearest_N[taxonomy.parent_N[nodes]])
    return nearest_N


def find_nearest_above(taxonomy: Taxonomy, wanted_N: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Returns each node's nearest wanted proper ancestor, 0 where there is none: int64 [N]."""
    return find_nearest(taxonomy, wanted_N)[np.maximum(taxonomy.parent_N, 0)]


def find_taxa_above(taxonomy: Taxonomy) -> npt.NDArray[np.int64]:
    """Returns each node's parent taxon, skipping holes; 0 for top-level nodes: int64 [N]."""
    return taxonomy.owner_N[np.maximum(taxonomy.parent_N, 0)].astype(np.int64)


def find_last_below(taxonomy: Taxonomy) -> npt.NDArray[np.int64]:
    """Returns the last node of each subtree, which in depth-first order is its last leaf: int64 [N]."""
    return taxonomy.leaf_node_C[taxonomy.leaf_stop_N - 1].astype(np.int64)


def format_path(taxonomy: Taxonomy, node: int) -> str:
    """Formats a path as "Animalia > Chordata > Aves (line 7)": a long one is abbreviated, the line added if known."""
    names = [taxonomy.names[n] for n in taxonomy.path(node) if taxonomy.kind_N[n] == TAXON]
    if len(names) > MAX_NAMES:
        names[2 : 4 - MAX_NAMES] = ["…"]
    line = 0 if taxonomy.line_N is None else int(taxonomy.line_N[node])
    return " > ".join(names) + (f" ({taxonomy.line_unit} {line})" if line else "")
