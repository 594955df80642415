"""A broken or hostile input, what the program must do with it, and how what it did is judged."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

TRACEBACK: Final = re.compile(
    r"Traceback \(most recent call last\)|\(a fault of bioclip-x or of a library|^Fatal Python error", re.M
)
OK: Final = (0,)
REFUSED: Final = (2,)
"""The input is refused, with one clear error."""
SOME_FAILED: Final = (1,)
"""The images, or answers, that cannot be used are rows with a reason; the others are done."""
READ_OR_REFUSED: Final = (0, 1, 2)
"""Both are right, as long as nothing crashes: what another program made of the same bytes may well be valid."""


@dataclass(frozen=True)
class Outcome:
    """What a run did. status: the exit status; negative for a signal. hung: it was stopped at its limit of time.

    folder: of the case, with what the run has written. peak_bytes: resident memory; 0 where it is not known.
    """

    status: int
    stdout: str
    stderr: str
    folder: Path
    hung: bool = False
    peak_bytes: int = 0


@dataclass(frozen=True)
class Case:
    """One case.

    name: of the case in its area, of letters, digits and hyphens. make: writes the inputs into an empty folder, the working
    folder of the run, and returns the arguments of `bioclip-x`. statuses: the right ones. says: a regular expression that
    stdout and stderr, together, must match. check: returns what is wrong with a run that ended well; "" if nothing is.
    environment: variables; {folder} is the case's folder. seconds: of one core. bytes: of memory.
    alone: cannot be tried within another program's process, since it closes its output, or limits it. Such a case may set
    stdin, stdout, stderr: "" as for all others; "closed"; "full" (/dev/full); "gone" (a pipe that nobody reads); and limits:
    resource ("AS", "NOFILE", "FSIZE") → most of it, as by `ulimit`.
    """

    name: str
    make: Callable[[Path], list[str]]
    statuses: tuple[int, ...] = REFUSED
    says: str = ""
    check: Callable[[Outcome], str] = field(default=lambda outcome: "")
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 20
    bytes: int = 2 << 30
    alone: bool = False
    stdin: str = ""
    stdout: str = ""
    stderr: str = ""
    limits: Mapping[str, int] = field(default_factory=dict)


FAULTS: Final = ("traceback", "hang", "memory", "wrong status", "wrong message", "wrong value", "many lines")
"""All that can be wrong, in the order of the table in docs/security.md."""


def judge(case: Case, outcome: Outcome) -> dict[str, str]:
    """Returns fault → details; nothing where the run was right."""
    said = outcome.stdout + outcome.stderr
    if outcome.hung:
        return {"hang": f"more than {case.seconds:g} s; {said[-300:]!r}"}
    faults = {}
    if TRACEBACK.search(said) or (outcome.status == 3 and 3 not in case.statuses):
        faults["traceback"] = outcome.stderr[-1500:]
    if outcome.peak_bytes > case.bytes:
        faults["memory"] = f"{outcome.peak_bytes >> 20:,} MiB"
    if outcome.status not in case.statuses:
        faults["wrong status"] = f"{outcome.status}, expected {case.statuses}; {outcome.stderr[-600:]!r}"
    elif case.says and not re.search(case.says, said):
        faults["wrong message"] = f"expected {case.says!r}, got {said[-600:]!r}"
    elif outcome.status == 2 and len(outcome.stderr) > 20_000:
        faults["many lines"] = f"{len(outcome.stderr):,} characters of error"
    elif problem := case.check(outcome):
        faults["wrong value"] = problem
    return faults
