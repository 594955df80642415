"""Pieces of Markdown."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from bioclip_x.hooks.options import ComponentRef

NOTICE = "*Written by `python -m docs.writers`; edit {source} instead.*"


def make_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yields the lines of a table, and nothing if there is no row."""
    lines = [_make_row(row) for row in rows]
    if lines:
        yield from (_make_row(header), _make_row(["---"] * len(header)), *lines)


def _make_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(escape_cell(cell) for cell in cells)} |"


def escape_cell(text: str) -> str:
    """One line without column separators."""
    return " ".join(text.split()).replace("|", "\\|")


def escape_text(text: str) -> str:
    """Plain text as Markdown: brackets, angle brackets and stars are no marks."""
    return re.sub(r"([\[\]<>*_`])", r"\\\1", text)


def quote(text: str) -> str:
    """Text as code, or nothing for nothing."""
    return f"`{text}`" if text else ""


def name_type(annotation: Any) -> str:
    """Names an annotation as a user writes values: bounds of numbers in words, a component as NAME or NAME:OPTIONS.

    >>> name_type(int | None), name_type(Literal["a", "b"]), name_type(tuple[Path, ...])
    ('int or none', '"a" or "b"', 'list of path')
    """
    if annotation in (inspect.Parameter.empty, Any):
        return "any"
    if annotation is ComponentRef:
        return "component"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return " ".join([name_type(arguments[0]), *_name_bounds(arguments[1:])])
    if origin is Literal:
        return " or ".join(f'"{one}"' if isinstance(one, str) else str(one).lower() for one in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(name_type(one) for one in arguments)
    if origin is tuple and arguments[-1:] != (Ellipsis,):
        return f"list of {len(arguments)}: {', '.join(map(name_type, arguments))}"
    if origin is dict or (origin.__class__ is type and issubclass(origin, dict)):
        return "mapping"
    if origin is not None and arguments:
        return f"list of {name_type(arguments[0])}"
    return _name_class(annotation)


def _name_class(annotation: Any) -> str:
    known = {types.NoneType: "none", str: "text", Path: "path", bool: "yes or no"}
    if annotation in known:
        return known[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    return str(getattr(annotation, "__name__", annotation))


def _name_bounds(metadata: Iterable[Any]) -> Iterator[str]:
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
    for one in metadata:
        for part in (one, *getattr(one, "metadata", ())):
            yield from (f"{sign} {getattr(part, name)}" for name, sign in signs.items() if hasattr(part, name))


def name_default(value: Any) -> str:
    """A default as it is written in YAML; nothing for none, and for a record, whose fields have theirs."""
    if value is None or value == () or isinstance(value, BaseModel):
        return ""
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    return quote(str(value)) if value != "" else '`""`'
