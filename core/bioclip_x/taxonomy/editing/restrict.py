"""Derives the tree of some of the classes, and the tree of the inner taxa."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bioclip_x.errors import TaxonomyError
from bioclip_x.taxonomy.compile import Draft, compile_tree
from bioclip_x.taxonomy.details import renumber_details
from bioclip_x.taxonomy.tree import ROOT, TAXON, Taxonomy

if TYPE_CHECKING:
    pass


def restrict_with_index(taxonomy: Taxonomy, classes: npt.NDArray[np.int64]) -> tuple[Taxonomy, npt.NDArray[np.int32]]:
    """Returns the tree of `classes` (ascending) and their ancestors, and the old class of each class: int32 [C'].

    Ranks that none of them uses get no holes; therefore the order of classes may change in clades where some taxa lack a
    rank. Raises TaxonomyError if `classes` is empty.
    """
    if not len(classes):
        raise TaxonomyError("no class is left in this subset of the taxonomy")
    is_kept = np.zeros(taxonomy.n_classes + 1, np.int64)
    is_kept[classes + 1] = 1
    kept_before = np.cumsum(is_kept)
    has_class_N = kept_before[taxonomy.leaf_stop_N] > kept_before[taxonomy.leaf_start_N]
    taxon_c = taxonomy.owner_N[taxonomy.leaf_node_C[classes]]
    nodes = np.flatnonzero(has_class_N & np.isin(taxonomy.kind_N, (TAXON, ROOT)))
    tree, new_N = _restrict_to_nodes(taxonomy, nodes, taxon_c)
    old_C = np.empty(len(classes), np.int32)
    old_C[tree.class_of_N[new_N[taxon_c]]] = classes
    return replace(tree, n_beside=int((classes >= taxonomy.n_classes - taxonomy.n_beside).sum())), old_C


def add_inner_classes(taxonomy: Taxonomy, nodes: Iterable[int]) -> Taxonomy:
    """Returns the tree with some of its inner taxa as further classes."""
    return add_inner_classes_with_index(taxonomy, nodes)[0]


def add_inner_classes_with_index(taxonomy: Taxonomy, nodes: Iterable[int]) -> tuple[Taxonomy, npt.NDArray[np.int64]]:
    """Returns the tree with some of its inner taxa as further classes; and the old node of the taxon of each class."""
    new = np.unique(np.fromiter(nodes, np.int64))
    classes = np.concatenate([taxonomy.owner_N[taxonomy.leaf_node_C], new]).astype(np.int64)
    if not len(new):
        return taxonomy, classes
    taxa = np.flatnonzero(np.isin(taxonomy.kind_N, (TAXON, ROOT)))
    tree, new_N = _restrict_to_nodes(taxonomy, taxa, classes)
    node_C = np.empty(tree.n_classes, np.int64)
    node_C[tree.class_of_N[new_N[classes]]] = classes
    return replace(tree, n_beside=taxonomy.n_beside), node_C


def make_inner_tree(taxonomy: Taxonomy) -> tuple[Taxonomy, npt.NDArray[np.int64]]:
    """Returns the tree of the inner taxa, all of them classes; and its class for each of `inner_taxa`: int64 [M].

    Raises TaxonomyError for a list of labels, which has no inner taxa.
    """
    inner = taxonomy.inner_taxa
    if not len(inner):
        raise TaxonomyError("the taxonomy has no taxa above its classes")
    tree, new_N = _restrict_to_nodes(taxonomy, np.concatenate([[0], inner]), inner)
    return tree, tree.class_of_N[new_N[inner]].astype(np.int64)


def _restrict_to_nodes(
    taxonomy: Taxonomy, nodes: npt.NDArray[np.int64], classes: npt.NDArray[np.integer]
) -> tuple[Taxonomy, npt.NDArray[np.int32]]:
    """Returns the tree of some taxa, and the new number of each node: int32 [N], -1 for nodes that are dropped.

    nodes: ascending, the root first, with all their ancestors. classes: those of `nodes` that become classes.
    """
    index_N = np.full(taxonomy.n_nodes, -1, np.int32)
    index_N[nodes] = np.arange(len(nodes), dtype=np.int32)
    parent_M = index_N[taxonomy.owner_N[taxonomy.parent_N[nodes]]]
    parent_M[0] = -1
    is_class_M = np.zeros(len(nodes), bool)
    is_class_M[index_N[classes]] = True
    draft = Draft(
        parent_M=parent_M,
        rank_M=taxonomy.rank_N[nodes],
        rank_names=taxonomy.rank_names,
        names=[taxonomy.names[node] for node in nodes.tolist()],
        is_class_M=is_class_M,
        details=renumber_details(taxonomy.details, index_N),
        line_M=None if taxonomy.line_N is None else taxonomy.line_N[nodes],
        line_unit=taxonomy.line_unit,
    )
    tree, new_M = compile_tree(draft, taxonomy.source, taxonomy.notes, taxonomy.problems)
    new_N = np.full(taxonomy.n_nodes, -1, np.int32)
    new_N[nodes] = new_M
    return tree, new_N


def restrict(taxonomy: Taxonomy, classes: Iterable[int]) -> Taxonomy:
    """Returns the tree of some of the classes and their ancestors. Raises TaxonomyError if `classes` is empty.

    `restrict_with_index` also returns the old class of each class.
    """
    return restrict_with_index(taxonomy, np.unique(np.fromiter(classes, np.int64)))[0]
