"""Something that is wrong or odd in a file."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding in an author's file.

    kind: what sort of thing it is, in a word or two ("cycle", "dangling parent", "homonym"), by which findings are counted.
    message: what is wrong there, and how to mend it. file: its name as given. line: 1 for the first, 0 where there is none.
    is_error: whether the file cannot be used as it is; else it is a warning. unit: what `line` counts ("entry" in a list).
    """

    kind: str
    message: str
    file: str = ""
    line: int = 0
    is_error: bool = False
    unit: str = "line"

    @property
    def where(self) -> str:
        return f"{self.file}, {self.unit} {self.line}" if self.line else self.file

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message
