"""Collects all errors and warnings of a file, so that its author sees them at once instead of one per run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from bioclip_x.errors import TaxonomyError
from bioclip_x.records.problem import Problem

MAX_SHOWN = 20
"""Errors listed in a message; the rest are counted."""
MAX_OF_KIND = 5
"""Errors of one kind listed in a message with several kinds."""


class Findings:
    """The errors and warnings of one file, in the order found.

    findings = Findings("trees.nwk")
    findings.error("bracket", "a bracket is closed that was never opened", line=3)
    findings.raise_errors()
    """

    def __init__(self, file: str = "", unit: str = "line") -> None:
        self.file = file
        self.unit = unit  # of the line numbers: "entry" in a list, "row" in a table without lines
        self.problems: list[Problem] = []
        self.columns: dict[str, str] = {}  # of a table: column → what it was taken for

    def error(self, kind: str, message: str, line: int = 0, file: str | None = None) -> None:
        """Adds an error: the file cannot be used."""
        self.problems.append(Problem(kind, message, self.file if file is None else file, line, True, self.unit))

    def warn(self, kind: str, message: str, line: int = 0, file: str | None = None, times: int = 1) -> None:
        """Adds a warning; `message` says how the problem was handled. times: how often it occurs, for a summary of many."""
        self.problems.append(Problem(kind, message, self.file if file is None else file, line, False, self.unit, times))

    def warn_encoding(self, line: int) -> None:
        """Warns that a text is not UTF-8; for the `on_legacy` of `read_text`, `read_lines` and `read_stream_lines`."""
        message = "not UTF-8; read as Windows-1252, accents may be wrong: save it as UTF-8"
        if self.unit == "line":
            self.warn("encoding", message, line)
        else:
            self.warn("encoding", f"line {line} is {message}")

    def extend(self, problems: Iterable[Problem]) -> None:
        self.problems.extend(problems)

    def raise_errors(self) -> None:
        """Raises a TaxonomyError that lists the errors and carries all findings, if there is any error."""
        errors = [problem for problem in self.problems if problem.is_error]
        if not errors:
            return
        raise TaxonomyError("\n".join(_list_errors(errors)), tuple(self.problems))

    def notes(self) -> Iterator[str]:
        """Yields the warnings for an output: one line per kind, with its count and first warning."""
        warnings = [problem for problem in self.problems if not problem.is_error]
        counts: Counter[str] = Counter()
        for problem in warnings:
            counts[problem.kind] += problem.times
        for kind, count in counts.items():
            first = next(problem for problem in warnings if problem.kind == kind)
            yield str(first) if count == 1 else f"{kind}: {count:,} times, first {first}"


def _list_errors(errors: Sequence[Problem]) -> Iterator[str]:
    """Lists errors in the order found, of each kind the first few only, and counts the rest by kind."""
    by_kind = Counter(problem.kind for problem in errors)
    most = MAX_SHOWN if len(by_kind) == 1 else MAX_OF_KIND
    shown: Counter[str] = Counter()
    for problem in errors:
        if shown[problem.kind] < most and shown.total() < MAX_SHOWN:
            shown[problem.kind] += 1
            yield str(problem)
    rest = [f"{count:,} of the kind {kind!r}" for kind, count in (by_kind - shown).items()]
    if rest:
        yield f"… and {len(errors) - shown.total():,} more errors ({', '.join(rest)}): bioclip-x taxonomy validate"
