"""Resolves the recipe of a command from the user's settings, a recipe file, plugins and options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bioclip_x.cli.flags import CLI_DEFAULTS
from bioclip_x.errors import RecipeError
from bioclip_x.hooks.capabilities import TextBuilderCapabilities, get_capabilities
from bioclip_x.hooks.options import ComponentRef
from bioclip_x.hooks.registry import Registry
from bioclip_x.messages import list_some
from bioclip_x.recipe import Recipe
from bioclip_x.recipe_resolution import find_files_outside, resolve_recipe
from bioclip_x.settings import Settings, load_settings, name_variable

TEXT_FLAGS: Final = ("background", "inherit")
"""Flags that set options of text builders, as these declare (`TextBuilderCapabilities.flag_options`)."""


def resolve(
    registry: Registry, *, file: Path | None, plugins: Sequence[str], flags: Mapping[str, Any]
) -> tuple[Recipe, tuple[str, ...]]:
    """Resolves a recipe: defaults < the user's settings < recipe file < plugins < flags. Returns it with notes on settings.

    A calibration stored on this machine is used unless another choice is made. plugins: loaded ones. flags: fields of the
    recipe, and `background` and `inherit`, which are options of text builders.
    Raises SettingsError, and what `resolve_recipe` raises.
    """
    given = {name: value for name, value in flags.items() if name not in TEXT_FLAGS}
    recipe, notes = _resolve_with_settings(registry, file, plugins, given)
    if file is not None and (outside := find_files_outside(file)):
        notes += (f"the recipe {file.name} reads files outside its folder: {list_some(outside)}",)
    return apply_text_flags(registry, recipe, take_text_flags(flags)), notes


def take_text_flags(flags: Mapping[str, Any]) -> dict[str, str]:
    """Returns the values of --background and --inherit where given; "on" for a flag without a value."""
    given = {name: flags.get(name) for name in TEXT_FLAGS}
    return {name: "on" if value is True else str(value) for name, value in given.items() if value}


def apply_text_flags(registry: Registry, recipe: Recipe, flags: Mapping[str, str], *, required: bool = True) -> Recipe:
    """Sets the options of the flags for each text builder of the recipe that supports all of them.

    Raises RecipeError where none does, if `required`.
    """
    if not flags:
        return recipe
    options = [_find_flag_options(registry, ref, flags) for ref in recipe.text]
    if required and not any(options):
        raise RecipeError(
            f"{' and '.join(f'--{name}' for name in flags)}: none of the chosen texts reads descriptors "
            f"({', '.join(map(str, recipe.text))}); add --text {registry.default('text_builders', 'descriptors')}, or "
            "--descriptors FILE"
        )
    texts = (
        ComponentRef(name=ref.name, options={**ref.options, **flag_options}) if flag_options else ref
        for ref, flag_options in zip(recipe.text, options)
    )
    return recipe.model_copy(update={"text": tuple(texts)})


def _find_flag_options(registry: Registry, ref: ComponentRef, flags: Mapping[str, str]) -> dict[str, Any]:
    """Finds the options that the flags set for a text builder; {} where it does not support all of them."""
    builder = registry.make("text_builders", ref.name, ref.options)
    supported = get_capabilities(builder, TextBuilderCapabilities).flag_options
    if not all(value in supported.get(flag, {}) for flag, value in flags.items()):
        return {}
    return {name: option for flag, value in flags.items() for name, option in supported[flag][value].items()}


def _resolve_with_settings(
    registry: Registry, file: Path | None, plugins: Sequence[str], flags: Mapping[str, Any]
) -> tuple[Recipe, tuple[str, ...]]:
    settings = load_settings()
    defaults = {name: value for name, value in settings.values.items() if name in Recipe.model_fields}
    recipe = resolve_recipe(registry, file=file, plugins=plugins, flags=flags, defaults=CLI_DEFAULTS | defaults)
    if not defaults:
        return recipe, ()
    without = resolve_recipe(registry, file=file, plugins=plugins, flags=flags, defaults=CLI_DEFAULTS)
    changed = [name for name in defaults if getattr(recipe, name) != getattr(without, name)]
    origins = ", ".join(f"{name} {getattr(recipe, name)} ({_describe_origin(settings, name)})" for name in changed)
    return recipe, (f"set by this machine's user: {origins}",) if origins else ()


def _describe_origin(settings: Settings, name: str) -> str:
    """Describes where a setting comes from, without the file's path: outputs are published."""
    return name_variable(name) if settings.origins[name] == name_variable(name) else "configuration file"
