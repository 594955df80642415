"""docs/reference/components.md: every component with its options, from the registry."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from typing import Any

from bioclip_x.hooks.components import KINDS, Kind
from bioclip_x.hooks.registry import Registry
from docs.writers.entries import split_entries
from docs.writers.markdown import NOTICE, make_table, name_default, name_type, quote

INTRODUCTION = """
Every component that comes with bioclip-x, by [hook](../hooks.md). `bioclip-x plugins list` shows those that are installed, and
`bioclip-x plugins show NAME` one of them. An option is set by `NAME:option=value,option=value` on the command line, or as a key
beside `name` in YAML. An option marked *bare* is also set by a value without a name: `NAME:value`.
"""


def write_components(registry: Registry) -> str:
    """Returns the page."""
    parts = [
        "# Components and their options",
        "",
        NOTICE.format(source="the components' docstrings"),
        INTRODUCTION.rstrip(),
    ]
    for kind in KINDS:
        if kind != "commands" and registry.components(kind):
            parts += ["", f"## {kind.replace('_', ' ').capitalize()}", *_describe_kind(registry, kind)]
    return "\n".join(parts) + "\n"


def _describe_kind(registry: Registry, kind: Kind) -> Iterator[str]:
    for name, found in registry.components(kind).items():
        parameters = registry.parameters(kind, name)
        target = registry.target(kind, name)
        prose, docs = split_docstring(inspect.getdoc(target) or "", [one.name for one in parameters])
        docs = find_inherited_docs(target, [one.name for one in parameters]) | docs
        yield from ("", f"### {kind.replace('_', ' ')}: {name}", "", f"{_capitalise(found.spec.summary)}.")
        if prose:
            yield from ("", prose)
        rows = [
            (
                quote(one.name) + (" *bare*" if one.kind is not one.KEYWORD_ONLY else ""),
                name_type(one.annotation),
                "*required*" if one.default is one.empty else name_default(one.default),
                docs.get(one.name, ""),
            )
            for one in parameters
        ]
        yield from ("", *make_table(("option", "value", "default", ""), rows)) if rows else ("", "No options.")


def find_inherited_docs(target: Any, options: Sequence[str]) -> dict[str, str]:
    """Returns what the bases of a class say of its options."""
    docs: dict[str, str] = {}
    for base in reversed(getattr(target, "__mro__", ())):
        docs |= split_docstring(inspect.cleandoc(base.__dict__.get("__doc__") or ""), options)[1]
    return docs


def _capitalise(text: str) -> str:
    return text[:1].upper() + text[1:]


def split_docstring(text: str, options: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Splits a docstring into its prose and what it says of each option (`name: …`, `one, other: …`).

    >>> split_docstring("Does it.\\n\\nscale: of the\\n    logits.\\n\\nMore.", ["scale"])
    ('Does it.\\n\\nMore.', {'scale': 'of the logits.'})
    """
    docs: dict[str, str] = {}
    prose: list[str] = []
    current: list[str] = []
    for line in text.splitlines():
        entries = split_entries(line, options)
        if not any(names for names, _ in entries):
            if current and line.strip():
                docs |= {name: f"{docs[name]} {line.strip()}" for name in current}
            else:
                current = []
                prose.append(line)
            continue
        for names, about in entries:
            current = names
            docs |= dict.fromkeys(names, about)
            prose += [] if names else [about]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(prose)).strip(), docs
