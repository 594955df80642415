"""Compiles a tree to flat arrays, depth first.

Two kinds of node are inserted, flagged, and excluded from names and texts: a *hole* for a rank that a lineage n_missing
("no class in Chordata"), and a *self leaf* for a class that is an inner node ("Quercus, species not given"). With them,
every leaf has exactly one ancestor-or-self at each rank that the tree uses in order.

The code is vectorised over nodes, so that a million taxa take a second or two.

Legend: M draft nodes (0 is the root), E nodes with holes and self leaves, N the same in depth-first order, R ranks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Ints
from bioclip_x.records.problem import Problem
from bioclip_x.taxonomy.details import Details, renumber_details
from bioclip_x.taxonomy.levels import refuse_many_levels, split_into_levels, sum_to_root
from bioclip_x.taxonomy.ranks import ORDER
from bioclip_x.taxonomy.tree import HOLE, ROOT, SELF, TAXON, Taxonomy, refuse_half_characters


@dataclass(frozen=True, eq=False)
class Draft:
    """A tree before compilation. Node 0 is the unnamed root.

    parent_M: int32 [M], -1 for the root; no cycles. rank_M: int16 [M], an index into `rank_names` (normalised; "" is
    unranked, and must be present as the root's rank). names: M names. is_class_M: bool [M], marks inner nodes that are
    classes; tips are classes anyway (see `mark_species`). details: node → details, for nodes that have any. line_M: int32 [M],
    the line of the file on which each node first appears, 0 for none; or None. line_unit: the unit of these numbers.
    """

    parent_M: npt.NDArray[np.int32]
    rank_M: npt.NDArray[np.int16]
    rank_names: Sequence[str]
    names: Sequence[str]
    is_class_M: npt.NDArray[np.bool_]
    details: Mapping[int, Details]
    line_M: npt.NDArray[np.int32] | None = None
    line_unit: str = "line"


def mark_species(
    is_class_M: npt.NDArray[np.bool_],
    is_given_M: npt.NDArray[np.bool_],
    rank_M: npt.NDArray[np.int16],
    rank_names: Sequence[str],
) -> npt.NDArray[np.bool_]:
    """Marks every species as a class, whatever is below it, unless the file says of it whether it is one: bool [M].

    Observers often name only the species. This is the one place that decides it, for files of all formats.
    is_given_M: bool [M], where `is_class_M` is given by the file.
    """
    is_species_M = np.array([rank == "species" for rank in rank_names])[rank_M]
    return np.where(is_given_M, is_class_M, is_class_M | is_species_M)


def compile_tree(
    draft: Draft, source: str = "", notes: Sequence[str] = (), problems: Sequence[Problem] = ()
) -> tuple[Taxonomy, npt.NDArray[np.int32]]:
    """Returns the compiled tree, and the node in it of each draft node: int32 [M].

    All trees are compiled here, whatever they are read from. Raises TaxonomyError for a tree of more than `TREE_LEVELS`
    levels, and for a name that is not text.
    """
    refuse_many_levels(draft.parent_M, source)
    refuse_half_characters(draft.names)
    extended = _insert_nodes(draft)
    order_E, stop_N = _sort_depth_first(extended.parent)
    new_E = np.empty(len(order_E), np.int32)
    new_E[order_E] = np.arange(len(order_E), dtype=np.int32)
    parent_N = np.where(order_E > 0, new_E[extended.parent[order_E]], -1).astype(np.int32)
    is_leaf = np.ones(len(order_E), bool)
    is_leaf[parent_N[1:]] = False
    leaves_before = np.concatenate([[0], np.cumsum(is_leaf)])
    n_drafted = len(draft.parent_M)
    names = [*draft.names, *[""] * extended.n_holes, *(draft.names[x] for x in extended.self_of.tolist())]
    rank_names, rank_N = order_by_first_appearance(draft.rank_names, extended.rank[order_E])
    line_N = None
    if draft.line_M is not None:
        line_N = np.zeros(len(order_E), np.int32)
        line_N[new_E[:n_drafted]] = draft.line_M
    tree = Taxonomy(
        parent_N=parent_N,
        rank_N=rank_N,
        kind_N=extended.kind[order_E],
        leaf_start_N=leaves_before[:-1].astype(np.int32),
        leaf_stop_N=leaves_before[stop_N].astype(np.int32),
        leaf_node_C=np.flatnonzero(is_leaf).astype(np.int32),
        names=tuple(map(names.__getitem__, order_E.tolist())),
        rank_names=rank_names,
        details=renumber_details(draft.details, new_E[:n_drafted]),
        source=source,
        notes=tuple(notes),
        problems=tuple(problems),
        line_N=line_N,
        line_unit=draft.line_unit,
    )
    return tree, new_E[:n_drafted]


@dataclass(frozen=True, eq=False)
class _Extended:
    """The draft nodes, then holes, then self leaves. parent, rank, kind: [E]. self_of: the draft node of each self leaf."""

    parent: Ints
    rank: npt.NDArray[np.int16]
    kind: npt.NDArray[np.uint8]
    n_holes: int
    self_of: Ints


def _insert_nodes(draft: Draft) -> _Extended:
    """Inserts self leaves, and a chain of holes below every node whose children or self leaf need one.

    A node's chain has the ordered ranks that follow its own rank (or that of the nearest ranked taxon above), from the top
    down. Each child is attached below the last hole above its own rank; children share the chain.
    """
    parent_M = draft.parent_M.astype(np.int64)
    order_R = np.array([ORDER.get(rank, -1) for rank in draft.rank_names], np.int64)
    order_M = order_R[draft.rank_M]
    order_M[0] = -1
    above_M = _find_nearest_ranked_above(parent_M, order_M)
    ordered_R = _find_ordered_ranks(draft.rank_M, order_R, order_M, above_M)
    places = np.sort(order_R[ordered_R])  # positions of the ordered ranks in ORDER, from the top
    rank_at = {int(order_R[r]): r for r in ordered_R.tolist()}
    is_ordered_M = np.isin(draft.rank_M, ordered_R) & (order_M >= 0)
    # The number of ordered ranks at or above the node's own rank, or that of the nearest ranked taxon above.
    own_or_above_M = np.where(order_M >= 0, order_M, order_M[above_M])
    chain_from_M = np.searchsorted(places, own_or_above_M, "right")

    children = np.flatnonzero(is_ordered_M)
    n_missing = np.searchsorted(places, order_M[children]) - chain_from_M[parent_M[children]]
    has_children_M = np.zeros(len(parent_M), bool)
    has_children_M[parent_M[1:]] = True
    self_nodes = np.flatnonzero(draft.is_class_M | ~has_children_M)
    self_nodes = self_nodes[self_nodes > 0]
    below = np.where(is_ordered_M[self_nodes], len(places) - chain_from_M[self_nodes], 0)
    needs_self = has_children_M[self_nodes] | (below > 0)
    self_nodes, below = self_nodes[needs_self], below[needs_self]

    length_M = np.zeros(len(parent_M), np.int64)
    np.maximum.at(length_M, parent_M[children], n_missing)
    np.maximum.at(length_M, self_nodes, below - 1)
    first_hole_M = len(parent_M) + np.concatenate([[0], np.cumsum(length_M)[:-1]])
    n_holes = int(length_M.sum())

    def parent_in_chain(node: Ints, n_holes_above: Ints) -> Ints:
        return np.where(n_holes_above > 0, first_hole_M[node] + n_holes_above - 1, node)

    new_parent_M = parent_M.copy()
    new_parent_M[children] = parent_in_chain(parent_M[children], n_missing)
    hole_of = np.repeat(np.arange(len(parent_M)), length_M)
    step = np.arange(n_holes) - np.repeat(first_hole_M - len(parent_M), length_M)
    hole_rank = (
        np.array([rank_at[p] for p in places.tolist()], np.int16)[chain_from_M[hole_of] + step] if n_holes else step
    )
    unranked = draft.rank_names.index("")
    deepest = rank_at[int(places[-1])] if len(places) else unranked
    return _Extended(
        parent=np.concatenate([new_parent_M, parent_in_chain(hole_of, step), parent_in_chain(self_nodes, below - 1)]),
        rank=np.concatenate([draft.rank_M, hole_rank, np.where(below > 0, deepest, unranked)]).astype(np.int16),
        kind=np.repeat([ROOT, TAXON, HOLE, SELF], [1, len(parent_M) - 1, n_holes, len(self_nodes)]).astype(np.uint8),
        n_holes=n_holes,
        self_of=self_nodes,
    )


def _find_nearest_ranked_above(parent_M: Ints, order_M: Ints) -> Ints:
    """Returns the nearest ancestor of each node that has an ordered rank, else the root."""
    above_M = np.maximum(parent_M, 0)
    while True:
        is_unranked = (order_M[above_M] < 0) & (above_M > 0)
        if not is_unranked.any():
            return above_M
        above_M[is_unranked] = above_M[above_M[is_unranked]]  # pointer jumping


def _find_ordered_ranks(rank_M: npt.NDArray[np.int16], order_R: Ints, order_M: Ints, above_M: Ints) -> Ints:
    """Returns the ranks in use that agree with `ORDER` on every path: none repeats or is above a higher rank."""
    is_conflicting = (order_M >= 0) & (above_M > 0) & (order_M[above_M] >= order_M)
    conflicting = np.union1d(rank_M[is_conflicting], rank_M[above_M[is_conflicting]])
    used = np.unique(rank_M[order_M >= 0])
    return np.setdiff1d(used[order_R[used] >= 0], conflicting).astype(np.int64)


def _sort_depth_first(parent: Ints) -> tuple[Ints, Ints]:
    """Returns the nodes in depth-first order (siblings by number) and, in that order, the end of each node's subtree."""
    n = len(parent)
    by_parent = np.argsort(parent[1:], kind="stable") + 1
    size = np.ones(n, np.int64)
    for level in reversed(split_into_levels(parent)[1:]):
        np.add.at(size, parent[level], size[level])
    before = np.cumsum(size[by_parent]) - size[by_parent]  # total size of the preceding nodes in `by_parent`
    first = np.searchsorted(parent[by_parent], parent[by_parent])
    step = np.zeros(n, np.int64)
    step[by_parent] = 1 + before - before[first]
    number = sum_to_root(step, parent)
    order = np.empty(n, np.int64)
    order[number] = np.arange(n)
    return order, np.arange(n) + size[order]


def order_by_first_appearance(
    rank_names: Sequence[str], rank_n: npt.NDArray[np.int16]
) -> tuple[tuple[str, ...], npt.NDArray[np.int16]]:
    """Returns the ranks in use in order of first appearance, "" (the root's) first, and each node's index into them."""
    used = np.flatnonzero(np.bincount(rank_n, minlength=len(rank_names)))
    first = [int((rank_n == r).argmax()) for r in used.tolist()]
    seen = ["", *(rank_names[r] for r in used[np.argsort(first)].tolist() if rank_names[r])]
    place = np.array([seen.index(name) if name in seen else 0 for name in rank_names], np.int16)
    return tuple(seen), place[rank_n]
