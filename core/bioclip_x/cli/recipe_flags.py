"""The recipe of a command: the user's settings, a recipe file, plugins and flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bioclip_x.capabilities import TextBuilderCapabilities
from bioclip_x.cli.flags import KEPT
from bioclip_x.errors import RecipeError
from bioclip_x.options import ComponentRef
from bioclip_x.recipe import Recipe
from bioclip_x.recipe_resolution import resolve_recipe
from bioclip_x.registry import Registry, get_capabilities
from bioclip_x.settings import Settings, load_settings, name_variable

TEXT_FLAGS: Final = ("background", "inherit")
"""Flags that text builders follow as they declare (`TextBuilderCapabilities.flag_options`)."""


def resolve(
    registry: Registry, *, file: Path | None, plugins: Sequence[str], flags: Mapping[str, Any]
) -> tuple[Recipe, tuple[str, ...]]:
    """Defaults < the user's settings < recipe file < plugins < flags; and notes on what the settings made of it.

    A calibration kept on this machine is used where the rest does not say otherwise. plugins: loaded already. flags: fields
    of the recipe, and `background` and `inherit`, which are options of the text builders.
    Raises SettingsError, and what `resolve_recipe` raises.
    """
    given = {name: value for name, value in flags.items() if name not in TEXT_FLAGS}
    recipe, told = _resolved(registry, file, plugins, given)
    return apply_text_flags(registry, recipe, take_text_flags(flags)), told


def take_text_flags(flags: Mapping[str, Any]) -> dict[str, str]:
    """--background and --inherit, where given: flag → its value, "on" for a flag without one."""
    given = {name: flags.get(name) for name in TEXT_FLAGS}
    return {name: "on" if value is True else str(value) for name, value in given.items() if value}


def apply_text_flags(registry: Registry, recipe: Recipe, flags: Mapping[str, str], *, required: bool = True) -> Recipe:
    """The recipe with the options that these flags set for each of its text builders that follows them all.

    Raises RecipeError where none does, if they are required.
    """
    if not flags:
        return recipe
    options = [_flag_options(registry, ref, flags) for ref in recipe.text]
    if required and not any(options):
        raise RecipeError(
            f"{' and '.join(f'--{name}' for name in flags)}: no text chosen reads descriptors "
            f"({', '.join(map(str, recipe.text))}); add --text {registry.default('text_builders', 'descriptors')}, or "
            "--descriptors FILE"
        )
    texts = (
        ComponentRef(name=ref.name, options={**ref.options, **found}) if found else ref
        for ref, found in zip(recipe.text, options)
    )
    return recipe.model_copy(update={"text": tuple(texts)})


def _flag_options(registry: Registry, ref: ComponentRef, flags: Mapping[str, str]) -> dict[str, Any]:
    """The options that the flags set for a text builder; none where it does not follow them all."""
    builder = registry.make("text_builders", ref.name, ref.options)
    follows = get_capabilities(builder, TextBuilderCapabilities).flag_options
    if not all(value in follows.get(flag, {}) for flag, value in flags.items()):
        return {}
    return {name: option for flag, value in flags.items() for name, option in follows[flag][value].items()}


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
    return name_variable(name) if settings.origins[name] == name_variable(name) else "configuration file"
