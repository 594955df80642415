"""Confusion matrices whose rows follow the tree, folded to a rank.

Confusions of image classifiers follow the hierarchy of their classes: in the order of the tree they form blocks along the
diagonal, one for each taxon above (Alsallakh et al., Do Convolutional Neural Networks Learn Class Hierarchy?, IEEE TVCG 2018,
arXiv 1710.06501).

Legend: n images, m taxa, k cells, N nodes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bioclip_x.array_types import Ints
from bioclip_x.records.evaluation.figures import ConfusionMatrix, TaxonGroup
from bioclip_x.taxonomy import TAXON, Taxonomy
from bioclip_x.taxonomy.scoring.severity import find_taxa_at_rank, is_within


def list_folds(taxonomy: Taxonomy) -> tuple[str, ...]:
    """Lists the ranks to fold to, from the top down; "" at the end, for the classes, where no rank has just these."""
    ranks = tuple(taxonomy.rank_tables)
    classes = taxonomy.owner_N[taxonomy.leaf_node_C]
    return ranks if ranks and np.array_equal(taxonomy.rank_tables[ranks[-1]], classes) else (*ranks, "")


def fold_to_rank(node_n: Ints, rank: str, taxonomy: Taxonomy) -> Ints:
    """Returns each node's taxon at a rank of `list_folds`: int64 [n].

    -1 where it has none: a node above the rank, a lineage that lacks the rank, -1 itself. For the rank "" it is the taxon of
    each class, and -1 for a taxon above the classes.
    """
    node_n = np.asarray(node_n, np.int64)
    taxon_n = taxonomy.owner_N[node_n.clip(0)].astype(np.int64)
    if not rank:
        return np.where((node_n >= 0) & (taxonomy.class_of_N[taxon_n] >= 0), taxon_n, -1)
    folded_n = find_taxa_at_rank(taxonomy.leaf_start_N[taxon_n], rank, taxonomy)
    has_taxon_n = (node_n >= 0) & (taxonomy.kind_N[folded_n] == TAXON) & is_within(taxon_n, folded_n, taxonomy)
    return np.where(has_taxon_n, folded_n, -1)


def build_confusion(true_node_n: Ints, predicted_node_n: Ints, taxonomy: Taxonomy, rank: str) -> ConfusionMatrix:
    """Counts true against predicted taxa at a rank of `list_folds`.

    true_node_n, predicted_node_n: nodes, int64 [n]; -1 for an image without label or prediction. Matrices of one set of
    predictions agree: the counts of a taxon are the sums over the taxa below it.
    """
    true_n, predicted_n = (fold_to_rank(nodes, rank, taxonomy) for nodes in (true_node_n, predicted_node_n))
    is_labelled_n = true_n >= 0
    true_n, predicted_n = true_n[is_labelled_n], predicted_n[is_labelled_n]
    nodes_m = np.unique(np.concatenate([true_n, predicted_n[predicted_n >= 0]]))  # nodes are numbered depth first
    row_n = np.searchsorted(nodes_m, true_n)
    column_n = np.where(predicted_n >= 0, np.searchsorted(nodes_m, predicted_n), len(nodes_m))
    cells_k2, count_k = np.unique(np.stack([row_n, column_n], axis=1), axis=0, return_counts=True)
    return ConfusionMatrix(
        rank=rank,
        taxa=tuple(taxonomy.names[node] for node in nodes_m.tolist()),
        groups=tuple(_find_groups(nodes_m, rank, taxonomy)),
        true_k=cells_k2[:, 0],
        predicted_k=cells_k2[:, 1],
        count_k=count_k.astype(np.int64),
        unlabelled=int((~is_labelled_n).sum()),
    )


def _find_groups(nodes_m: Ints, rank: str, taxonomy: Taxonomy) -> Iterator[TaxonGroup]:
    """Yields the taxa at the ranks above `rank` that have at least one of the nodes, each with the rows of these."""
    for above in taxonomy.rank_tables:
        if above == rank or not len(nodes_m):
            return
        taxa_m = fold_to_rank(nodes_m, above, taxonomy)
        starts = np.flatnonzero(np.append(True, np.diff(taxa_m) != 0))
        for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(nodes_m)]):
            node = int(taxa_m[start])
            if node >= 0 and taxonomy.rank(node) == above:  # a label beside the tree is in every rank's table
                yield TaxonGroup(above, taxonomy.names[node], start, stop)
