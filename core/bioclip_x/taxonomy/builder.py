"""Builds a tree from what readers find and compiles it to flat arrays.

Two kinds of node are inserted on the way, flagged, and left out of names and texts: a *hole* for a rank that a lineage
lacks ("no class in Chordata"), and a *self leaf* for a class that sits on an inner node ("Quercus, species not given").
With them, every rank that the tree uses in order has exactly one node above each leaf.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bioclip_x.errors import TaxonomyError
from bioclip_x.taxonomy.ranks import ORDER, normalise_rank
from bioclip_x.taxonomy.tree import HOLE, NO_DETAILS, ROOT, SELF, TAXON, Details, Taxonomy


@dataclass(slots=True)
class _Node:
    parent: int
    rank: str
    name: str
    kind: int
    details: Details
    children: list[int]
    is_class: bool = False


class TaxonomyBuilder:
    """Collects nodes; `build()` compiles them. Node 0 is the root, above everything and without a name."""

    def __init__(self) -> None:
        self._nodes = [_Node(-1, "", "", ROOT, NO_DETAILS, [])]
        self._by_key: dict[tuple[int, str, str], int] = {}

    def __len__(self) -> int:
        return len(self._nodes)

    def add(self, parent: int, rank: str, name: str, details: Details = NO_DETAILS, *, merge: bool = True) -> int:
        """Adds a child of `parent` and returns its number; with `merge`, finds the one of the same rank and name."""
        rank, name = normalise_rank(rank), " ".join(name.split())
        if not name:
            raise TaxonomyError(f"a taxon of rank {rank or 'unranked'!r} has no name")
        key = (parent, rank, name)
        if merge and key in self._by_key:
            node = self._by_key[key]
            if details is not NO_DETAILS and self._nodes[node].details is NO_DETAILS:
                self._nodes[node].details = details
            return node
        return self._append(parent, rank, name, TAXON, details)

    def add_lineage(
        self, lineage: Sequence[tuple[str, str]], details: Details = NO_DETAILS, *, is_class: bool = True
    ) -> int:
        """Adds a taxon by its (rank, name) path from the top, blank names skipped, and makes it a class.

        Returns its node. Raises TaxonomyError where every name is blank.
        """
        named = [(rank, name) for rank, name in lineage if name.strip()]
        if not named:
            raise TaxonomyError("a class has no name at any rank")
        node = 0
        for depth, (rank, name) in enumerate(named, start=1):
            node = self.add(node, rank, name, details if depth == len(named) else NO_DETAILS)
        if is_class:
            self.mark_class(node)
        return node

    def mark_class(self, node: int) -> None:
        """Makes a node a class even if others lie below it. Tips are classes anyway."""
        self._nodes[node].is_class = True

    def is_class(self, node: int) -> bool:
        return self._nodes[node].is_class

    def build(self, source: str = "", notes: Sequence[str] = (), rows: Sequence[int] | None = None) -> Taxonomy:
        """Inserts holes and self leaves, numbers everything depth first, and freezes it.

        source, notes: where the tree came from, and what was odd there; carried into outputs.
        rows: the node of each row of a file, all of them classes; they become the tree's `class_of_row`.

        Raises TaxonomyError where there is no taxon at all.
        """
        if len(self._nodes) == 1:
            raise TaxonomyError(f"the taxonomy {source or 'given'} is empty: it names no taxon")
        ordered = self._ordered_ranks()
        self._fill_holes(ordered)
        self._seat_classes(ordered)
        tree, new = self._freeze(source, notes)
        if rows is None:
            return tree
        class_of = tree.class_of
        return replace(tree, class_of_row=np.fromiter((class_of[new[node]] for node in rows), np.int32, len(rows)))

    def _append(self, parent: int, rank: str, name: str, kind: int, details: Details = NO_DETAILS) -> int:
        node = len(self._nodes)
        self._nodes.append(_Node(parent, rank, name, kind, details, []))
        self._nodes[parent].children.append(node)
        self._by_key.setdefault((parent, rank, name), node)
        return node

    def _top_down(self) -> Iterator[tuple[int, int]]:
        """(node, its nearest ranked ancestor or 0) for all nodes below the root, parents first."""
        stack = [(child, 0) for child in reversed(self._nodes[0].children)]
        while stack:
            node, above = stack.pop()
            yield node, above
            below = node if self._nodes[node].rank in ORDER else above
            stack.extend((child, below) for child in reversed(self._nodes[node].children))

    def _ordered_ranks(self) -> list[str]:
        """Ranks in use whose place on every path agrees with the order: none repeats, none stands above a higher one."""
        used: set[str] = set()
        unruly: set[str] = set()
        for node, above in self._top_down():
            rank = self._nodes[node].rank
            if rank not in ORDER:
                continue
            used.add(rank)
            if above and ORDER[self._nodes[above].rank] >= ORDER[rank]:
                unruly |= {rank, self._nodes[above].rank}
        return sorted(used - unruly, key=ORDER.__getitem__)

    def _fill_holes(self, ordered: list[str]) -> None:
        for node, above in list(self._top_down()):
            rank = self._nodes[node].rank
            if rank not in ordered:
                continue
            top = ORDER[self._nodes[above].rank] if above else -1
            missing = [r for r in ordered if top < ORDER[r] < ORDER[rank]]
            if missing:
                parent = self._nodes[node].parent
                hole = self._hole_chain(parent, missing)
                self._nodes[parent].children.remove(node)
                self._nodes[node].parent = hole
                self._nodes[hole].children.append(node)

    def _hole_chain(self, parent: int, ranks: Sequence[str]) -> int:
        for rank in ranks:
            found = self._by_key.get((parent, rank, ""))
            parent = self._append(parent, rank, "", HOLE) if found is None else found
        return parent

    def _seat_classes(self, ordered: list[str]) -> None:
        """Gives every class on an inner node, or above the deepest rank, a leaf of its own at the deepest rank."""
        deepest = ordered[-1] if ordered else ""
        for node, above in list(self._top_down()):
            here = self._nodes[node]
            if here.children and not here.is_class:
                continue
            at = ORDER[here.rank] if here.rank in ordered else ORDER[self._nodes[above].rank] if above else -1
            missing = [r for r in ordered if ORDER[r] > at] if here.rank in ordered else []
            if here.children or missing:
                parent = self._hole_chain(node, missing[:-1])
                self._append(parent, deepest if missing else "", here.name, SELF)

    def _freeze(self, source: str, notes: Sequence[str]) -> tuple[Taxonomy, dict[int, int]]:
        """The tree, and the number in it of each of the builder's nodes."""
        order = [0, *(node for node, _ in self._top_down())]
        new = {old: i for i, old in enumerate(order)}
        nodes = [self._nodes[old] for old in order]
        n = len(nodes)
        parent = np.array([new[node.parent] if node.parent >= 0 else -1 for node in nodes], np.int32)
        rank_names = list(dict.fromkeys(["", *(node.rank for node in nodes)]))
        rank_index = {rank: i for i, rank in enumerate(rank_names)}
        is_leaf = np.ones(n, bool)
        is_leaf[parent[1:]] = False
        # Depth-first numbers make a subtree a contiguous range; its end is where the leaves seen so far stop growing.
        start = np.concatenate([[0], np.cumsum(is_leaf)[:-1]]).astype(np.int32)
        size = is_leaf.astype(np.int32)
        for node in range(n - 1, 0, -1):
            size[parent[node]] += size[node]
        tree = Taxonomy(
            parent_N=parent,
            rank_N=np.array([rank_index[node.rank] for node in nodes], np.int16),
            kind_N=np.array([node.kind for node in nodes], np.uint8),
            leaf_start_N=start,
            leaf_stop_N=(start + size).astype(np.int32),
            leaf_node_C=np.flatnonzero(is_leaf).astype(np.int32),
            names=tuple(node.name for node in nodes),
            rank_names=tuple(rank_names),
            details={i: node.details for i, node in enumerate(nodes) if node.details is not NO_DETAILS},
            source=source,
            notes=tuple(notes),
        )
        return tree, new


def from_labels(labels: Sequence[str]) -> Taxonomy:
    """A flat tree of plain labels. Raises TaxonomyError for an empty list, an empty label or a repeated one."""
    builder = TaxonomyBuilder()
    for label in labels:
        if not label.strip():
            raise TaxonomyError("a label is empty; expected names separated by commas, or one a line in a file")
        before = len(builder)
        builder.mark_class(builder.add(0, "", label))
        if len(builder) == before:
            raise TaxonomyError(f"the label {label!r} is given twice")
    return builder.build(source="labels")
