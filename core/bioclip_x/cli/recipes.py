"""The recipe of a command: the user's settings, a recipe file, plugins and flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bioclip_x.recipe import Recipe, resolve_recipe
from bioclip_x.registry import Registry
from bioclip_x.settings import Settings, load_settings, variable

KEPT: Final = {"calibration": "auto"}
"""The command line's own default."""


def resolved_recipe(
    registry: Registry, *, file: Path | None, plugins: Sequence[str], flags: Mapping[str, Any]
) -> tuple[Recipe, tuple[str, ...]]:
    """Defaults < the user's settings < recipe file < plugins < flags; and notes on what the settings made of it.

    A calibration kept on this machine is used where the rest does not say otherwise. plugins: loaded already.
    Raises SettingsError, and what `resolve_recipe` raises.
    """
    settings = load_settings()
    defaults = {name: value for name, value in settings.values.items() if name in Recipe.model_fields}
    recipe = resolve_recipe(registry, file=file, plugins=plugins, flags=flags, defaults=KEPT | defaults)
    if not defaults:
        return recipe, ()
    without = resolve_recipe(registry, file=file, plugins=plugins, flags=flags, defaults=KEPT)
    changed = [name for name in defaults if getattr(recipe, name) != getattr(without, name)]
    told = ", ".join(f"{name} {getattr(recipe, name)} ({_origin(settings, name)})" for name in changed)
    return recipe, (f"set by this machine's user: {told}",) if told else ()


def _origin(settings: Settings, name: str) -> str:
    """Not where the file lies: outputs are published."""
    return variable(name) if settings.origins[name] == variable(name) else "configuration file"
