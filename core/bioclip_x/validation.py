"""What pydantic found wrong in a document, in one wording: where, what was expected, what came."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel, ValidationError

LONGEST: Final = 80
"""Characters of a value that a message shows."""

_SHOULD: Final = re.compile(r"\w+ should (be|have|match) (.+)", re.DOTALL)
_IS_NOT: Final = re.compile(r"\w+ is not (a valid \w+)\b.*", re.DOTALL)
_VERBS: Final = {"be": "", "have": "", "match": "text that matches the "}
_PLAIN: Final[Sequence[tuple[re.Pattern[str], str]]] = (
    (re.compile(r"a (valid )?dictionary\b.*"), "a mapping"),
    (re.compile(r"a valid (list|tuple|set|frozenset)\b.*"), "a list"),
    (re.compile(r"(a valid [^,]+), .*", re.DOTALL), r"\1"),  # why it is none: the value itself follows
    (re.compile(r"((?:greater|less) than .*)"), r"a number \1"),
    (re.compile(r"(at (?:least|most) \d+ \w+) after validation.*"), r"\1"),
)


@dataclass(frozen=True, slots=True)
class Wrong:
    """place: the names on the way to what is wrong, "." between them; "" where it is the whole. message: what is wrong."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


def find_first_error(problem: ValidationError, model: type[BaseModel] | None = None, what: str = "field") -> Wrong:
    """The first that is wrong; see `all_errors`."""
    return list_errors(problem, model, what)[0]


def list_errors(
    problem: ValidationError, model: type[BaseModel] | None = None, what: str = "field"
) -> tuple[Wrong, ...]:
    """All that is wrong, in pydantic's order.

    model: what was validated; it tells which fields there are where one is unknown. what: to call a field.
    """
    return tuple(
        _unknown(error["loc"], model, what)
        if error["type"] == "extra_forbidden"
        else Wrong(_place(error["loc"]), _told(error["type"], error["msg"], error["input"]))
        for error in problem.errors(include_url=False, include_context=False)
    )


def _place(parts: Sequence[int | str]) -> str:
    """Without what says which of several types was tried ("literal['auto']")."""
    return ".".join(part for part in map(str, parts) if "[" not in part)


def _told(kind: str, message: str, value: Any) -> str:
    if kind == "value_error":
        return message.removeprefix("Value error, ")  # a validator's own words
    if kind == "missing":
        return "expected a value, got none"
    if found := _SHOULD.fullmatch(message):
        message = f"expected {_VERBS[found[1]]}{_plain(found[2])}"
    elif found := _IS_NOT.fullmatch(message):
        message = f"expected {found[1]}"
    else:
        message = message[:1].lower() + message[1:]
    return f"{message}, got {_shown(value)}"


def _plain(expected: str) -> str:
    """What pydantic expected, as somebody calls it who writes YAML."""
    for pattern, words in _PLAIN:
        if found := pattern.fullmatch(expected):
            return found.expand(words)
    return expected


def _shown(value: Any) -> str:
    """As Python writes it, but no more of a long one than tells it apart."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = LONGEST
    text = short.repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _unknown(parts: Sequence[int | str], model: type[BaseModel] | None, what: str) -> Wrong:
    known = ", ".join(_fields(model, parts[:-1]))
    return Wrong("", f"no {what} is called {_place(parts)!r}" + (f"; known: {known}" if known else ""))


def _fields(model: type[BaseModel] | None, above: Sequence[int | str]) -> list[str]:
    """The fields of the model at a place within another; none where it is not to be seen from the annotations."""
    for part in above:
        if model is None:
            break
        if isinstance(part, str) and "[" not in part:
            model = _model_in(model.model_fields[part].annotation) if part in model.model_fields else None
    return [name for name, field in model.model_fields.items() if not field.exclude] if model else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if get_origin(annotation) is None and isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
