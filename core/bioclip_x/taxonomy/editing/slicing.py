"""Restricts a compiled tree by slicing its arrays, where this gives the same result as recompiling.

Legend: N nodes, C classes, R ranks, n kept nodes.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import compress

import numpy as np
import numpy.typing as npt

from bioclip_x.taxonomy.compile import order_by_first_appearance
from bioclip_x.taxonomy.details import renumber_details
from bioclip_x.taxonomy.ranks import ORDER
from bioclip_x.taxonomy.tree import SELF, TAXON, Taxonomy


def slice_classes(taxonomy: Taxonomy, classes: npt.NDArray[np.int64]) -> Taxonomy | None:
    """Returns the tree of `classes` (ascending, at least one) and their ancestors, holes and self leaves included.

    Returns None where recompiling may give another tree: a rank loses all its taxa, and hence its holes; a rank that was
    out of order may become ordered; or a self leaf becomes the only leaf below an unranked taxon.
    """
    kept_before_C = np.zeros(taxonomy.n_classes + 1, np.int32)
    kept_before_C[classes + 1] = 1
    np.cumsum(kept_before_C, out=kept_before_C)
    start_N, stop_N = kept_before_C[taxonomy.leaf_start_N], kept_before_C[taxonomy.leaf_stop_N]
    is_kept_N = stop_N > start_N
    kept_n = np.flatnonzero(is_kept_N)
    if not _is_slice_exact(taxonomy, kept_n, stop_N - start_N):
        return None
    new_N = np.full(taxonomy.n_nodes, -1, np.int32)
    new_N[kept_n] = np.arange(len(kept_n), dtype=np.int32)
    parent_n = taxonomy.parent_N[kept_n]
    rank_names, rank_n = order_by_first_appearance(taxonomy.rank_names, taxonomy.rank_N[kept_n])
    return replace(
        taxonomy,
        parent_N=np.where(parent_n >= 0, new_N[parent_n], -1).astype(np.int32),
        rank_N=rank_n,
        kind_N=taxonomy.kind_N[kept_n],
        leaf_start_N=start_N[kept_n],
        leaf_stop_N=stop_N[kept_n],
        leaf_node_C=new_N[taxonomy.leaf_node_C[classes]],
        names=tuple(compress(taxonomy.names, is_kept_N.tolist())),
        rank_names=rank_names,
        details=renumber_details(taxonomy.details, new_N),
        class_of_row=None,
        line_N=None if taxonomy.line_N is None else taxonomy.line_N[kept_n],
        n_beside=int((classes >= taxonomy.n_classes - taxonomy.n_beside).sum()),
    )


def _is_slice_exact(taxonomy: Taxonomy, kept_n: npt.NDArray[np.int64], n_leaves_N: npt.NDArray[np.int32]) -> bool:
    """Whether the kept nodes have the same ordered ranks as the whole tree, and recompiling would keep all self leaves."""
    rank_n, kind_n = taxonomy.rank_N[kept_n], taxonomy.kind_N[kept_n]
    has_taxa_R = np.bincount(rank_n[kind_n == TAXON], minlength=len(taxonomy.rank_names)) > 0
    has_inserted_R = np.bincount(rank_n[kind_n != TAXON], minlength=len(taxonomy.rank_names)) > 0
    names = taxonomy.rank_names
    if any(names[r] in ORDER and names[r] not in taxonomy.rank_tables for r in np.flatnonzero(has_taxa_R).tolist()):
        return False
    if any(names[r] and not has_taxa_R[r] for r in np.flatnonzero(has_inserted_R).tolist()):
        return False
    is_unranked = np.array([not name for name in names])[rank_n]
    self_parents = taxonomy.parent_N[kept_n[(kind_n == SELF) & is_unranked]]
    return bool((n_leaves_N[self_parents] > 1).all())
