"""Writes docs/hooks.md from the hook specifications: `python docs/hook_reference.py`. A test checks it is up to date."""

from __future__ import annotations

import inspect
from pathlib import Path

from bioclip_x.hooks import specs

OUTPUT = Path(__file__).with_name("hooks.md")
ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "core" / "bioclip_x" / "cli" / "plugins" / "template" / "components"
TRAINING = TEMPLATE / "training_hooks.py"


def names() -> list[str]:
    """Every hook, in the order of the specification."""
    return [name for name, value in vars(specs).items() if hasattr(value, f"{specs.GROUP}_spec")]


def signature(name: str) -> str:
    """`configure(recipe: Recipe) -> Mapping[str, Any]`"""
    return f"{name}{inspect.signature(getattr(specs, name))}".replace("'", "")


def smallest_plugin(name: str) -> list[str]:
    """A plugin with this hook, or a link to one."""
    if name in specs.TRAINING_HOOKS:
        return ["", "The [plugin below](#a-plugin-that-follows-a-training-run) has it."]
    return ["", "```python", (TEMPLATE / f"{name}.py").read_text("utf-8").rstrip(), "```"]


def reference() -> str:
    """The page."""
    parts = [
        "# Hooks",
        "",
        "*Written by `docs/hook_reference.py` from `bioclip_x.hooks.specs`; edit the docstrings there.*",
        "",
        "\n\n".join(" ".join(part.split()) for part in (specs.__doc__ or "").split("\n\n")).strip(),
        "",
        "What a component of each kind must be able to do stands in `bioclip_x.hooks.components`, one protocol per kind "
        "([protocols](reference/protocols.md)). The plugin below each hook is what `bioclip-x plugins new HOOK my-component` "
        "writes; tests run all of them.",
    ]
    for name in names():
        doc = inspect.getdoc(getattr(specs, name)) or ""
        since = f"Since version {getattr(specs, name).since} of the interface."
        parts += ["", f"## `{signature(name)}`", "", doc, "", since, *smallest_plugin(name)]
    parts += [
        "",
        "## A plugin that follows a training run",
        "",
        "`examples/own_average.py` is a larger one.",
        "",
    ]
    parts += ["```python", TRAINING.read_text("utf-8").rstrip(), "```"]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    OUTPUT.write_text(reference(), "utf-8")
