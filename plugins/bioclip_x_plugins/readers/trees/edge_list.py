"""Parent-child lists: one edge per line, separated by spaces, a tab or a comma; `#` starts a comment.

    n00001740 n00001930
    n00001740 n00002137

If only the second column has repeated values, the columns are read as child and parent (NABirds' hierarchy.txt). A header
(`parent,child`) or the option `order` sets the order. Names of the identifiers are read from a file next to the list (see
`edge_names`) or from `names=FILE`; without one, identifiers are the names.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

from bioclip_x.plugin import (
    Findings,
    FormatExample,
    Mismatch,
    NameUsage,
    SeveralParents,
    Taxonomy,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    from_usages,
)
from bioclip_x_plugins.readers.lines import read_text_lines, split_head_lines
from bioclip_x_plugins.readers.trees.edge_names import NAME_FILES, find_names, read_names

Order = Literal["auto", "parent-child", "child-parent"]
Edge = tuple[int, str, str]
"""Line, parent, child."""

HEADER: Final = {"parent": "parent", "parent_id": "parent", "parentid": "parent", "source": "parent",
                 "child": "child", "child_id": "child", "childid": "child", "target": "child"}  # fmt: skip
NO_PARENT: Final = frozenset({"__NULL__", "NULL", "-1"})
"""Placeholders for the parent of a root, unless they are themselves children."""


class EdgeListReader:
    """Reads one parent and one child per line.

    dag: how a child of several parents is handled. order: of the columns.
    names: a file of the names of the ids; none: one that lies beside the file, if any.
    """

    capabilities = TaxonomyReaderCapabilities(
        several_parents_option="dag",
        explains_mismatch=True,
        reads_beside=NAME_FILES,
        example=FormatExample(
            "wordnet.parent-child.txt",
            {
                "wordnet.parent-child.txt": "# parent child\nn00001740 n00001930\nn00001740 n00002137\n",
            },
        ),
    )

    def __init__(self, *, dag: SeveralParents = "refuse", order: Order = "auto", names: Path | None = None) -> None:
        self.dag, self.order, self.names = dag, order, names

    def sniff(self, path: Path, head: bytes) -> bool:
        lines = [line for line in split_head_lines(head, 2000) if not line.startswith("#")]
        rows = [_split_cells(line, _guess_delimiter(lines[0])) for line in lines]
        if not rows or len(rows[0]) != 2:
            return False
        is_named = "parent-child" in path.name or path.suffix.lower() in (".edges", ".edgelist")
        if is_named or _parse_header(rows[0]) is not None:
            return True  # `read` then reports lines that are not pairs
        if any(len(row) != 2 or not all(row) for row in rows):
            return False
        firsts, seconds = ({row[i] for row in rows} for i in (0, 1))
        return not firsts.isdisjoint(seconds)

    def explain_mismatch(self, path: Path, head: bytes) -> Mismatch | None:
        lines = [line for line in split_head_lines(head) if not line.startswith("#")]
        if not lines or any(len(_split_cells(line, _guess_delimiter(lines[0]))) != 2 for line in lines):
            return None
        return Mismatch(
            0.4, "no name occurs in both columns; if it is a list of parents and children, put `parent,child` first"
        )

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line: a line that is not a pair, a cycle, a child of several parents."""
        findings = Findings(str(path))
        edges = _read_edges(path, self.order, findings)
        findings.raise_errors()
        if not edges:
            raise TaxonomyError(f"{path} is empty; expected a parent and a child on each line")
        ids = dict.fromkeys(id for _, *pair in edges for id in pair)
        names = read_names(self.names) if self.names else find_names(path, ids, findings)
        return from_usages(_make_usages(edges, names), findings, source=str(path), several_parents=self.dag)


def _guess_delimiter(line: str) -> str:
    return "\t" if "\t" in line else "," if "," in line else " "


def _split_cells(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return line.split()
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
    except csv.Error:
        return [line]


def _parse_header(cells: Sequence[str]) -> Order | None:
    """Returns the order of a header's columns; None for a line of data."""
    match [HEADER.get(cell.lower()) for cell in cells]:
        case ["parent", "child"]:
            return "parent-child"
        case ["child", "parent"]:
            return "child-parent"
    return None


def _read_edges(path: Path, order: Order, findings: Findings) -> list[Edge]:
    rows: list[tuple[int, str, str]] = []
    delimiter = ""
    for line, text in read_text_lines(path, findings):
        if text.startswith("#"):
            continue
        is_first = not delimiter
        delimiter = delimiter or _guess_delimiter(text)
        cells = _split_cells(text, delimiter)
        header_order = _parse_header(cells) if is_first else None
        if header_order:
            order = header_order if order == "auto" else order
        elif len(cells) != 2 or not all(cells):
            hint = "; separate names of several words by tabs or commas" if delimiter == " " else ""
            findings.error("not a pair", f"expected a parent and a child, got {text.strip()[:60]!r}{hint}", line)
        else:
            rows.append((line, cells[0], cells[1]))
    if order == "child-parent" or (order == "auto" and _is_child_first(rows, findings)):
        return [(line, parent, child) for line, child, parent in rows]
    return rows


def _is_child_first(rows: Sequence[Edge], findings: Findings) -> bool:
    """Guesses the order: in a tree a child is listed once, a parent once per child."""
    n_first, n_second = (len({row[i] for row in rows}) for i in (1, 2))
    is_child_first = n_first == len(rows) > n_second
    if is_child_first:
        findings.warn(
            "order", "read as child and parent, since only the second column repeats; else set order=parent-child"
        )
    return is_child_first


def _make_usages(edges: Sequence[Edge], names: dict[str, str]) -> Iterator[NameUsage]:
    children = {child for _, _, child in edges}
    roots: set[str] = set()
    for line, parent, child in edges:
        is_root = parent not in children
        if is_root and parent not in NO_PARENT and parent not in roots:
            roots.add(parent)
            yield _make_usage(parent, "", line, names)
        yield _make_usage(child, "" if is_root and parent in NO_PARENT else parent, line, names)


def _make_usage(id: str, parent: str, line: int, names: dict[str, str]) -> NameUsage:
    name = names.get(id, id)
    return NameUsage(id, name, parent=parent, line=line, ids={"id": id} if name != id else {})
