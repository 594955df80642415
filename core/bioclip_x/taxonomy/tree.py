"""A compiled taxonomy: a rooted tree in flat arrays, so that sums over clades are segment sums and not walks.

Legend: N nodes, C classes (leaves).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from bioclip_x.records.problem import Problem
from bioclip_x.records.taxon import Taxon
from bioclip_x.taxonomy.details import NO_DETAILS, Details, list_languages
from bioclip_x.taxonomy.levels import split_into_levels
from bioclip_x.taxonomy.ranks import ORDER

if TYPE_CHECKING:
    pass

TAXON, HOLE, SELF, ROOT = 0, 1, 2, 3
"""Kinds of node. A hole stands for a rank that a lineage lacks; a self leaf for a class that sits on an inner node.
Both are made by the compiler and are left out of names, texts and heights, as is the root."""

SMALL: Final = 1 << 16
"""Nodes of a tree all of which heads hold shares of. Of larger ones the inner nodes are held, and the best classes."""


@dataclass(frozen=True, eq=False)
class Taxonomy:
    """A rooted tree of taxa. Make one with `TaxonomyBuilder`, `from_networkx` or a taxonomy reader.

    Nodes are numbered depth first from the root (node 0), so that the leaves below a node are a contiguous range;
    leaves are numbered left to right, 0 … C-1, and *are* the classes.

    parent_N: int32 [N], -1 for the root. rank_N: int16 [N], an index into `rank_names`. kind_N: uint8 [N].
    leaf_start_N, leaf_stop_N: int32 [N], the half-open range of leaves below (a leaf's own range has length 1).
    leaf_node_C: int32 [C], the node of each class. names: N names ("" for the root and for holes).
    details: node → what its author's file said. source, notes: where the tree came from, and what was odd there.
    class_of_row: int32 [rows], the class of each row of the file that the tree was read from, for readers of files that
        other files go with row by row; else None.
    problems: what was odd in the file, each with its line. line_N: int32 [N], the line in which each node was first seen,
        0 for none; or None. line_unit: what these count ("entry" in a list).
    """

    parent_N: npt.NDArray[np.int32]
    rank_N: npt.NDArray[np.int16]
    kind_N: npt.NDArray[np.uint8]
    leaf_start_N: npt.NDArray[np.int32]
    leaf_stop_N: npt.NDArray[np.int32]
    leaf_node_C: npt.NDArray[np.int32]
    names: Sequence[str]
    rank_names: tuple[str, ...]
    details: Mapping[int, Details]
    source: str = ""
    notes: tuple[str, ...] = ()
    class_of_row: npt.NDArray[np.int32] | None = None
    problems: tuple[Problem, ...] = ()
    line_N: npt.NDArray[np.int32] | None = None
    line_unit: str = "line"

    @property
    def n_nodes(self) -> int:
        return len(self.parent_N)

    @property
    def n_classes(self) -> int:
        return len(self.leaf_node_C)

    def rank(self, node: int) -> str:
        return self.rank_names[int(self.rank_N[node])]

    def owner(self, node: int) -> int:
        """The taxon a node stands for: itself, or for a hole or self leaf the nearest taxon above (the root if none)."""
        while self.kind_N[node] in (HOLE, SELF):
            node = int(self.parent_N[node])
        return node

    @cached_property
    def owner_N(self) -> npt.NDArray[np.int32]:  # noqa: N802 - a shape suffix
        """int32 [N], the `owner` of every node."""
        owner_N = np.arange(self.n_nodes, dtype=np.int32)
        while (made := np.isin(self.kind_N[owner_N], (HOLE, SELF))).any():
            owner_N[made] = self.parent_N[owner_N[made]]
        return owner_N

    def path(self, node: int) -> list[int]:
        """Nodes from below the root down to `node`, holes and self leaves included."""
        nodes = []
        while node > 0:
            nodes.append(node)
            node = int(self.parent_N[node])
        return nodes[::-1]

    def taxon(self, node: int) -> Taxon:
        """The taxon that a node stands for (see `owner`)."""
        owner = self.owner(node)
        lineage = tuple((self.rank(n), self.names[n]) for n in self.path(owner) if self.kind_N[n] == TAXON)
        about = self.details.get(owner, NO_DETAILS)
        return Taxon(
            self.rank(owner),
            self.names[owner],
            lineage,
            about.common_names,
            about.ids,
            about.extra,
            about.authorship,
            about.synonyms,
        )

    def class_taxon(self, class_index: int) -> Taxon:
        """The taxon of class `class_index` (0 … C-1)."""
        return self.taxon(int(self.leaf_node_C[class_index]))

    @cached_property
    def _children(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The nodes sorted by parent, and where the children of each node begin there."""
        by_parent = np.argsort(self.parent_N[1:], kind="stable") + 1
        return by_parent, np.searchsorted(self.parent_N[by_parent], np.arange(self.n_nodes + 1))

    def children(self, node: int) -> list[int]:
        by_parent, starts = self._children
        found: list[int] = by_parent[starts[node] : starts[node + 1]].tolist()
        return found

    @cached_property
    def class_of_N(self) -> npt.NDArray[np.int32]:  # noqa: N802 - a shape suffix
        """int32 [N], the class that stands for each taxon, -1 for a taxon that is no class (and for holes, self leaves)."""
        class_of_N = np.full(self.n_nodes, -1, np.int32)
        class_of_N[self.owner_N[self.leaf_node_C]] = np.arange(self.n_classes, dtype=np.int32)
        return class_of_N

    @cached_property
    def languages(self) -> frozenset[str]:
        """The languages in which some taxon has a common name."""
        return list_languages(self.details)

    @cached_property
    def levels(self) -> list[npt.NDArray[np.int64]]:
        """The nodes at each depth, the root's level first."""
        return split_into_levels(self.parent_N)

    @cached_property
    def inner_taxa(self) -> npt.NDArray[np.int64]:
        """int64, the taxa with something below them, in node order."""
        is_inner = self.leaf_stop_N - self.leaf_start_N > 1
        is_inner[self.parent_N[1:]] = True
        return np.flatnonzero(is_inner & (self.kind_N == TAXON))

    @cached_property
    def held_nodes(self) -> npt.NDArray[np.int64]:
        """int64 [I], in node order: the nodes of which heads hold shares.

        All nodes of a small tree. Of one of more than `SMALL` nodes, those with others below them, and classes at a rank
        at which other taxa have classes below: of the other classes, only the best have their shares told.
        """
        if self.n_nodes <= SMALL:
            return np.arange(self.n_nodes)
        is_leaf = np.zeros(self.n_nodes, bool)
        is_leaf[self.leaf_node_C] = True
        is_held = ~is_leaf
        for nodes in self.rank_tables.values():
            if not is_leaf[nodes].all():
                is_held[nodes] = True
        return np.flatnonzero(is_held)

    @cached_property
    def place_N(self) -> npt.NDArray[np.int64]:  # noqa: N802 - a shape suffix
        """int64 [N], the place of each node in `held_nodes`, -1 where it is not held."""
        place_N = np.full(self.n_nodes, -1, np.int64)
        place_N[self.held_nodes] = np.arange(len(self.held_nodes))
        return place_N

    @cached_property
    def rank_tables(self) -> dict[str, npt.NDArray[np.int32]]:
        """rank → its nodes in leaf order, for every rank at which each leaf has exactly one ancestor (or is one itself).

        Those ranks' nodes partition the leaves, so their shares sum to 1. Ranks from the top down.
        """
        tables = {}
        for index, rank in enumerate(self.rank_names):
            if not rank:
                continue
            nodes = np.flatnonzero(self.rank_N == index).astype(np.int32)
            starts, stops = self.leaf_start_N[nodes], self.leaf_stop_N[nodes]
            if len(nodes) and starts[0] == 0 and stops[-1] == self.n_classes and np.array_equal(starts[1:], stops[:-1]):
                tables[rank] = nodes
        depth = {rank: len(self.path(int(nodes[0]))) for rank, nodes in tables.items()}
        return dict(sorted(tables.items(), key=lambda item: (ORDER.get(item[0], depth[item[0]]), depth[item[0]])))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the tree and its names, 16 hex digits. Equal for equal trees whatever file they came from."""
        digest = hashlib.sha256()
        for array in (self.parent_N, self.rank_N, self.kind_N):
            digest.update(array.tobytes())
        for texts in (self.rank_names, self.names):
            digest.update("\n".join(texts).encode() + b"\0")
        return digest.hexdigest()[:16]
