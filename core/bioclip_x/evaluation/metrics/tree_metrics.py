"""What predictions are worth on the tree: overlap of lineages, distances of the best classes, agreement of ranks.

All functions take nodes of taxa and count taxa only: holes and self leaves are no taxa, and neither is the root.

Legend: n images, k best classes, N nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Floats, Ints
from bioclip_x.taxonomy import TAXON, Taxonomy
from bioclip_x.taxonomy.scoring.severity import compute_lca_heights


@lru_cache(maxsize=2)
def count_taxa(taxonomy: Taxonomy) -> Ints:
    """Returns the number of taxa from the top down to each node, itself included: int64 [N], 0 at the root."""
    count_N: Ints = (taxonomy.kind_N == TAXON).astype(np.int64)
    count_N[0] = 0
    for level in taxonomy.levels[1:]:
        count_N[level] += count_N[taxonomy.parent_N[level]]
    return count_N


def compute_overlaps(predicted_n: npt.ArrayLike, truth_n: npt.ArrayLike, taxonomy: Taxonomy) -> tuple[Ints, Ints, Ints]:
    """Counts the taxa of two lineages, each with its own taxon and without the root: int64 [n] each.

    Returns how many are common, how many are in the predicted, and in the true lineage. Hierarchical precision is Σ common /
    Σ predicted, recall Σ common / Σ true, and F their harmonic mean (Kiritchenko, Matwin, Nock & Famili, 2006).

    predicted_n: nodes; -1, and the root, for no prediction, whose lineage has no taxon. truth_n: nodes.
    """
    predicted_n, truth_n = np.array(predicted_n, np.int64).clip(0), np.array(truth_n, np.int64)
    count_N = count_taxa(taxonomy)
    return count_N[find_common_ancestors(predicted_n, truth_n, taxonomy)], count_N[predicted_n], count_N[truth_n]


def find_common_ancestors(first_n: Ints, second_n: Ints, taxonomy: Taxonomy) -> Ints:
    """Returns the lowest common ancestor-or-self of pairs of nodes: int64 [n]."""
    level_N, parent_N = _find_levels(taxonomy), taxonomy.parent_N
    first_n, second_n = first_n.copy(), second_n.copy()
    while (apart_n := first_n != second_n).any():
        is_deeper_n = apart_n & (level_N[first_n] >= level_N[second_n])
        is_higher_n = apart_n & (level_N[second_n] >= level_N[first_n])
        first_n[is_deeper_n] = parent_N[first_n[is_deeper_n]]
        second_n[is_higher_n] = parent_N[second_n[is_higher_n]]
    return first_n


@lru_cache(maxsize=2)
def _find_levels(taxonomy: Taxonomy) -> Ints:
    level_N = np.zeros(taxonomy.n_nodes, np.int64)
    for number, nodes in enumerate(taxonomy.levels):
        level_N[nodes] = number
    return level_N


def compute_distances(best_nk: Ints, class_n: Ints, taxonomy: Taxonomy) -> Ints:
    """Returns the height of the lowest common ancestor of each of the best nodes and the true class: int64 [n, k], 0 if right.

    best_nk: nodes; -1 where there is none, which counts as the root. class_n: 0 … C-1.
    """
    truth_nk = np.repeat(np.asarray(class_n, np.int64)[:, None], best_nk.shape[1], axis=1)
    heights: Ints = compute_lca_heights(best_nk.clip(0).ravel(), truth_nk.ravel(), taxonomy).reshape(best_nk.shape)
    heights[taxonomy.class_of_N[taxonomy.owner_N[best_nk.clip(0)]] == truth_nk] = (
        0  # a genus that is a class is its self leaf
    )
    return heights


def average_distances(best_nk: Ints, class_n: Ints, taxonomy: Taxonomy) -> Floats:
    """Returns the average hierarchical distance of the k best nodes (Bertinetto et al. 2020, arXiv 1912.09393): float64 [n].

    An image of fewer than k nodes has the mean of these; one of none is as far off as the root. best_nk, class_n: as in
    `compute_distances`.
    """
    is_named_nk = best_nk >= 0
    is_named_nk[:, 0] = True
    heights_nk = compute_distances(best_nk, class_n, taxonomy)
    means: Floats = np.where(is_named_nk, heights_nk, 0).sum(1) / is_named_nk.sum(1)
    return means


def find_consistent(of_rank: Mapping[str, Ints], taxonomy: Taxonomy) -> Ints:
    """Returns 1 where the best taxa of all ranks lie on one path of the tree, else 0: int64 [n].

    of_rank: rank → the best node there, chosen on its own (-1 for none). Holes do not count: a lineage without a genus is on
    the path of any species below.
    """
    nodes_nr = np.stack([np.asarray(nodes, np.int64) for nodes in of_rank.values()], axis=1)
    is_taxon_nr = (nodes_nr >= 0) & (taxonomy.kind_N[nodes_nr.clip(0)] == TAXON)
    order = np.argsort(np.where(is_taxon_nr, _find_levels(taxonomy)[nodes_nr.clip(0)], -1), axis=1, kind="stable")
    nodes_nr, is_taxon_nr = np.take_along_axis(nodes_nr, order, 1), np.take_along_axis(is_taxon_nr, order, 1)
    above_nr, below_nr = nodes_nr[:, :-1].clip(0), nodes_nr[:, 1:].clip(0)
    start_N, stop_N = taxonomy.leaf_start_N, taxonomy.leaf_stop_N
    holds_nr = (start_N[above_nr] <= start_N[below_nr]) & (stop_N[below_nr] <= stop_N[above_nr])
    consistent_n: Ints = (holds_nr | ~is_taxon_nr[:, :-1]).all(axis=1).astype(np.int64)
    return consistent_n
