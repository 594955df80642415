"""Validation errors of pydantic in uniform wording: location, expectation, actual value."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel, ValidationError

LONGEST: Final = 80
"""Maximum number of characters of a value in a message."""

_SHOULD: Final = re.compile(r"\w+ should (be|have|match) (.+)", re.DOTALL)
_IS_NOT: Final = re.compile(r"\w+ is not (a valid \w+)\b.*", re.DOTALL)
_VERBS: Final = {"be": "", "have": "", "match": "text that matches the "}
_PLAIN: Final[Sequence[tuple[re.Pattern[str], str]]] = (
    (re.compile(r"a (valid )?dictionary\b.*"), "a mapping"),
    (re.compile(r"a valid (list|tuple|set|frozenset)\b.*"), "a list"),
    (re.compile(r"(a valid [^,]+), .*", re.DOTALL), r"\1"),  # drops the reason, since the message shows the value
    (re.compile(r"((?:greater|less) than .*)"), r"a number \1"),
    (re.compile(r"(at (?:least|most) \d+ \w+) after validation.*"), r"\1"),
)


@dataclass(frozen=True, slots=True)
class FieldError:
    """An error at one location of a document.

    place: the names on the path to the invalid value, joined by "."; "" for the whole document.
    """

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


def refuse_truth_value(value: Any) -> Any:
    """Validates numbers: YAML's yes, on and true are none. Raises ValueError."""
    if isinstance(value, bool):
        raise ValueError(f"expected a number, got {value}")
    return value


def find_first_error(problem: ValidationError, model: type[BaseModel] | None = None, what: str = "field") -> FieldError:
    """Returns the first of `list_errors`."""
    return list_errors(problem, model, what)[0]


def list_errors(
    problem: ValidationError, model: type[BaseModel] | None = None, what: str = "field"
) -> tuple[FieldError, ...]:
    """Lists all errors in pydantic's order.

    model: the validated model; errors for unknown fields list its fields. what: the word for a field.
    """
    return tuple(
        _make_unknown_field_error(error["loc"], model, what)
        if error["type"] == "extra_forbidden"
        else FieldError(_join_place(error["loc"]), _format_message(error["type"], error["msg"], error["input"]))
        for error in problem.errors(include_url=False, include_context=False)
    )


def _join_place(parts: Sequence[int | str]) -> str:
    """Joins the parts of a location, without the tags of union members ("literal['auto']")."""
    return ".".join(part for part in map(str, parts) if "[" not in part)


def _format_message(kind: str, message: str, value: Any) -> str:
    if kind == "value_error":
        return message.removeprefix("Value error, ")  # the validator's own message
    if kind == "missing":
        return "expected a value, got none"
    if match := _SHOULD.fullmatch(message):
        message = f"expected {_VERBS[match[1]]}{_simplify(match[2])}"
    elif match := _IS_NOT.fullmatch(message):
        message = f"expected {match[1]}"
    else:
        message = message[:1].lower() + message[1:]
    return f"{message}, got {_abbreviate(value)}"


def _simplify(expected: str) -> str:
    """Replaces pydantic's term for the expected type by that of YAML."""
    for pattern, words in _PLAIN:
        if match := pattern.fullmatch(expected):
            return match.expand(words)
    return expected


def _abbreviate(value: Any) -> str:
    """Returns the repr, cut to LONGEST characters."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = LONGEST
    text = short.repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _make_unknown_field_error(parts: Sequence[int | str], model: type[BaseModel] | None, what: str) -> FieldError:
    known = ", ".join(_list_fields(model, parts[:-1]))
    return FieldError("", f"no {what} is called {_join_place(parts)!r}" + (f"; known: {known}" if known else ""))


def _list_fields(model: type[BaseModel] | None, above: Sequence[int | str]) -> list[str]:
    """Returns the fields of the nested model at a location; empty if the annotations do not determine it."""
    for part in above:
        if model is None:
            break
        if isinstance(part, str) and "[" not in part:
            model = _find_model(model.model_fields[part].annotation) if part in model.model_fields else None
    return [name for name, field in model.model_fields.items() if not field.exclude] if model else []


def _find_model(annotation: Any) -> type[BaseModel] | None:
    if get_origin(annotation) is None and isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_find_model, get_args(annotation))), None)
