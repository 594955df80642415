"""Builds a tree node by node: for nested file formats and for trees defined in Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bioclip_x.errors import TaxonomyError
from bioclip_x.taxonomy.beside import add_beside
from bioclip_x.taxonomy.compile import Draft, compile_tree, mark_species
from bioclip_x.taxonomy.details import NO_DETAILS, Details
from bioclip_x.taxonomy.findings import Findings
from bioclip_x.taxonomy.ranks import normalise_rank
from bioclip_x.taxonomy.tree import Taxonomy


class TaxonomyBuilder:
    """Collects nodes; `build()` compiles them. Node 0 is the unnamed root."""

    def __init__(self) -> None:
        self._parents = [-1]
        self._names = [""]
        self._ranks = [0]
        self._lines = [0]
        self._rank_index = {"": 0}
        self._is_class: dict[int, bool] = {}
        self._details: dict[int, Details] = {}
        self._beside: list[str] = []
        self._by_key: dict[tuple[int, int, str], int] = {}

    def __len__(self) -> int:
        return len(self._parents)

    def add(
        self,
        parent: int,
        rank: str,
        name: str,
        details: Details = NO_DETAILS,
        *,
        merge: bool = True,
        line: int = 0,
    ) -> int:
        """Adds a child of `parent` and returns its number; with `merge`, returns an existing child of this rank and name.

        line: of the node in its file, 0 for none. Raises TaxonomyError for a blank name.
        """
        rank, name = normalise_rank(rank), " ".join(name.split())
        if not name:
            raise TaxonomyError(f"a taxon of rank {rank or 'unranked'!r} has no name")
        rank_id = self._rank_index.setdefault(rank, len(self._rank_index))
        key = (parent, rank_id, name)
        node = self._by_key.get(key) if merge else None
        if node is None:
            node = len(self._parents)
            self._parents.append(parent)
            self._ranks.append(rank_id)
            self._names.append(name)
            self._lines.append(line)
            self._by_key.setdefault(key, node)
        if details is not NO_DETAILS and node not in self._details:
            self._details[node] = details
        return node

    def add_lineage(
        self, lineage: Sequence[tuple[str, str]], details: Details = NO_DETAILS, *, is_class: bool = True, line: int = 0
    ) -> int:
        """Adds a taxon by its (rank, name) path from the top, skipping blank names, and marks it as a class.

        Returns its node. Raises TaxonomyError if every name is blank.
        """
        steps = [(rank, name) for rank, name in lineage if name.strip()]
        if not steps:
            raise TaxonomyError("a class has no name at any rank")
        node = 0
        for depth, (rank, name) in enumerate(steps, start=1):
            node = self.add(node, rank, name, details if depth == len(steps) else NO_DETAILS, line=line)
        if is_class:
            self.mark_class(node)
        return node

    def mark_class(self, node: int, is_class: bool = True) -> None:
        """Marks a node as a class, or an inner species as none.

        Tips are classes anyway; of the inner nodes, species are classes unless marked otherwise, and others only if marked.
        """
        self._is_class[node] = is_class

    def add_beside(self, label: str) -> None:
        """Adds a label beside the tree, such as blank or vehicle: a class that is no taxon."""
        self._beside.append(label)

    def is_class(self, node: int) -> bool:
        return self._is_class.get(node, False)

    def build(
        self,
        source: str = "",
        notes: Sequence[str] = (),
        rows: Sequence[int] | None = None,
        findings: Findings | None = None,
    ) -> Taxonomy:
        """Compiles the nodes into a `Taxonomy`: inserts holes and self leaves and numbers the nodes depth first.

        source, notes: origin of the tree, and notes for outputs.
        rows: the node of each row of a file, all of them classes; they become the tree's `class_of_row`.
        findings: errors and warnings about the file; its warnings are added to the notes.

        Raises TaxonomyError if `findings` has errors, or if there is no taxon.
        """
        findings = findings or Findings(source)
        findings.raise_errors()
        if len(self) == 1:
            raise TaxonomyError(
                f"the taxonomy {source or 'given'} is empty: it names no taxon", tuple(findings.problems)
            )
        is_class, is_given = np.zeros((2, len(self)), bool)
        is_class[list(self._is_class)] = list(self._is_class.values())
        is_given[list(self._is_class)] = True
        rank_M = np.array(self._ranks, np.int16)
        draft = Draft(
            parent_M=np.array(self._parents, np.int32),
            rank_M=rank_M,
            rank_names=tuple(self._rank_index),
            names=self._names,
            is_class_M=mark_species(is_class, is_given, rank_M, tuple(self._rank_index)),
            details=self._details,
            line_M=np.array(self._lines, np.int32) if any(self._lines) else None,
            line_unit=findings.unit,
        )
        tree, new_M = compile_tree(draft, source, [*notes, *findings.notes()], findings.problems)
        tree = replace(tree, columns=tuple(findings.columns.items()))
        tree = add_beside(tree, self._beside)
        return tree if rows is None else replace(tree, class_of_row=tree.class_of_N[new_M[np.asarray(rows, np.int64)]])


def from_labels(labels: Sequence[str]) -> Taxonomy:
    """Builds a flat tree of plain labels. Raises TaxonomyError for an empty list, an empty label or a repeated one."""
    builder = TaxonomyBuilder()
    for label in labels:
        if not label.strip():
            raise TaxonomyError("a label is empty; expected names separated by commas, or one per line in a file")
        before = len(builder)
        builder.mark_class(builder.add(0, "", label))
        if len(builder) == before:
            raise TaxonomyError(f"the label {label!r} is given twice")
    return builder.build(source="labels")
