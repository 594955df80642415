"""Collects all errors and warnings of a file, so that its author sees them at once instead of one per run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from bioclip_x.errors import TaxonomyError
from bioclip_x.records.problem import Problem

MAX_SHOWN = 20
"""Errors listed in a message; the rest are counted."""


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

    def warn(self, kind: str, message: str, line: int = 0, file: str | None = None, count: int = 1) -> None:
        """Adds a warning; `message` says how the problem was handled. count: how many cases it stands for."""
        where = self.file if file is None else file
        self.problems.append(Problem(kind, message, where, line, False, self.unit, count))

    def extend(self, problems: Iterable[Problem]) -> None:
        self.problems.extend(problems)

    def raise_errors(self) -> None:
        """Raises a TaxonomyError that lists the errors and carries all findings, if there is any error."""
        errors = [problem for problem in self.problems if problem.is_error]
        if not errors:
            return
        shown = "\n".join(map(str, errors[:MAX_SHOWN]))
        more = (
            f"\n… and {len(errors) - MAX_SHOWN} more errors: bioclip-x taxonomy validate"
            if len(errors) > MAX_SHOWN
            else ""
        )
        raise TaxonomyError(shown + more, tuple(self.problems))

    def notes(self) -> Iterator[str]:
        """Yields the warnings for an output: one line per kind, with its count and first warning."""
        warnings = [problem for problem in self.problems if not problem.is_error]
        counts: Counter[str] = Counter()
        for problem in warnings:
            counts[problem.kind] += problem.count
        for kind, count in counts.items():
            of_kind = [problem for problem in warnings if problem.kind == kind]
            yield str(of_kind[0]) if len(of_kind) == 1 else f"{kind}: {count:,} times, first {of_kind[0]}"
