"""The recipe of a command: the user's settings, a recipe file, plugins and flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bioclip_x.errors import RecipeError
from bioclip_x.options import ComponentRef
from bioclip_x.recipe import Recipe
from bioclip_x.recipe_resolution import resolve_recipe
from bioclip_x.registry import Registry
from bioclip_x.settings import Settings, load_settings, variable

KEPT: Final = {"calibration": "auto"}
"""The command line's own default."""
KINDS: Final = {"off": "descriptor", "on": "all", "only": "background"}
"""--background → the option `kinds` of the text builders that read descriptors."""
HALF: Final = 0.5
"""--inherit → their option `inherit`."""


def resolved_recipe(
    registry: Registry, *, file: Path | None, plugins: Sequence[str], flags: Mapping[str, Any]
) -> tuple[Recipe, tuple[str, ...]]:
    """Defaults < the user's settings < recipe file < plugins < flags; and notes on what the settings made of it.

    A calibration kept on this machine is used where the rest does not say otherwise. plugins: loaded already. flags: fields
    of the recipe, and `background` and `inherit`, which are options of the text builders.
    Raises SettingsError, and what `resolve_recipe` raises.
    """
    given = {name: value for name, value in flags.items() if name not in ("background", "inherit")}
    recipe, told = _resolved(registry, file, plugins, given)
    return with_text_options(registry, recipe, text_options(flags)), told


def text_options(flags: Mapping[str, Any]) -> dict[str, Any]:
    """What --background and --inherit are short for."""
    kinds, inherit = KINDS.get(flags.get("background") or ""), HALF if flags.get("inherit") else None
    return {name: value for name, value in (("kinds", kinds), ("inherit", inherit)) if value is not None}


def with_text_options(
    registry: Registry, recipe: Recipe, options: Mapping[str, Any], *, required: bool = True
) -> Recipe:
    """The recipe with these options set for each of its text builders that has them all.

    Raises RecipeError where none has, if they are required.
    """
    if not options:
        return recipe
    taking = [options.keys() <= registry.options("text_builders", ref.name, ref.options).keys() for ref in recipe.text]
    if required and not any(taking):
        flags = " and ".join({"kinds": "--background", "inherit": "--inherit"}[name] for name in options)
        raise RecipeError(
            f"{flags}: no text chosen reads descriptors ({', '.join(map(str, recipe.text))}); add --text descriptors, or "
            "--descriptors FILE"
        )
    texts = (
        ComponentRef(name=ref.name, options={**ref.options, **options}) if takes else ref
        for ref, takes in zip(recipe.text, taking)
    )
    return recipe.model_copy(update={"text": tuple(texts)})


def _resolved(
    registry: Registry, file: Path | None, plugins: Sequence[str], flags: Mapping[str, Any]
) -> tuple[Recipe, tuple[str, ...]]:
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
