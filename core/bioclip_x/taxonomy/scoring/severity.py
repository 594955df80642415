"""Severity of a mistake: the height of the lowest common ancestor of the prediction and the true class.

Bertinetto et al., CVPR 2020, arXiv 1912.09393.

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
    """Returns the lowest common ancestor-or-self of each predicted node and the true class: nodes, int64 [n].

    node_n: predicted nodes. class_n: true classes, 0 … C-1.
    """
    node_n = np.array(node_n, np.int64)
    class_n = np.asarray(class_n, np.int64)
    start_N, stop_N, parent_N = taxonomy.leaf_start_N, taxonomy.leaf_stop_N, taxonomy.parent_N
    while (is_outside := (class_n < start_N[node_n]) | (class_n >= stop_N[node_n])).any():
        node_n[is_outside] = parent_N[node_n[is_outside]]
    return node_n


def compute_lca_heights(node_n: npt.ArrayLike, class_n: npt.ArrayLike, taxonomy: Taxonomy) -> npt.NDArray[np.int64]:
    """Computes the height in taxa of each lowest common ancestor: int64 [n].

    0 for a correct class; 1 for another species of its genus, in a tree whose lowest ranks are genus and species.
    """
    heights: npt.NDArray[np.int64] = compute_heights(taxonomy)[find_lowest_common_ancestors(node_n, class_n, taxonomy)]
    return heights


def find_taxa_at_rank(class_n: npt.ArrayLike, rank: str, taxonomy: Taxonomy) -> npt.NDArray[np.int64]:
    """Returns the node of each class at a rank in `Taxonomy.rank_tables`: int64 [n]."""
    nodes = taxonomy.rank_tables[rank]
    index_n = np.searchsorted(taxonomy.leaf_start_N[nodes], np.asarray(class_n), side="right") - 1
    taxa: npt.NDArray[np.int64] = nodes[index_n].astype(np.int64)
    return taxa


def is_within(node_n: npt.ArrayLike, above_n: npt.ArrayLike, taxonomy: Taxonomy) -> npt.NDArray[np.bool_]:
    """Returns whether each node is the other node or below it: bool [n]."""
    node_n, above_n = np.asarray(node_n), np.asarray(above_n)
    # A node alone in a genus has the leaves of the genus: in depth-first order it comes after.
    inside: npt.NDArray[np.bool_] = (
        (above_n <= node_n)
        & (taxonomy.leaf_start_N[above_n] <= taxonomy.leaf_start_N[node_n])
        & (taxonomy.leaf_stop_N[node_n] <= taxonomy.leaf_stop_N[above_n])
    )
    return inside
