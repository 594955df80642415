"""Writes docs/hooks.md from the hook specifications: `python docs/hook_reference.py`. A test checks it is up to date."""

from __future__ import annotations

import inspect
from pathlib import Path

from bioclip_x import hookspecs

OUTPUT = Path(__file__).with_name("hooks.md")
EXAMPLE = Path(__file__).parents[1] / "examples" / "own_average.py"


def names() -> list[str]:
    """Every hook, in the order of the specification."""
    return [name for name, value in vars(hookspecs).items() if hasattr(value, f"{hookspecs.GROUP}_spec")]


def signature(name: str) -> str:
    """`configure(recipe: Recipe) -> Mapping[str, Any]`"""
    return f"{name}{inspect.signature(getattr(hookspecs, name))}".replace("'", "")


def reference() -> str:
    """The page."""
    parts = [
        "# Hooks",
        "",
        "*Written by `docs/hook_reference.py` from `bioclip_x.hookspecs`; edit the docstrings there.*",
        "",
        "\n\n".join(" ".join(part.split()) for part in (hookspecs.__doc__ or "").split("\n\n")).strip(),
        "",
        "What a component of each kind must be able to do stands in `bioclip_x.components`, one protocol per kind.",
    ]
    for name in names():
        doc = inspect.getdoc(getattr(hookspecs, name)) or ""
        parts += ["", f"## `{signature(name)}`", "", doc]
    parts += ["", "## An example", "", f"`{EXAMPLE.parent.name}/{EXAMPLE.name}` follows a training run:", ""]
    parts += ["```python", EXAMPLE.read_text("utf-8").rstrip(), "```"]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    OUTPUT.write_text(reference(), "utf-8")
