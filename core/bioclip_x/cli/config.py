"""`bioclip-x config`: lists the user's settings, their values and origins."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from bioclip_x.cli.flags import components_option, table_or_json_option
from bioclip_x.cli.render.terminal import echo
from bioclip_x.hooks.registry import Registry
from bioclip_x.messages import escape_controls

if TYPE_CHECKING:
    from bioclip_x.cli.render.documents import SettingDocument, SettingsDocument
    from bioclip_x.settings import Settings

ENVIRONMENT_ONLY: Final = {
    "plugins": "load these installed plugins only, or leave out no:NAME (comma separated)",
    "trace": "1: print every hook call to stderr",
}
"""Settings that are read before the configuration file, so only from environment variables."""

Origin = Literal["default", "file", "environment"]


@click.command(name="config")
@click.option("--path", is_flag=True, help="Print only the path of the configuration file.")
@components_option
@table_or_json_option
@click.pass_obj
def command(registry: Registry, path: bool, format_: str) -> None:
    """List all settings, their values and origins.

    Settings come from the configuration file (YAML, `device: cpu`) or from a variable (BIOCLIP_X_DEVICE=cpu), which takes
    precedence. Recipe files, plugins and options override both.
    """
    from bioclip_x.settings import find_config_file, load_settings

    file = find_config_file()
    if path:
        echo(file)
        return
    rows = list_setting_rows(load_settings(), registry)
    unknown = find_stray_variables(rows)
    if format_ == "json":
        document: SettingsDocument = {
            "file": str(file),
            "exists": file.exists(),
            "settings": rows,
            "unknown_variables": unknown,
        }
        echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    _print_table(rows)
    echo(f"\nconfiguration file: {file}{'' if file.exists() else ' (does not exist)'}")
    for name in unknown:
        echo(f"{name} is set but is no known setting", err=True)


def list_setting_rows(settings: Settings, registry: Registry) -> dict[str, SettingDocument]:
    """Makes a row for each setting: value (None if chosen by the program), origin ("default", "file", "environment"), file
    or variable, the variable that sets it, description."""
    from bioclip_x.settings import Schema, name_variable

    rows = {}
    for name, field in Schema.model_fields.items():
        origin = settings.origins.get(name)
        value = settings.values.get(name, _find_default(name, registry))
        kind: Origin = "default" if origin is None else "environment" if origin == name_variable(name) else "file"
        rows[name] = _make_row(value, kind, origin, name, field.description)
    for name, about in ENVIRONMENT_ONLY.items():
        value = os.environ.get(name_variable(name)) or None
        kind, origin = ("environment", name_variable(name)) if value else ("default", None)
        rows[name] = _make_row(value, kind, origin, name, about)
    return rows


def _make_row(value: Any, kind: Origin, origin: str | None, name: str, about: str | None) -> SettingDocument:
    from bioclip_x.settings import name_variable

    plain = value if value is None or isinstance(value, int | float) else str(value)
    return {"value": plain, "from": kind, "where": origin, "variable": name_variable(name), "about": about}


def _find_default(name: str, registry: Registry) -> Any:
    from bioclip_x.recipe import Recipe
    from bioclip_x.settings import DEFAULT_CACHE_SIZE, find_default_cache_folder, find_default_data_folder

    folders = {"cache": find_default_cache_folder, "data": find_default_data_folder}
    if name == "model":
        return registry.default("models")
    if name == "cache_size":
        return DEFAULT_CACHE_SIZE
    return folders[name]() if name in folders else Recipe.model_fields[name].default


def find_stray_variables(rows: dict[str, SettingDocument]) -> list[str]:
    """Returns names of unknown variables with the project's prefix; not their values, which may be secret."""
    from bioclip_x.settings import PREFIX

    known = {row["variable"] for row in rows.values()} | {f"{PREFIX}CONFIG"}
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)


def _print_table(rows: dict[str, SettingDocument]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("setting", "value", "from", box=None, pad_edge=False, header_style="bold")
    for column in table.columns:
        column.overflow = "fold"
    for name, row in rows.items():
        value = "-" if row["value"] is None else escape_controls(str(row["value"]))
        table.add_row(name, value, escape_controls(row["where"] or "default"))
    Console(markup=False, highlight=False, emoji=False).print(table)
