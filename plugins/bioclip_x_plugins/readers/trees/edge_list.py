"""Parent-child lists: an edge a line, divided by blanks, a tab or a comma; `#` begins a comment.

    n00001740 n00001930
    n00001740 n00002137

Where the second column repeats and the first does not, it is read as child and parent (NABirds' hierarchy.txt); a header
(`parent,child`) or `order=` says so too. Identifiers get their names from a file beside the list (see `edge_names`), or from
`names=FILE`; without one an identifier is the name.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

from bioclip_x.plugin import (
    Findings,
    NameUsage,
    SeveralParents,
    Taxonomy,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    from_usages,
)
from bioclip_x_plugins.readers.lines import read_text_lines, split_head_lines
from bioclip_x_plugins.readers.trees.edge_names import find_names, read_names

Order = Literal["auto", "parent-child", "child-parent"]
Edge = tuple[int, str, str]
"""Line, parent, child."""

HEADER: Final = {"parent": "parent", "parent_id": "parent", "parentid": "parent", "source": "parent",
                 "child": "child", "child_id": "child", "childid": "child", "target": "child"}  # fmt: skip
NOTHING: Final = frozenset({"__NULL__", "NULL", "-1"})
"""What stands for the parent of a top, where it is no child itself."""


class EdgeListReader:
    """A parent and a child a line. dag: what is done with a child of several parents. order: of the columns."""

    capabilities = TaxonomyReaderCapabilities(several_parents_option="dag")

    def __init__(self, *, dag: SeveralParents = "refuse", order: Order = "auto", names: Path | None = None) -> None:
        self.dag, self.order, self.names = dag, order, names

    def sniff(self, path: Path, head: bytes) -> bool:
        lines = [line for line in split_head_lines(head, 2000) if not line.startswith("#")]
        rows = [_cells(line, _delimiter(lines[0])) for line in lines]
        if not rows or len(rows[0]) != 2:
            return False
        is_named = "parent-child" in path.name or path.suffix.lower() in (".edges", ".edgelist")
        if is_named or _order_of_header(rows[0]) is not None:
            return True  # lines that are no pairs are then told
        if any(len(row) != 2 or not all(row) for row in rows):
            return False
        firsts, seconds = ({row[i] for row in rows} for i in (0, 1))
        return not firsts.isdisjoint(seconds)

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line: a line that is no pair, a cycle, a child of several parents."""
        findings = Findings(str(path))
        edges = _edges(path, self.order, findings)
        findings.raise_errors()
        if not edges:
            raise TaxonomyError(f"{path} is empty; expected a parent and a child a line")
        ids = dict.fromkeys(id for _, *pair in edges for id in pair)
        names = read_names(self.names) if self.names else find_names(path, ids, findings)
        return from_usages(_usages(edges, names), findings, source=str(path), several_parents=self.dag)


def _delimiter(line: str) -> str:
    return "\t" if "\t" in line else "," if "," in line else " "


def _cells(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return line.split()
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
    except csv.Error:
        return [line]


def _order_of_header(cells: Sequence[str]) -> Order | None:
    """None where the first line is no header."""
    match [HEADER.get(cell.lower()) for cell in cells]:
        case ["parent", "child"]:
            return "parent-child"
        case ["child", "parent"]:
            return "child-parent"
    return None


def _edges(path: Path, order: Order, findings: Findings) -> list[Edge]:
    rows: list[tuple[int, str, str]] = []
    delimiter = ""
    for line, text in read_text_lines(path):
        if text.startswith("#"):
            continue
        is_first = not delimiter
        delimiter = delimiter or _delimiter(text)
        cells = _cells(text, delimiter)
        said = _order_of_header(cells) if is_first else None
        if said:
            order = said if order == "auto" else order
        elif len(cells) != 2 or not all(cells):
            hint = "; names of several words need tabs or commas between them" if delimiter == " " else ""
            findings.error("not a pair", f"expected a parent and a child, got {text.strip()[:60]!r}{hint}", line)
        else:
            rows.append((line, cells[0], cells[1]))
    if order == "child-parent" or (order == "auto" and _is_child_first(rows, findings)):
        return [(line, parent, child) for line, child, parent in rows]
    return rows


def _is_child_first(rows: Sequence[Edge], findings: Findings) -> bool:
    """A child stands once in a tree, a parent as often as it has children."""
    n_first, n_second = (len({row[i] for row in rows}) for i in (1, 2))
    is_child_first = n_first == len(rows) > n_second
    if is_child_first:
        findings.warn(
            "order", "read as child and parent, since only the second column repeats; order=parent-child reads it so"
        )
    return is_child_first


def _usages(edges: Sequence[Edge], names: dict[str, str]) -> Iterator[NameUsage]:
    children = {child for _, _, child in edges}
    tops: set[str] = set()
    for line, parent, child in edges:
        is_top = parent not in children
        if is_top and parent not in NOTHING and parent not in tops:
            tops.add(parent)
            yield _usage(parent, "", line, names)
        yield _usage(child, "" if is_top and parent in NOTHING else parent, line, names)


def _usage(id: str, parent: str, line: int, names: dict[str, str]) -> NameUsage:
    name = names.get(id, id)
    return NameUsage(id, name, parent=parent, line=line, ids={"id": id} if name != id else {})
