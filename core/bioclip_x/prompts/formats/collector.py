"""Collects the descriptors read from a file: counts repetitions and reports all errors at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bioclip_x.errors import DescriptorError
from bioclip_x.limits import CLASS_DESCRIPTORS, DESCRIPTOR_CHARACTERS, DESCRIPTOR_WEIGHTS
from bioclip_x.messages import escape_controls
from bioclip_x.records.texts.descriptor import KINDS, Descriptor, DescriptorSet

SHOWN: Final = 20
"""Errors listed in a message; further ones are counted."""

_LONGEST_SHOWN = 80


class DescriptorCollector:
    """The descriptors of one file, in file order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self._errors: list[str] = []
        self._classes: dict[str, dict[tuple[str, str], Descriptor]] = {}
        self._listed: dict[str, int] = {}  # phrases of each class, with repeated and blank ones
        self._placed: dict[str, int] = {}  # those that are not blank

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
        if problem := _find_problem(name):
            self.add_error(f"{quote_value(name)}: the name of a class {problem}", line)
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
        if problem := _find_problem(phrase):
            self.add_error(f"{name!r}: the phrase {quote_value(phrase)} {problem}", line)
            return
        n_listed = self._listed[name] = self._listed.get(name, 0) + 1
        if n_listed > CLASS_DESCRIPTORS:
            if n_listed == CLASS_DESCRIPTORS + 1:
                self.add_error(f"{name!r}: more than {CLASS_DESCRIPTORS:,} phrases for one class", line)
            return
        clean = " ".join(phrase.split())
        before = self._classes[name].get((kind, clean))
        if not clean or before:
            place = f"{self.path}, line {line}" if line else f"{self.path}"
            fault = "repeated" if clean else "blank"
            self.notes.append(f"{place}: {name!r}: skipped a {fault} {kind} {quote_value(clean)}")
        if clean:
            places = (*(before.places if before else ()), self._placed.get(name, 0))
            self._placed[name] = self._placed.get(name, 0) + 1
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


def read_weight(value: Any) -> float | None:
    """Returns a weight of a descriptor; None if it is no number, or out of bounds.

    >>> read_weight(2), read_weight("0.5"), read_weight(0), read_weight(10**400), read_weight("1_0")
    (2.0, 0.5, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str) or "_" in str(value)[:100]:
        return None
    try:
        weight = float(value)
    except (ValueError, OverflowError):
        return None
    lightest, heaviest = DESCRIPTOR_WEIGHTS
    return weight if lightest <= weight <= heaviest else None


WEIGHT: Final = f"a weight from {DESCRIPTOR_WEIGHTS[0]:f} to {DESCRIPTOR_WEIGHTS[1]:,.0f}"
"""What `read_weight` expects, for messages."""


def _find_problem(text: str) -> str:
    """Says what is wrong with a name or phrase: too long, or no text that can be written; "" if nothing is."""
    if len(text) > DESCRIPTOR_CHARACTERS:
        return f"has {len(text):,} characters; at most {DESCRIPTOR_CHARACTERS:,} are read"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "has half a character (one surrogate of a pair)"
    return ""


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
