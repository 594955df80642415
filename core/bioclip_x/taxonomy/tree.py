"""A compiled taxonomy: a rooted tree in flat arrays, so that sums over clades are segment sums and not walks.

Legend: N nodes, C classes (leaves).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from bioclip_x.errors import TaxonomyError
from bioclip_x.records.problem import Problem
from bioclip_x.records.taxon import Taxon
from bioclip_x.taxonomy.details import NO_DETAILS, Details, languages, renumbered
from bioclip_x.taxonomy.ranks import ORDER

if TYPE_CHECKING:
    import networkx

    from bioclip_x.taxonomy.usages import SeveralParents

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
        return languages(self.details)

    @cached_property
    def levels(self) -> list[npt.NDArray[np.int64]]:
        """The nodes at each depth, the root's level first."""
        from bioclip_x.taxonomy.compile import levels

        return levels(self.parent_N)

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

    def restricted_to(self, classes: Iterable[int]) -> Taxonomy:
        """The tree of some of the classes, and of the nodes above them. Raises TaxonomyError if none is left.

        See `restricted` for which class is which.
        """
        return restricted(self, np.unique(np.fromiter(classes, np.int64)))[0]

    def to_networkx(self) -> networkx.DiGraph[Any]:
        """The taxa as a networkx DiGraph, edges from parent to child. See `graph.to_networkx`."""
        from bioclip_x.taxonomy.graph import to_networkx

        return to_networkx(self)

    @staticmethod
    def from_networkx(
        graph: networkx.DiGraph[Any], source: str = "a networkx graph", *, several_parents: SeveralParents = "refuse"
    ) -> Taxonomy:
        """Compiles a networkx DiGraph. See `graph.from_networkx`."""
        from bioclip_x.taxonomy.graph import from_networkx

        return from_networkx(graph, source, several_parents=several_parents)

    @staticmethod
    def from_labels(labels: Sequence[str]) -> Taxonomy:
        """A flat tree of plain labels, no ranks. Raises TaxonomyError for an empty or repeated label."""
        from bioclip_x.taxonomy.builder import from_labels

        return from_labels(labels)


def restricted(taxonomy: Taxonomy, classes: npt.NDArray[np.int64]) -> tuple[Taxonomy, npt.NDArray[np.int32]]:
    """The tree of `classes` (ascending) and of the taxa above them, and which of the old classes each of its classes is.

    Ranks that none of them uses have no holes there; so, of clades in which some taxa lack a rank, classes may change places.
    Raises TaxonomyError if none is left.
    """
    if not len(classes):
        raise TaxonomyError("no class is left in this subset of the taxonomy")
    is_kept = np.zeros(taxonomy.n_classes + 1, np.int64)
    is_kept[classes + 1] = 1
    kept_before = np.cumsum(is_kept)
    has_class_N = kept_before[taxonomy.leaf_stop_N] > kept_before[taxonomy.leaf_start_N]
    taxon_c = taxonomy.owner_N[taxonomy.leaf_node_C[classes]]
    nodes = np.flatnonzero(has_class_N & np.isin(taxonomy.kind_N, (TAXON, ROOT)))
    tree, new_N = _of_nodes(taxonomy, nodes, taxon_c)
    old_C = np.empty(len(classes), np.int32)
    old_C[tree.class_of_N[new_N[taxon_c]]] = classes
    return tree, old_C


def inner_tree(taxonomy: Taxonomy) -> tuple[Taxonomy, npt.NDArray[np.int64]]:
    """The tree without its tips, every taxon of it a class; and the class there of each of `inner_taxa`: int64 [M].

    Raises TaxonomyError for a list of labels, which has no inner taxa.
    """
    inner = taxonomy.inner_taxa
    if not len(inner):
        raise TaxonomyError("the taxonomy has no taxa above its classes")
    tree, new_N = _of_nodes(taxonomy, np.concatenate([[0], inner]), inner)
    return tree, tree.class_of_N[new_N[inner]].astype(np.int64)


def _of_nodes(
    taxonomy: Taxonomy, nodes: npt.NDArray[np.int64], classes: npt.NDArray[np.integer]
) -> tuple[Taxonomy, npt.NDArray[np.int32]]:
    """The tree of some taxa (ascending, the root first, all above them too), `classes` of them its classes; and the number in
    it of each of them: int32 [N], -1 for others."""
    from bioclip_x.taxonomy.compile import Draft, compile_tree

    place_N = np.full(taxonomy.n_nodes, -1, np.int32)
    place_N[nodes] = np.arange(len(nodes), dtype=np.int32)
    parent_M = place_N[taxonomy.owner_N[taxonomy.parent_N[nodes]]]
    parent_M[0] = -1
    is_class_M = np.zeros(len(nodes), bool)
    is_class_M[place_N[classes]] = True
    draft = Draft(
        parent_M=parent_M,
        rank_M=taxonomy.rank_N[nodes],
        rank_names=taxonomy.rank_names,
        names=[taxonomy.names[node] for node in nodes.tolist()],
        is_class_M=is_class_M,
        details=renumbered(taxonomy.details, place_N),
        line_M=None if taxonomy.line_N is None else taxonomy.line_N[nodes],
        line_unit=taxonomy.line_unit,
    )
    tree, new_M = compile_tree(draft, taxonomy.source, taxonomy.notes, taxonomy.problems)
    new_N = np.full(taxonomy.n_nodes, -1, np.int32)
    new_N[nodes] = new_M
    return tree, new_N
