"""Errors and warnings about files."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One error or warning about a file.

    kind: a short category ("cycle", "dangling parent", "homonym"), by which problems are counted.
    message: what is wrong, and how to fix it. file: its name as given. line: from 1, 0 for none.
    is_error: whether the file cannot be used; otherwise a warning. unit: the unit of `line` ("entry" in a list).
    times: how often it occurs, for one that sums up others.
    """

    kind: str
    message: str
    file: str = ""
    line: int = 0
    is_error: bool = False
    unit: str = "line"
    times: int = 1

    @property
    def where(self) -> str:
        return f"{self.file}, {self.unit} {self.line}" if self.line else self.file

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why a file is not in a format, though it resembles it.

    likeness: from 0 to 1, by which formats are compared. reason: what the format has and the file lacks, and what to do;
    completes the sentence "it looks most like …, but …".
    """

    likeness: float
    reason: str
