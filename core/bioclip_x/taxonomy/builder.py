"""Gathers a tree node by node, for files that are nested by nature and for trees made in Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bioclip_x.errors import TaxonomyError
from bioclip_x.taxonomy.compile import Draft, compile_tree
from bioclip_x.taxonomy.details import NO_DETAILS, Details
from bioclip_x.taxonomy.findings import Findings
from bioclip_x.taxonomy.ranks import normalise_rank
from bioclip_x.taxonomy.tree import Taxonomy


class TaxonomyBuilder:
    """Collects nodes; `build()` compiles them. Node 0 is the root, above everything and without a name."""

    def __init__(self) -> None:
        self._parents = [-1]
        self._names = [""]
        self._ranks = [0]
        self._lines = [0]
        self._rank_index = {"": 0}
        self._classes: set[int] = set()
        self._details: dict[int, Details] = {}
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
        """Adds a child of `parent` and returns its number; with `merge`, finds the one of the same rank and name.

        line: where in its file it stands, 0 for nowhere.
        """
        rank, name = normalise_rank(rank), " ".join(name.split())
        if not name:
            raise TaxonomyError(f"a taxon of rank {rank or 'unranked'!r} has no name")
        code = self._rank_index.setdefault(rank, len(self._rank_index))
        key = (parent, code, name)
        node = self._by_key.get(key) if merge else None
        if node is None:
            node = len(self._parents)
            self._parents.append(parent)
            self._ranks.append(code)
            self._names.append(name)
            self._lines.append(line)
            self._by_key.setdefault(key, node)
        if details is not NO_DETAILS and node not in self._details:
            self._details[node] = details
        return node

    def add_lineage(
        self, lineage: Sequence[tuple[str, str]], details: Details = NO_DETAILS, *, is_class: bool = True, line: int = 0
    ) -> int:
        """Adds a taxon by its (rank, name) path from the top, blank names skipped, and makes it a class.

        Returns its node. Raises TaxonomyError where every name is blank.
        """
        named = [(rank, name) for rank, name in lineage if name.strip()]
        if not named:
            raise TaxonomyError("a class has no name at any rank")
        node = 0
        for depth, (rank, name) in enumerate(named, start=1):
            node = self.add(node, rank, name, details if depth == len(named) else NO_DETAILS, line=line)
        if is_class:
            self.mark_class(node)
        return node

    def mark_class(self, node: int) -> None:
        """Makes a node a class even if others lie below it. Tips are classes anyway."""
        self._classes.add(node)

    def is_class(self, node: int) -> bool:
        return node in self._classes

    def build(
        self,
        source: str = "",
        notes: Sequence[str] = (),
        rows: Sequence[int] | None = None,
        findings: Findings | None = None,
    ) -> Taxonomy:
        """Inserts holes and self leaves, numbers everything depth first, and freezes it.

        source, notes: where the tree came from, and what was odd there; carried into outputs.
        rows: the node of each row of a file, all of them classes; they become the tree's `class_of_row`.
        findings: what was found in the file; its warnings join the notes.

        Raises TaxonomyError where `findings` has errors, or where there is no taxon at all.
        """
        findings = findings or Findings(source)
        findings.raise_errors()
        if len(self) == 1:
            raise TaxonomyError(
                f"the taxonomy {source or 'given'} is empty: it names no taxon", tuple(findings.problems)
            )
        is_class = np.zeros(len(self), bool)
        is_class[list(self._classes)] = True
        draft = Draft(
            parent_M=np.array(self._parents, np.int32),
            rank_M=np.array(self._ranks, np.int16),
            rank_names=tuple(self._rank_index),
            names=self._names,
            is_class_M=is_class,
            details=self._details,
            line_M=np.array(self._lines, np.int32) if any(self._lines) else None,
            line_unit=findings.unit,
        )
        tree, new_M = compile_tree(draft, source, [*notes, *findings.notes()], findings.problems)
        return tree if rows is None else replace(tree, class_of_row=tree.class_of_N[new_M[np.asarray(rows, np.int64)]])


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
