"""Walks up the tree, for all nodes at once.

Legend: N nodes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from bioclip_x.taxonomy.ranks import ORDER
from bioclip_x.taxonomy.tree import TAXON, Taxonomy

MOST_TOLD: Final = 8
"""Names in a path that is told in a message."""


def is_taxon(taxonomy: Taxonomy) -> npt.NDArray[np.bool_]:
    """bool [N]: neither root nor hole nor self leaf."""
    found: npt.NDArray[np.bool_] = taxonomy.kind_N == TAXON
    return found


def list_taxa(taxonomy: Taxonomy) -> list[int]:
    """The nodes that are taxa, depth first."""
    found: list[int] = np.flatnonzero(is_taxon(taxonomy)).tolist()
    return found


def find_rank_order(taxonomy: Taxonomy) -> npt.NDArray[np.int64]:
    """The place of each taxon's rank in the order, 0 for the highest; -1 for other ranks, and for what is no taxon: int64 [N]."""
    order = np.array([ORDER.get(rank, -1) for rank in taxonomy.rank_names], np.int64)
    return np.where(is_taxon(taxonomy), order[taxonomy.rank_N], -1)


def find_nearest(taxonomy: Taxonomy, wanted_N: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """The nearest wanted node on the way up from each, itself first; 0 where there is none: int64 [N]."""
    nearest_N = np.where(wanted_N, np.arange(taxonomy.n_nodes), 0)
    nearest_N[0] = 0
    for nodes in taxonomy.levels[1:]:
        nearest_N[nodes] = np.where(wanted_N[nodes], nodes, nearest_N[taxonomy.parent_N[nodes]])
    return nearest_N


def find_nearest_above(taxonomy: Taxonomy, wanted_N: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """The same without the node itself; 0 for the root: int64 [N]."""
    return find_nearest(taxonomy, wanted_N)[np.maximum(taxonomy.parent_N, 0)]


def find_taxa_above(taxonomy: Taxonomy) -> npt.NDArray[np.int64]:
    """The taxon that each node stands below, holes passed over; 0 for tops: int64 [N]."""
    return taxonomy.owner_N[np.maximum(taxonomy.parent_N, 0)].astype(np.int64)


def find_last_below(taxonomy: Taxonomy) -> npt.NDArray[np.int64]:
    """The last node of each subtree, itself for a leaf: int64 [N]. Depth first, it is the last leaf below."""
    return taxonomy.leaf_node_C[taxonomy.leaf_stop_N - 1].astype(np.int64)


def format_path(taxonomy: Taxonomy, node: int) -> str:
    """ "Animalia > Chordata > Aves (line 7)": of a long path its ends, and the line where it is known."""
    names = [taxonomy.names[n] for n in taxonomy.path(node) if taxonomy.kind_N[n] == TAXON]
    if len(names) > MOST_TOLD:
        names[2 : 4 - MOST_TOLD] = ["…"]
    line = 0 if taxonomy.line_N is None else int(taxonomy.line_N[node])
    return " > ".join(names) + (f" ({taxonomy.line_unit} {line})" if line else "")
