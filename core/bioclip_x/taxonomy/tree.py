"""A compiled taxonomy: a rooted tree in flat arrays, so that sums over clades are segment sums and not walks.

Legend: N nodes, C classes (leaves).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bioclip_x.errors import TaxonomyError
from bioclip_x.records.taxon import Taxon
from bioclip_x.taxonomy.ranks import ORDER

if TYPE_CHECKING:
    import networkx

TAXON, HOLE, SELF, ROOT = 0, 1, 2, 3
"""Kinds of node. A hole stands for a rank that a lineage lacks; a self leaf for a class that sits on an inner node.
Both are made by the compiler and are left out of names, texts and heights, as is the root."""


@dataclass(frozen=True, slots=True)
class Details:
    """What an author's file says of one taxon beyond rank, name and place."""

    common_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)


NO_DETAILS = Details()


@dataclass(frozen=True, eq=False)
class Taxonomy:
    """A rooted tree of taxa. Make one with `TaxonomyBuilder`, `from_networkx` or a taxonomy reader.

    Nodes are numbered depth first from the root (node 0), so that the leaves below a node are a contiguous range;
    leaves are numbered left to right, 0 … C-1, and *are* the classes.

    parent_N: int32 [N], -1 for the root. rank_N: int16 [N], an index into `rank_names`. kind_N: uint8 [N].
    leaf_start_N, leaf_stop_N: int32 [N], the half-open range of leaves below (a leaf's own range has length 1).
    leaf_node_C: int32 [C], the node of each class. names: N names ("" for the root and for holes).
    details: node → what its author's file said. source, notes: where the tree came from, and
    what was odd there.
    class_of_row: int32 [rows], the class of each row of the file that the tree was read from, for readers of files that
        other files go with row by row; else None.
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
        return Taxon(self.rank(owner), self.names[owner], lineage, about.common_names, about.ids, about.extra)

    def class_taxon(self, class_index: int) -> Taxon:
        """The taxon of class `class_index` (0 … C-1)."""
        return self.taxon(int(self.leaf_node_C[class_index]))

    def children(self, node: int) -> list[int]:
        return [int(n) for n in np.flatnonzero(self.parent_N == node)]

    @cached_property
    def class_of(self) -> dict[int, int]:
        """The taxon that each class stands for (a node, see `owner`) → the class."""
        return {self.owner(int(leaf)): c for c, leaf in enumerate(self.leaf_node_C)}

    @cached_property
    def levels(self) -> list[npt.NDArray[np.int64]]:
        """The nodes at each depth, the root's level first."""
        depth_N = np.zeros(self.n_nodes, np.int64)
        for node in range(1, self.n_nodes):  # parents come before their children
            depth_N[node] = depth_N[self.parent_N[node]] + 1
        by_depth = np.argsort(depth_N, kind="stable")
        return np.split(by_depth, np.cumsum(np.bincount(depth_N))[:-1])

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
        digest.update(json.dumps([list(self.rank_names), list(self.names)]).encode())
        return digest.hexdigest()[:16]

    def restricted_to(self, classes: Iterable[int]) -> Taxonomy:
        """The tree of some of the classes, and of the nodes above them. Raises TaxonomyError if none is left."""
        from bioclip_x.taxonomy.builder import TaxonomyBuilder

        builder, made = TaxonomyBuilder(), {0: 0}
        for class_index in sorted(set(classes)):
            leaf = self.owner(int(self.leaf_node_C[class_index]))
            for node in self.path(leaf):
                if self.kind_N[node] == TAXON and node not in made:
                    parent = made[self.owner(int(self.parent_N[node]))]
                    made[node] = builder.add(
                        parent, self.rank(node), self.names[node], self.details.get(node, NO_DETAILS), merge=False
                    )
            builder.mark_class(made[leaf])
        if len(made) == 1:
            raise TaxonomyError("no class is left in this subset of the taxonomy")
        return builder.build(source=self.source)

    def to_networkx(self) -> networkx.DiGraph[Any]:
        """The taxa as a networkx DiGraph, edges from parent to child. See `graph.to_networkx`."""
        from bioclip_x.taxonomy.graph import to_networkx

        return to_networkx(self)

    @staticmethod
    def from_networkx(graph: networkx.DiGraph[Any], source: str = "a networkx graph") -> Taxonomy:
        """Compiles a networkx DiGraph. See `graph.from_networkx`."""
        from bioclip_x.taxonomy.graph import from_networkx

        return from_networkx(graph, source)

    @staticmethod
    def from_labels(labels: Sequence[str]) -> Taxonomy:
        """A flat tree of plain labels, no ranks. Raises TaxonomyError for an empty or repeated label."""
        from bioclip_x.taxonomy.builder import from_labels

        return from_labels(labels)
