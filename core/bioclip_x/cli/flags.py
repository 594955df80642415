"""Options that several subcommands share. Those of the recipe are made from its fields: a new field is a new option."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union, get_args, get_origin

import click

from bioclip_x.cli.option_types import PathName, RealNumbers, WholeNumbers
from bioclip_x.limits import COUNT

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

CLI_DEFAULTS: Final = {"calibration": "auto"}
"""Defaults of the command line that differ from the recipe's."""
MACHINE: Final = ("encoder", "device", "precision", "bank_precision", "batch_size", "workers")
"""Fields that determine how to compute: last in the help. The others are in the recipe's order."""

PLUGIN_METAVAR: Final = "NAME|MODULE|FILE.py|no:NAME"


def _add_those_before(context: click.Context, _: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Adds the plugins that were named before the subcommand."""
    before = context.find_root().params.get("plugins", ()) if context.parent else ()
    return (*before, *value)


def _load(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> None:
    context.obj.load(_add_those_before(context, parameter, value))


plugin_option = click.option(
    "--plugin", "plugins", multiple=True, metavar=PLUGIN_METAVAR, callback=_add_those_before,
    help="Switch a plugin on: an installed one, a module, or a file; no:NAME leaves an installed one out. Repeatable; "
    "their recipes compose.",
)  # fmt: skip
"""For commands with a recipe, which the plugins may change; these load the plugins themselves."""

components_option = click.option(
    "--plugin", "plugins", multiple=True, metavar=PLUGIN_METAVAR, callback=_load, expose_value=False, is_eager=True,
    help="Use the components of a plugin: a module, or a file; no:NAME leaves an installed one out. Repeatable.",
)  # fmt: skip
"""For other commands: loads the plugins."""

recipe_option = click.option(
    "--recipe", type=PathName(), help="Recipe file (YAML); options override it."
)  # fmt: skip

output_option = click.option(
    "--output", type=PathName(), metavar="FILE", help="Write to this file instead of stdout."
)  # fmt: skip

resume_option = click.option(
    "--resume", is_flag=True, help="Continue an interrupted run of the same command; leave a complete file as it is."
)
safe_csv_option = click.option(
    "--safe-csv", is_flag=True,
    help="In CSV files, put an apostrophe before names that a spreadsheet would take for a formula.",
)  # fmt: skip
quiet_option = click.option("--quiet", is_flag=True, help="No progress and no notes on stderr.")

table_or_json_option = click.option(
    "--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True,
    help="Table for reading, JSON for programs.",
)  # fmt: skip

_DESCRIPTORS: Final[Mapping[str, Decorator]] = {
    "background": click.option(
        "--background", type=click.Choice(["on", "off", "only"]),
        help="Descriptors of an organism's surroundings: in addition to its own, not at all, or only.  [default: off]",
    ),
    "inherit": click.option(
        "--inherit", is_flag=True, default=None,
        help="Use descriptors of a class's ancestors too; each level weighs half as much as the one below.",
    ),
}  # fmt: skip
"""Shorthands for options of text builders that read descriptors; placed after the field `missing`."""


def add_recipe_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds an option for each field of the recipe, and --background and --inherit; their default is None."""
    for option in reversed(_make_flags().values()):
        function = option(function)
    return function


def make_recipe_flags(*names: str) -> list[click.Parameter]:
    """Makes the options of some fields of the recipe, for a command that uses only these; in the order of the help.

    Raises ValueError for unknown names.
    """
    flags = click.command()(add_recipe_options(lambda: None)).params
    if unknown := set(names) - {flag.name for flag in flags}:
        raise ValueError(f"no flags: {', '.join(sorted(unknown))}")
    return [flag for flag in flags if flag.name in names]


def _make_flags() -> dict[str, Decorator]:
    """Makes all options by name, in the order of the help."""
    from bioclip_x.recipe import Recipe  # imports pydantic, which is slow and which only commands with a recipe need

    flags: dict[str, Decorator] = {}
    for name in sorted((name for name in Recipe.model_fields if name != "plugins"), key=lambda name: name in MACHINE):
        flags[name] = make_field_option(name, Recipe.model_fields[name])
        if name == "missing":
            flags |= _DESCRIPTORS
    return flags


def make_field_option(name: str, field: FieldInfo) -> Decorator:
    """Makes the option of a recipe field: its type from the annotation, its help from the description.

    Raises TypeError for an unsupported annotation.
    """
    from bioclip_x.recipe import Flag

    settings = next((item for item in field.metadata if isinstance(item, Flag)), Flag())
    flag = f"--{name.replace('_', '-')}"
    types = _list_types(field.annotation)
    several = len(types) == 1 and get_origin(types[0]) is tuple
    sentences = [field.description or "", *(["Repeatable."] if several and not settings.listed else [])]
    default = settings.default or _format_default(
        flag, CLI_DEFAULTS.get(name, None if field.is_required() else field.default)
    )
    attributes: dict[str, Any] = {
        "help": " ".join(sentences) + (f"  [default: {default}]" if default else ""),
        "metavar": settings.metavar,
    }
    if types == [bool]:
        declared = f"{flag}/--no-{flag.removeprefix('--')}" if field.default is True else flag
        return click.option(declared, is_flag=True, default=None, **attributes)
    if several and settings.listed:
        return click.option(flag, **attributes)
    if several:
        attributes |= {"multiple": True, "callback": _empty_to_none}
        types = [get_args(types[0])[0]]
    return click.option(flag, type=_make_click_type(name, types, field), **attributes)


def _list_types(annotation: Any) -> list[Any]:
    """Returns the types that an annotation allows besides None: `Annotated[int, ...] | None` gives `int`."""
    if get_origin(annotation) is Annotated:
        return _list_types(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [type_ for part in get_args(annotation) if part is not NoneType for type_ in _list_types(part)]
    return [annotation]


def _make_click_type(name: str, types: list[Any], field: FieldInfo) -> Any:
    """Makes click's type, which accepts what the recipe accepts: errors come early and name the option."""
    from bioclip_x.hooks.options import ComponentRef

    if types in ([str], [ComponentRef]):
        return click.STRING
    if types == [Path]:
        return PathName()
    if types in ([int], [float]):
        return _make_number_type(types[0], field)
    words = [word for type_ in types if get_origin(type_) is Literal for word in get_args(type_)]
    rest = [type_ for type_ in types if get_origin(type_) is not Literal]
    if words and all(isinstance(word, str) for word in words) and rest in ([], [Path]):
        return click.STRING if rest else click.Choice(words)
    raise TypeError(f"the recipe's field {name!r}: options do not support {field.annotation}")


def _make_number_type(number: type, field: FieldInfo) -> Any:
    """Makes a numeric type with the field's bounds, if any."""
    names = ("ge", "gt", "le", "lt")
    bounds = {name: getattr(item, name) for item in field.metadata for name in names if hasattr(item, name)}
    if number is int:
        lowest = bounds.get("ge", bounds.get("gt", -1) + 1)
        return WholeNumbers(lowest, bounds.get("le", bounds.get("lt", COUNT + 1) - 1))
    return RealNumbers(
        min=bounds.get("ge", bounds.get("gt")),
        max=bounds.get("le", bounds.get("lt")),
        min_open="gt" in bounds,
        max_open="lt" in bounds,
    )


def _format_default(flag: str, default: Any) -> str:
    """Formats a default for the help; "" where there is none to state."""
    if default is True:
        return flag.removeprefix("--")
    return str(default) if isinstance(default, (str, int, float)) and default is not False else ""


def _empty_to_none(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...] | None:
    """Replaces the empty tuple of an option that is not given by None, so that it overrides nothing."""
    return values or None
