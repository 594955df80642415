"""`--head shy:temperature=4`, and `--plugin shy`, which switches it on."""

from typing import Any

from bioclip_x.plugin import ComponentSpec, Recipe, hookimpl


@hookimpl
def heads() -> list[ComponentSpec]:
    return [ComponentSpec("shy", "shares spread out by a temperature", f"{__name__}.head:Shy")]


@hookimpl
def configure(recipe: Recipe) -> dict[str, Any]:
    return {"head": {"name": "shy", "temperature": 4}}
