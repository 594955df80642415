"""Gathers all that is wrong in a file before it is said, so that an author mends it once and not line by line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from bioclip_x.errors import TaxonomyError
from bioclip_x.records.problem import Problem

SHOWN = 20
"""Errors told in full in a message; the rest are counted."""


class Findings:
    """The errors and warnings of one file, in the order found.

    findings = Findings("trees.nwk")
    findings.error("bracket", "a bracket is closed that was never opened", line=3)
    findings.raise_errors()
    """

    def __init__(self, file: str = "", unit: str = "line") -> None:
        self.file = file
        self.unit = unit  # what is counted in it: "entry" of a list, "row" of a table without lines
        self.problems: list[Problem] = []

    def error(self, kind: str, message: str, line: int = 0, file: str | None = None) -> None:
        """Something without which the file cannot be used."""
        self.problems.append(Problem(kind, message, self.file if file is None else file, line, True, self.unit))

    def warn(self, kind: str, message: str, line: int = 0, file: str | None = None) -> None:
        """Something odd that was dealt with as `message` says."""
        self.problems.append(Problem(kind, message, self.file if file is None else file, line, False, self.unit))

    def extend(self, problems: Iterable[Problem]) -> None:
        self.problems.extend(problems)

    def raise_errors(self) -> None:
        """Raises a TaxonomyError that tells all errors, and carries all findings, if there is any error."""
        errors = [problem for problem in self.problems if problem.is_error]
        if not errors:
            return
        told = "\n".join(map(str, errors[:SHOWN]))
        more = f"\n… and {len(errors) - SHOWN} more errors: bioclip-x taxonomy validate" if len(errors) > SHOWN else ""
        raise TaxonomyError(told + more, tuple(self.problems))

    def notes(self) -> Iterator[str]:
        """The warnings for an output: one line for each kind, with the first of it."""
        warnings = [problem for problem in self.problems if not problem.is_error]
        for kind, count in Counter(problem.kind for problem in warnings).items():
            first = next(problem for problem in warnings if problem.kind == kind)
            yield str(first) if count == 1 else f"{kind}: {count} times, first {first}"
