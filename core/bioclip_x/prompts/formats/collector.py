"""Descriptors as they are read from a file: what is repeated is counted, and what is wrong is told all at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bioclip_x.errors import DescriptorError
from bioclip_x.messages import escape_controls
from bioclip_x.records.descriptor import KINDS, Descriptor, DescriptorSet

SHOWN: Final = 20
"""Errors told in full in a message; the rest are counted."""

_LONGEST_SHOWN = 80


class Gathering:
    """The descriptors of one file, in its order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self._errors: list[str] = []
        self._classes: dict[str, dict[tuple[str, str], Descriptor]] = {}

    def wrong(self, message: str, line: int = 0) -> None:
        """Something without which the file cannot be used."""
        self._errors.append(f"{self.path}, line {line}: {message}" if line else f"{self.path}: {message}")

    def name(self, name: Any, line: int = 0) -> bool:
        """Opens a class, of which nothing may follow. False, and an error, for what is no name."""
        if not isinstance(name, str):
            self.wrong(f"expected the name of a class, got {name!r}; put it in quotes if it is one", line)
            return False
        if not name.strip():
            self.wrong("expected the name of a class, got a blank", line)
            return False
        self._classes.setdefault(name, {})
        return True

    def add(
        self, name: str, phrase: Any, kind: str = "descriptor", part: str = "", weight: float = 1.0, line: int = 0
    ) -> None:
        """One descriptor of a class that is open."""
        if not isinstance(phrase, str):
            self.wrong(f"{name!r}: expected phrases, got {quote_value(phrase)}; put it in quotes if it is one", line)
            return
        clean = " ".join(phrase.split())
        before = self._classes[name].get((kind, clean))
        if not clean or before:
            place = f"{self.path}, line {line}" if line else f"{self.path}"
            what = "repeated" if clean else "blank"
            self.notes.append(f"{place}: {name!r}: skipped a {what} {kind} {quote_value(clean)}")
        if clean:
            times = before.times + 1 if before else 1
            self._classes[name][kind, clean] = Descriptor(clean, kind, times, part, weight)

    def knows_kind(self, name: str, kind: Any, line: int = 0) -> bool:
        """Whether it is a kind of descriptor; if not, that is an error."""
        if kind not in KINDS:
            self.wrong(f"{name!r} has {quote_value(kind, quoted=False)}; known kinds are {', '.join(KINDS)}", line)
        return kind in KINDS

    def done(self, style: str = "", provenance: Mapping[str, Any] | None = None) -> DescriptorSet:
        """All of it. Raises DescriptorError with all that was wrong, or where there is no class."""
        if not self._errors and not self._classes:
            self.wrong("it holds no class")
        if self._errors:
            more = len(self._errors) - SHOWN
            told = "\n".join(self._errors[:SHOWN])
            raise DescriptorError(f"{told}\n… and {more} more errors" if more > 0 else told)
        classes = {name: tuple(entries.values()) for name, entries in self._classes.items()}
        return DescriptorSet(classes, str(self.path), style, provenance or {}, tuple(self.notes))


def name_kind(value: Any) -> str:
    """
    >>> kind_of(None), kind_of([])
    ('nothing', 'a list')
    """
    return "nothing" if value is None else f"a {type(value).__name__}"


def quote_value(value: Any, *, quoted: bool = True) -> str:
    """A value as a message shows it, on one line and never at length."""
    text = repr(value) if quoted else escape_controls(str(value))
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
