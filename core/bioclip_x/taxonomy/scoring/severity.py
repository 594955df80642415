"""How bad a mistake is: how far up the tree the answer and the truth meet (Bertinetto et al., CVPR 2020, arXiv 1912.09393).

Legend: n images, N nodes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bioclip_x.taxonomy.scoring.costs import compute_heights
from bioclip_x.taxonomy.tree import Taxonomy


def find_lowest_common_ancestors(
    node_n: npt.ArrayLike, class_n: npt.ArrayLike, taxonomy: Taxonomy
) -> npt.NDArray[np.int64]:
    """The lowest common ancestor of each answer and the true class, themselves included: nodes, int64 [n].

    node_n: nodes answered. class_n: true classes, 0 … C-1.
    """
    node_n = np.array(node_n, np.int64)
    class_n = np.asarray(class_n, np.int64)
    start_N, stop_N, parent_N = taxonomy.leaf_start_N, taxonomy.leaf_stop_N, taxonomy.parent_N
    while (apart := (class_n < start_N[node_n]) | (class_n >= stop_N[node_n])).any():
        node_n[apart] = parent_N[node_n[apart]]
    return node_n


def compute_lca_heights(node_n: npt.ArrayLike, class_n: npt.ArrayLike, taxonomy: Taxonomy) -> npt.NDArray[np.int64]:
    """The height in taxa of where they meet: int64 [n]; 0 where the class itself is answered, 1 for another species of its genus
    in a tree whose lowest ranks are these."""
    found: npt.NDArray[np.int64] = compute_heights(taxonomy)[find_lowest_common_ancestors(node_n, class_n, taxonomy)]
    return found


def find_taxa_at_rank(class_n: npt.ArrayLike, rank: str, taxonomy: Taxonomy) -> npt.NDArray[np.int64]:
    """The node of each class at a rank that has a table (`Taxonomy.rank_tables`): int64 [n]."""
    nodes = taxonomy.rank_tables[rank]
    place_n = np.searchsorted(taxonomy.leaf_start_N[nodes], np.asarray(class_n), side="right") - 1
    found: npt.NDArray[np.int64] = nodes[place_n].astype(np.int64)
    return found
