"""A compiled taxonomy: a rooted tree in flat arrays, so that a sum over a clade is a segment sum, not a traversal.

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

from bioclip_x.errors import TaxonomyError
from bioclip_x.records.problem import Problem
from bioclip_x.records.taxon import Taxon
from bioclip_x.taxonomy.details import NO_DETAILS, Details, list_languages
from bioclip_x.taxonomy.levels import split_into_levels
from bioclip_x.taxonomy.ranks import ORDER

if TYPE_CHECKING:
    pass

TAXON, HOLE, SELF, ROOT = 0, 1, 2, 3
"""Kinds of node. A hole stands for a rank that a lineage lacks; a self leaf for a class that is an inner node.
Both are inserted by the compiler and, like the root, are excluded from names, texts and heights."""

SMALL: Final = 1 << 16
"""Heads store the probabilities of all nodes of a tree up to this size; of larger trees, those of the inner nodes and of the
best classes."""


@dataclass(frozen=True, eq=False)
class Taxonomy:
    """A rooted tree of taxa. Create one with `TaxonomyBuilder`, `from_networkx` or a taxonomy reader.

    Nodes are numbered depth first from the root (node 0), so that the leaves below a node are a contiguous range.
    The leaves, numbered left to right 0 … C-1, are the classes.

    parent_N: int32 [N], -1 for the root. rank_N: int16 [N], an index into `rank_names`. kind_N: uint8 [N], one
        of `TAXON`, `HOLE`, `SELF` and `ROOT`: 0, 1, 2, 3. A hole stands for a rank that a lineage lacks, a self leaf for a
        class that is an inner node; `owner` is the taxon that each stands for.
    leaf_start_N, leaf_stop_N: int32 [N], the half-open range of leaves below each node (of length 1 for a leaf).
    leaf_node_C: int32 [C], the node of each class. names: N names ("" for the root and for holes).
    details: node → common names, ids, synonyms … from the file. source, notes: origin of the tree, and notes for outputs.
    class_of_row: int32 [rows], the class of each row of the source file, for readers of files whose rows correspond to
        those of another file (embeddings); else None.
    problems: warnings about the file, each with its line. line_N: int32 [N], the line on which each node first appears,
        0 for none; or None. line_unit: the unit of these numbers ("entry" in a list).
    columns: of a table, (column, what it was taken for).
    n_beside: number of labels beside the tree (`taxonomy.beside`): the last classes, without rank, directly below the root.

    Immutable: any number of threads may use one, and it can be pickled.
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
    columns: tuple[tuple[str, str], ...] = ()
    n_beside: int = 0

    def __repr__(self) -> str:
        return f"Taxonomy({self.source or 'made in Python'}: {self.n_classes:,} classes, {self.n_nodes:,} nodes)"

    @property
    def n_nodes(self) -> int:
        return len(self.parent_N)

    @property
    def n_classes(self) -> int:
        return len(self.leaf_node_C)

    def rank(self, node: int) -> str:
        return self.rank_names[int(self.rank_N[node])]

    def owner(self, node: int) -> int:
        """Returns the taxon that a node represents: itself, or for a hole or self leaf the nearest taxon above (or root)."""
        while self.kind_N[node] in (HOLE, SELF):
            node = int(self.parent_N[node])
        return node

    @cached_property
    def owner_N(self) -> npt.NDArray[np.int32]:  # noqa: N802 - a shape suffix
        """int32 [N], the `owner` of every node."""
        owner_N = np.arange(self.n_nodes, dtype=np.int32)
        while (is_inserted := np.isin(self.kind_N[owner_N], (HOLE, SELF))).any():
            owner_N[is_inserted] = self.parent_N[owner_N[is_inserted]]
        return owner_N

    def path(self, node: int) -> list[int]:
        """Returns the nodes from below the root down to `node`, holes and self leaves included."""
        nodes = []
        while node > 0:
            nodes.append(node)
            node = int(self.parent_N[node])
        return nodes[::-1]

    def taxon(self, node: int) -> Taxon:
        """Returns the taxon that a node represents (see `owner`)."""
        owner = self.owner(node)
        lineage = tuple((self.rank(n), self.names[n]) for n in self.path(owner) if self.kind_N[n] == TAXON)
        details = self.details.get(owner, NO_DETAILS)
        return Taxon(
            self.rank(owner),
            self.names[owner],
            lineage,
            details.common_names,
            details.ids,
            details.extra,
            details.authorship,
            details.synonyms,
        )

    def class_taxon(self, class_index: int) -> Taxon:
        """Returns the taxon of class `class_index` (0 … C-1)."""
        return self.taxon(int(self.leaf_node_C[class_index]))

    @cached_property
    def _children(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The nodes sorted by parent, and the position of each node's first child in that order."""
        by_parent = np.argsort(self.parent_N[1:], kind="stable") + 1
        return by_parent, np.searchsorted(self.parent_N[by_parent], np.arange(self.n_nodes + 1))

    def children(self, node: int) -> list[int]:
        """Returns the nodes directly below a node, in node order; holes and self leaves are among them."""
        by_parent, starts = self._children
        children: list[int] = by_parent[starts[node] : starts[node + 1]].tolist()
        return children

    @cached_property
    def class_of_N(self) -> npt.NDArray[np.int32]:  # noqa: N802 - a shape suffix
        """int32 [N], the class index of each taxon that is a class; -1 for other taxa, holes and self leaves."""
        class_of_N = np.full(self.n_nodes, -1, np.int32)
        class_of_N[self.owner_N[self.leaf_node_C]] = np.arange(self.n_classes, dtype=np.int32)
        return class_of_N

    @cached_property
    def languages(self) -> frozenset[str]:
        """The languages in which at least one taxon has a common name."""
        return list_languages(self.details)

    @property
    def beside_nodes(self) -> npt.NDArray[np.int32]:
        """int32, the labels beside the tree, in leaf order."""
        return self.leaf_node_C[self.n_classes - self.n_beside :]

    @cached_property
    def levels(self) -> list[npt.NDArray[np.int64]]:
        """The nodes at each depth, the root's level first."""
        return split_into_levels(self.parent_N)

    @cached_property
    def inner_taxa(self) -> npt.NDArray[np.int64]:
        """int64, the taxa that have nodes below them, in node order."""
        is_inner = self.leaf_stop_N - self.leaf_start_N > 1
        is_inner[self.parent_N[1:]] = True
        return np.flatnonzero(is_inner & (self.kind_N == TAXON))

    @cached_property
    def held_nodes(self) -> npt.NDArray[np.int64]:
        """int64 [I], in node order: the nodes whose probabilities heads store.

        All nodes of a small tree. For a tree of more than 65,536 nodes: the inner nodes, and the classes at a rank at
        which other taxa are inner nodes. Of the remaining classes, heads report the probabilities of the best only.
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
        """int64 [N], the index of each node in `held_nodes`, -1 where it is not among them."""
        place_N = np.full(self.n_nodes, -1, np.int64)
        place_N[self.held_nodes] = np.arange(len(self.held_nodes))
        return place_N

    @cached_property
    def rank_tables(self) -> dict[str, npt.NDArray[np.int32]]:
        """rank → its nodes in leaf order, for every rank at which each leaf has exactly one ancestor-or-self.

        A label beside the tree stands beside the taxa of every rank. The nodes of such a rank partition the leaves, so their
        probabilities sum to 1. Ranks are ordered from the top down.
        """
        tables = {}
        for index, rank in enumerate(self.rank_names):
            if not rank:
                continue
            nodes = np.flatnonzero(self.rank_N == index).astype(np.int32)
            if len(nodes):
                nodes = np.concatenate([nodes, self.beside_nodes])
            starts, stops = self.leaf_start_N[nodes], self.leaf_stop_N[nodes]
            if len(nodes) and starts[0] == 0 and stops[-1] == self.n_classes and np.array_equal(starts[1:], stops[:-1]):
                tables[rank] = nodes
        depth = {rank: len(self.path(int(nodes[0]))) for rank, nodes in tables.items()}
        return dict(sorted(tables.items(), key=lambda item: (ORDER.get(item[0], depth[item[0]]), depth[item[0]])))

    @cached_property
    def fingerprint(self) -> str:
        """First 16 hex digits of the SHA-256 of the tree and its names. Equal trees from different files have equal ones."""
        digest = hashlib.sha256()
        for array in (self.parent_N, self.rank_N, self.kind_N):
            digest.update(array.tobytes())
        for texts in (self.rank_names, self.names):
            digest.update("\n".join(texts).encode() + b"\0")
        if self.n_beside:
            digest.update(f"{self.n_beside} beside".encode())
        return digest.hexdigest()[:16]


def refuse_half_characters(names: Sequence[str]) -> None:
    """Raises TaxonomyError for a name with a lone surrogate, as bytes in an argument that are not UTF-8 become."""
    try:
        "\n".join(names).encode()
    except UnicodeEncodeError as problem:
        name = problem.object[: problem.end].rpartition("\n")[2]
        raise TaxonomyError(
            f"the name that begins with {name[-60:]!a} has half a character (a surrogate); give it in UTF-8"
        ) from None
