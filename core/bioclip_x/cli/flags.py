"""Flags that several subcommands share. Those of the recipe are made from its fields: a new field is a new flag."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union, get_args, get_origin

import click

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

KEPT: Final = {"calibration": "auto"}
"""The command line's own default, in place of the recipe's."""
MACHINE: Final = ("encoder", "device", "precision", "bank_precision", "batch_size", "workers")
"""The fields that say how to compute: last in the help. The others stand there in the recipe's order."""

plugin_option = click.option(
    "--plugin", "plugins", multiple=True, metavar="NAME|MODULE|FILE.py",
    help="Switch a plugin on: an installed one, a module, or a file. Repeatable; their recipes compose.",
)  # fmt: skip

table_or_json_option = click.option(
    "--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True,
    help="For people, or for programs.",
)  # fmt: skip

_DESCRIPTORS: Final[Mapping[str, Decorator]] = {
    "background": click.option(
        "--background", type=click.Choice(["on", "off", "only"]),
        help="Descriptors of where an organism is found: beside those of itself, not at all, or alone.  [default: off]",
    ),
    "inherit": click.option(
        "--inherit", is_flag=True, default=None,
        help="Descriptors of the taxa above a class count for it too; each level half as much as the one below.",
    ),
}  # fmt: skip
"""Short for options of texts that read descriptors; after the field `missing`."""


def add_recipe_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds a flag for each field of the recipe, and --background and --inherit; one that is not given is None."""
    for option in reversed(_flags().values()):
        function = option(function)
    return function


def make_recipe_flags(*names: str) -> list[click.Parameter]:
    """The flags of some fields of the recipe, for a command that uses no others; in the order of the help.

    Raises ValueError for a name that is no flag's.
    """
    every = click.command()(add_recipe_options(lambda: None)).params
    if unknown := set(names) - {flag.name for flag in every}:
        raise ValueError(f"no flags: {', '.join(sorted(unknown))}")
    return [flag for flag in every if flag.name in names]


def _flags() -> dict[str, Decorator]:
    """By name, in the order of the help."""
    from bioclip_x.recipe import Recipe  # pydantic, which commands without a recipe need not wait for

    flags: dict[str, Decorator] = {}
    for name in sorted(Recipe.model_fields, key=lambda name: name in MACHINE):
        flags[name] = make_field_option(name, Recipe.model_fields[name])
        if name == "missing":
            flags |= _DESCRIPTORS
    return flags


def make_field_option(name: str, field: FieldInfo) -> Decorator:
    """The flag of a recipe's field: its type from the annotation, its help from the description.

    Raises TypeError for an annotation that no flag is made of.
    """
    from bioclip_x.recipe import Flag

    shown = next((one for one in field.metadata if isinstance(one, Flag)), Flag())
    flag = f"--{name.replace('_', '-')}"
    types = _types(field.annotation)
    several = len(types) == 1 and get_origin(types[0]) is tuple
    about = [field.description or "", *(["Repeatable."] if several and not shown.listed else [])]
    default = shown.default or _stated(flag, KEPT.get(name, None if field.is_required() else field.default))
    attributes: dict[str, Any] = {
        "help": " ".join(about) + (f"  [default: {default}]" if default else ""),
        "metavar": shown.metavar,
    }
    if types == [bool]:
        declared = f"{flag}/--no-{flag.removeprefix('--')}" if field.default is True else flag
        return click.option(declared, is_flag=True, default=None, **attributes)
    if several and shown.listed:
        return click.option(flag, **attributes)
    if several:
        attributes |= {"multiple": True, "callback": _or_none}
        types = [get_args(types[0])[0]]
    return click.option(flag, type=_click_type(name, types, field), **attributes)


def _types(annotation: Any) -> list[Any]:
    """What an annotation allows beside None: `Annotated[int, ...] | None` is `int`."""
    if get_origin(annotation) is Annotated:
        return _types(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [one for part in get_args(annotation) if part is not NoneType for one in _types(part)]
    return [annotation]


def _click_type(name: str, types: list[Any], field: FieldInfo) -> Any:
    """What click is to take: what the recipe takes, so that an error comes at once and names the flag."""
    from bioclip_x.options import ComponentRef

    if types in ([str], [ComponentRef]):
        return click.STRING
    if types == [Path]:
        return click.Path(path_type=Path)
    if types in ([int], [float]):
        return _number(types[0], field)
    words = [word for one in types if get_origin(one) is Literal for word in get_args(one)]
    rest = [one for one in types if get_origin(one) is not Literal]
    if words and all(isinstance(word, str) for word in words) and rest in ([], [Path]):
        return click.STRING if rest else click.Choice(words)
    raise TypeError(f"the recipe's field {name!r}: no flag is made of {field.annotation}")


def _number(number: type, field: FieldInfo) -> Any:
    """Of the field's bounds, if it has any."""
    names = ("ge", "gt", "le", "lt")
    bounds = {name: getattr(one, name) for one in field.metadata for name in names if hasattr(one, name)}
    if not bounds:
        return click.INT if number is int else click.FLOAT
    kind = click.IntRange if number is int else click.FloatRange
    return kind(
        min=bounds.get("ge", bounds.get("gt")),
        max=bounds.get("le", bounds.get("lt")),
        min_open="gt" in bounds,
        max_open="lt" in bounds,
    )


def _stated(flag: str, default: Any) -> str:
    """A default as the help states it; empty where there is nothing to state."""
    if default is True:
        return flag.removeprefix("--")
    return str(default) if isinstance(default, (str, int, float)) and default is not False else ""


def _or_none(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...] | None:
    """A flag that is not given is None, so that it overrides nothing."""
    return values or None
