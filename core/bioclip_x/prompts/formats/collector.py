"""Collects the descriptors read from a file: counts repetitions and reports all errors at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bioclip_x.errors import DescriptorError
from bioclip_x.limits import NUMBER, SMALLEST_WEIGHT
from bioclip_x.messages import escape_controls
from bioclip_x.records.texts.descriptor import KINDS, Descriptor, DescriptorSet

SHOWN: Final = 20
"""Errors listed in a message; further ones are counted."""

_LONGEST_SHOWN = 80


WEIGHT: Final = f"a weight from {SMALLEST_WEIGHT:g} to {NUMBER:g}"


def is_weight(value: object) -> bool:
    """Whether a value is a number that float32 holds, and that sums of several are not beyond."""
    return isinstance(value, int | float) and not isinstance(value, bool) and SMALLEST_WEIGHT <= value <= NUMBER


class DescriptorCollector:
    """The descriptors of one file, in file order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self._errors: list[str] = []
        self._classes: dict[str, dict[tuple[str, str], Descriptor]] = {}

    def add_error(self, message: str, line: int = 0) -> None:
        """Adds an error that makes the file unusable."""
        self._errors.append(f"{self.path}, line {line}: {message}" if line else f"{self.path}: {message}")

    def add_class(self, name: Any, line: int = 0) -> bool:
        """Adds a class, possibly without descriptors. Returns False and adds an error if `name` is not a name."""
        if not isinstance(name, str):
            self.add_error(f"expected the name of a class, got {name!r}; put it in quotes if it is text", line)
            return False
        if not name.strip():
            self.add_error("expected the name of a class, got a blank", line)
            return False
        self._classes.setdefault(name, {})
        return True

    def add(
        self, name: str, phrase: Any, kind: str = "descriptor", part: str = "", weight: float = 1.0, line: int = 0
    ) -> None:
        """Adds a descriptor to an added class."""
        if not isinstance(phrase, str):
            self.add_error(
                f"{name!r}: expected phrases, got {quote_value(phrase)}; put it in quotes if it is text", line
            )
            return
        clean = " ".join(phrase.split())
        before = self._classes[name].get((kind, clean))
        if not clean or before:
            place = f"{self.path}, line {line}" if line else f"{self.path}"
            fault = "repeated" if clean else "blank"
            self.notes.append(f"{place}: {name!r}: skipped a {fault} {kind} {quote_value(clean)}")
        if clean:
            places = (*(before.places if before else ()), sum(one.times for one in self._classes[name].values()))
            self._classes[name][kind, clean] = Descriptor(clean, kind, len(places), part, weight, places)

    def check_kind(self, name: str, kind: Any, line: int = 0) -> bool:
        """Returns whether `kind` is a kind of descriptor; adds an error if not."""
        if kind not in KINDS:
            text = quote_value(kind, quoted=False)
            self.add_error(f"{name!r} has the unknown kind {text}; known kinds are {', '.join(KINDS)}", line)
        return kind in KINDS

    def finish(self, style: str = "", provenance: Mapping[str, Any] | None = None) -> DescriptorSet:
        """Returns all descriptors. Raises DescriptorError with all errors, or where there is no class."""
        if not self._errors and not self._classes:
            self.add_error("there are no classes in the file")
        if self._errors:
            more = len(self._errors) - SHOWN
            message = "\n".join(self._errors[:SHOWN])
            raise DescriptorError(f"{message}\n… and {more} more errors" if more > 0 else message)
        classes = {name: tuple(entries.values()) for name, entries in self._classes.items()}
        return DescriptorSet(classes, str(self.path), style, provenance or {}, tuple(self.notes))


def name_kind(value: Any) -> str:
    """
    >>> name_kind(None), name_kind([])
    ('nothing', 'a list')
    """
    return "nothing" if value is None else f"a {type(value).__name__}"


def quote_value(value: Any, *, quoted: bool = True) -> str:
    """Formats a value for a message, on one line and shortened."""
    text = repr(value) if quoted else escape_controls(str(value))
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
