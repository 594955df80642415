"""Docstrings as Markdown, for mkdocstrings: examples (`>>>`) become code, and `name: …` of a parameter or field a list.

An extension of griffe, which reads the source without importing it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from griffe import Class, Extension, Function, Object

from docs.writers.entries import split_entries


def to_markdown(text: str, names: Collection[str]) -> str:
    """Converts a docstring.

    >>> print(to_markdown("Adds.\\n\\nfirst, second: numbers,\\n    whole.\\n\\n>>> add(1, [2])\\n3", ["first", "second"]))
    Adds.
    <BLANKLINE>
    - `first`, `second`: numbers, whole.
    <BLANKLINE>
    ```pycon
    >>> add(1, [2])
    3
    ```
    """
    return "\n\n".join(_convert(block, names) for block in re.split(r"\n\s*\n", text.strip()))


def _convert(block: str, names: Collection[str]) -> str:
    lines = block.split("\n")
    example = next((i for i, line in enumerate(lines) if line.startswith(">>> ")), None)
    if example is not None:
        code = "\n".join(["```pycon", *lines[example:], "```"])
        return code if example == 0 else f"{_convert(chr(10).join(lines[:example]), names)}\n\n{code}"
    converted: list[str] = []
    is_listed = False
    for line in lines:
        entries = split_entries(line, names)
        if is_listed and not any(own for own, _ in entries):
            converted[-1] += f" {line.strip()}"
            continue
        for own, about in entries:
            if own:
                # A list needs an empty line before it.
                converted += [""] if converted and not is_listed else []
                converted.append(f"- {', '.join(f'`{name}`' for name in own)}: {about}")
                is_listed = True
            else:
                converted.append(about)
    return "\n".join(converted)


def list_names(found: Object) -> set[str]:
    """Lists what a docstring may say of an object by its name: parameters, fields, and the fields of bases."""
    if isinstance(found, Function):
        return {parameter.name for parameter in found.parameters}
    if isinstance(found, Class):
        parameters = {parameter.name for parameter in found.parameters}
        return parameters | {name for name, member in found.members.items() if not member.is_function}
    return set()


class Docstrings(Extension):
    """Converts every docstring."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        if obj.docstring and (obj.is_class or obj.is_function):
            obj.docstring.value = to_markdown(obj.docstring.value, list_names(obj))
