"""Newick's grammar: brackets, labels, lengths → nodes with their parents. Goes through a text once, however deep the tree.

After Olsen (1990), https://phylipweb.github.io/phylip/newick_doc.html, but labels may hold blanks and apostrophes too.
"""

# Why no library's parser: on 123,182 tips newick 1.11 takes 9 s and DendroPy 5.1 takes 4 s; TreeSwift 1.1 takes 1 s, but is
# GPL, reads `(a,b)(c,d);` as one tree, and (as newick) does not say where in the file a bracket is missing.

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NoReturn

from bioclip_x.plugin import Findings

_GAP: Final = r"(?:\s|\[[^\]]*\])*"
_NUMBER: Final = r"(?:[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[nN][aA][nN]?)"
_LABEL: Final = r"(?:'([^']*(?:''[^']*)*)'|([^\s()\[\]:;,'][^()\[\]:;,\r\n\0]*))"
_BLANK = re.compile(_GAP)
_SUPPORT = re.compile(rf"{_NUMBER}(?:/{_NUMBER})*")
_PIECE = re.compile(rf"([(,);]){_GAP}{_LABEL}?{_GAP}(?::{_GAP}{_NUMBER}{_GAP})?")
"""A sign, and label and length of the node after it: of the tip that begins, or of the inner node that ")" closes."""


@dataclass(slots=True)
class Nodes:
    """In the order of the file, parents before children.

    parents: -1 for the root. names: "" for none. starts: where each begins in the text. breaks: where its lines end.
    tips: their nodes. ends: inner node → its first and last tip. support: inner node → its label, where that is a number.
    """

    breaks: list[int]
    parents: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    n_children: list[int] = field(default_factory=list)
    tips: list[int] = field(default_factory=list)
    ends: dict[int, tuple[int, int]] = field(default_factory=dict)
    support: dict[int, str] = field(default_factory=dict)

    def add(self, parent: int, name: str, start: int) -> int:
        if parent >= 0:
            self.n_children[parent] += 1
        self.parents.append(parent)
        self.names.append(name)
        self.starts.append(start)
        self.n_children.append(0)
        return len(self.parents) - 1

    def lines(self) -> Iterator[int]:
        """The line of each."""
        return map(self.line, self.starts)

    def line(self, place: int) -> int:
        return bisect_right(self.breaks, place - 1) + 1


def begins_tree(text: str) -> bool:
    """Whether a bracket opens after nothing but blanks and comments."""
    return text.startswith("(", _end_of(_BLANK, text, 0))


def parse_newick(text: str, findings: Findings) -> Nodes:
    """The nodes of the one tree of a text. Raises TaxonomyError with line and column; tips without name are findings."""
    return _Parser(text, findings).run()


class _Parser:
    def __init__(self, text: str, findings: Findings) -> None:
        self.text, self.findings = text, findings
        self.nodes = Nodes([match.start() for match in re.finditer("\n", text)])
        self.open: list[tuple[int, int]] = []
        """Of each bracket that is open, its node and the number of tips before it."""

    def run(self) -> Nodes:
        place = start = self._first_bracket()
        label: str | None = (
            ""  # of the tip that has begun, "" where a bracket may open, None after a bracket has closed
        )
        while place < len(self.text):
            piece = _PIECE.match(self.text, place)
            if not piece:
                self._fail(place, self._unexpected(place))
            sign, quoted, bare = piece.groups()
            if sign == "(":
                self._open(place, label)
            elif label is not None:
                self._tip(label, start)
            if sign == ";":
                self._finish(place)
                return self.nodes
            name = quoted.replace("''", "'") if quoted is not None else bare.strip().replace("_", " ") if bare else ""
            if not self.open:
                self._fail(
                    place, f"{sign!r} after the last bracket was closed: one was closed too early, or too many were"
                )
            if sign == ")":
                self._close(name)
            label = None if sign == ")" else name
            start, place = piece.start(piece.lastindex or 1), piece.end()
        if self.open:
            self._fail_unclosed(place, "the file ends")
        self.findings.warn("cut short", "there is no ';' at the end; is the file cut short?", self._line(place - 1))
        return self.nodes

    def _first_bracket(self) -> int:
        place = _end_of(_BLANK, self.text, 0)
        if not self.text.startswith("(", place):
            is_nexus = self.text[place : place + 6].upper() == "#NEXUS"
            hint = "this is NEXUS; save its tree as Newick" if is_nexus else self._unexpected(place, "")
            self._fail(place, f"a Newick tree begins with '('; {hint}")
        return place

    def _open(self, place: int, label: str | None) -> None:
        if label != "":
            self._fail(place, "a bracket opens where ',' or ')' was expected")
        parent = self.open[-1][0] if self.open else -1
        self.open.append((self.nodes.add(parent, "", place), len(self.nodes.tips)))

    def _tip(self, name: str, start: int) -> None:
        if not name.strip():
            self.findings.error("no name", f"column {self._column(start)}: a tip has no name", self._line(start))
        self.nodes.tips.append(self.nodes.add(self.open[-1][0], name, start))

    def _close(self, name: str) -> None:
        node, tips_before = self.open.pop()
        self.nodes.ends[node] = self.nodes.tips[tips_before], self.nodes.tips[-1]
        if _SUPPORT.fullmatch(name):
            self.nodes.support[node] = name
        else:
            self.nodes.names[node] = name

    def _finish(self, place: int) -> None:
        if self.open:
            self._fail_unclosed(place, "the tree ends")
        rest = _end_of(_BLANK, self.text, place + 1)
        if self.text.startswith("(", rest):
            self._fail(rest, "a second tree begins; expected one tree in a file, keep the one that is meant")
        if rest < len(self.text):
            self._fail(rest, f"expected nothing after the tree's ';', {self._unexpected(rest, '')}")

    def _fail_unclosed(self, place: int, what: str) -> NoReturn:
        first = self.nodes.starts[self.open[-1][0]] if self.open else place
        self._fail(
            place,
            f"{what} with {len(self.open)} of its brackets still open, the last from line {self._line(first)}, column "
            f"{self._column(first)}; is the file cut short?",
        )

    def _unexpected(self, place: int, expected: str = "expected ',', ')' or ';', ") -> str:
        sign = self.text[place : place + 1]
        if sign == "'" and "'" not in self.text[place + 1 :]:
            return "a quote is never closed"
        if sign == "[":
            return "a comment is never closed"
        if sign == ":":
            return f"expected a branch length after ':', got {self.text[place + 1 : place + 21]!r}"
        return f"{expected}got {self.text[place : place + 20]!r}" if sign else "got nothing"

    def _fail(self, place: int, message: str) -> NoReturn:
        self.findings.error("not Newick", f"column {self._column(place)}: {message}", self._line(place))
        self.findings.raise_errors()
        raise AssertionError("an error was found")

    def _line(self, place: int) -> int:
        return self.nodes.line(place)

    def _column(self, place: int) -> int:
        return place - self.text.rfind("\n", 0, place)


def _end_of(pattern: re.Pattern[str], text: str, place: int) -> int:
    found = pattern.match(text, place)
    return found.end() if found else place
