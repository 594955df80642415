"""What holds of every compiled tree, checked before one that was stored is used.

Legend: N nodes, C classes (leaves).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, get_args

import numpy as np

from bioclip_x.taxonomy.details import DetailColumns, Role
from bioclip_x.taxonomy.tree import ROOT, Taxonomy

_DTYPES: Final = {
    "parent_N": np.int32,
    "rank_N": np.int16,
    "kind_N": np.uint8,
    "leaf_start_N": np.int32,
    "leaf_stop_N": np.int32,
    "leaf_node_C": np.int32,
    "class_of_row": np.int32,
    "line_N": np.int32,
}


def find_fault(tree: Taxonomy) -> str:
    """Returns what is wrong with a tree's arrays and names; "" if nothing is.

    The nodes are numbered depth first, so a parent has a smaller number than its children, which rules out cycles; the leaves
    are the nodes that are no parent, and those below a node are the contiguous range that its children share out.
    """
    return next(_find_faults(tree), "")


def _find_faults(tree: Taxonomy) -> Iterator[str]:
    """Yields faults; each check relies on those before it, so only the first is to be read."""
    for name, dtype in _DTYPES.items():
        array = getattr(tree, name)
        if array is not None and (array.dtype != dtype or array.ndim != 1):
            yield f"{name} is {array.dtype} in {array.ndim} dimensions"
    n_nodes, n_classes = tree.n_nodes, tree.n_classes
    for name in ("rank_N", "kind_N", "leaf_start_N", "leaf_stop_N", "names", "line_N"):
        values = getattr(tree, name)
        if values is not None and len(values) != n_nodes:
            yield f"{name} has {len(values)} values for {n_nodes} nodes"
    if not n_nodes or tree.parent_N[0] != -1:
        yield "there is no root"
    parent_N = tree.parent_N[1:].astype(np.int64)
    if len(parent_N) and (parent_N.min() < 0 or (parent_N > np.arange(n_nodes - 1)).any()):
        yield "a node has no parent before it"
    if (tree.rank_N < 0).any() or (tree.rank_N >= len(tree.rank_names)).any():
        yield "a rank has no name"
    if (tree.kind_N[1:] >= ROOT).any() or tree.kind_N[0] != ROOT:
        yield "a node is of no kind"
    yield from _find_faults_of_leaves(tree, parent_N)
    if tree.class_of_row is not None and not _are_within(tree.class_of_row, n_classes):
        yield "a row is of no class"
    if not 0 <= tree.n_beside <= n_classes or tree.parent_N[tree.leaf_node_C[n_classes - tree.n_beside :]].any():
        yield "labels beside the tree are below a taxon"
    for column in tree.details.columns if isinstance(tree.details, DetailColumns) else ():
        nodes = column.node_n
        if column.role not in get_args(Role) or not isinstance(column.key, str):
            yield f"there are no details of the kind {column.role!r}"
        if nodes.ndim != 1 or nodes.dtype != np.int32 or len(nodes) != len(column.values):
            yield f"the details {column.key!r} do not fit their nodes"
        if not _are_within(nodes, n_nodes) or (np.diff(nodes) <= 0).any():
            yield f"the details {column.key!r} are of no node"


def _find_faults_of_leaves(tree: Taxonomy, parent_N: np.ndarray) -> Iterator[str]:
    is_leaf_N = np.ones(tree.n_nodes, bool)
    is_leaf_N[parent_N] = False
    if not np.array_equal(tree.leaf_node_C, np.flatnonzero(is_leaf_N)):
        yield "the classes are not the leaves"
    start_N, stop_N = tree.leaf_start_N, tree.leaf_stop_N
    if not np.array_equal(start_N, np.cumsum(is_leaf_N) - is_leaf_N):
        yield "a clade does not begin at its first leaf"
    if (stop_N[is_leaf_N] != start_N[is_leaf_N] + 1).any():
        yield "a leaf is not one class"
    by_parent = np.argsort(parent_N, kind="stable")  # children of one node lie side by side
    parent, child = parent_N[by_parent], by_parent + 1
    is_next = parent[1:] == parent[:-1]
    if (stop_N[child[:-1]][is_next] != start_N[child[1:]][is_next]).any():
        yield "sibling clades do not follow one another"
    is_first, is_last = np.r_[True, ~is_next][: len(child)], np.r_[~is_next, True][: len(child)]
    if (start_N[child] != start_N[parent])[is_first].any() or (stop_N[child] != stop_N[parent])[is_last].any():
        yield "a clade is not that of its children"


def _are_within(numbers: np.ndarray, stop: int) -> bool:
    return not len(numbers) or bool(numbers.min() >= 0 and numbers.max() < stop)
