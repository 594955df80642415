"""`bioclip-x plugins check`: runs the conformance checks on the components of a plugin."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import yaml

from bioclip_x.cli.flags import components_option
from bioclip_x.cli.plugins.list import hook_option
from bioclip_x.cli.render.terminal import echo
from bioclip_x.errors import PluginError
from bioclip_x.hooks.components import KINDS, Kind
from bioclip_x.hooks.loading import import_plugin
from bioclip_x.hooks.registry import Registry
from bioclip_x.hooks.specs import GROUP

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from bioclip_x.cli.render.documents import CheckedComponentDocument, ChecksDocument
    from bioclip_x.testing import Outcome, Subject

SIGNS: Final = {"passed": "ok", "failed": "FAILED", "not applicable": "-"}


@click.command(name="check")
@click.argument("name", metavar="PATH|NAME")
@components_option
@hook_option
@click.option(
    "--example",
    "examples",
    multiple=True,
    metavar="KEY=VALUE",
    help="What the checks need: model=NAME for encoders, file=PATH for readers and image decoders, "
    "labels=[NAME, NAME] for data sets. Repeatable.",
)
@click.option(
    "--option", "options", multiple=True, metavar="KEY=VALUE", help="An option to make the components with. Repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="JSON for programs.")
@click.pass_obj
def check(
    registry: Registry,
    name: str,
    hook: Kind | None,
    examples: tuple[str, ...],
    options: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check every component of a plugin (its name, a module, a file or the folder of its package), or those of one name.

    What its hook configure sets is checked too. A line tells what a check has found, and what it expected. The exit
    status is 1 if a check failed.

    \b
    bioclip-x plugins check my_plugin.py
    bioclip-x plugins check bioclip-x-my-head/
    bioclip-x plugins check hedge --hook heads
    """  # fmt: skip
    from bioclip_x.testing import run_checks

    given_examples, given_options = _parse(examples, "--example"), _parse(options, "--option")
    counts = {"passed": 0, "failed": 0, "not applicable": 0}
    dumped: list[CheckedComponentDocument] = []
    for subject in _find_subjects(registry, name, hook):
        if not as_json:
            echo(f"{subject.kind.replace('_', ' ')}: {subject.name}")
        outcomes: list[Outcome] = []
        for outcome in run_checks(replace(subject, examples=given_examples, options=given_options)):
            counts[outcome.result] += 1
            if not as_json:
                echo(_describe(outcome, is_told=outcome.reason in {one.reason for one in outcomes}))
            outcomes.append(outcome)
        dumped.append(_dump(subject, outcomes))
    if as_json:
        document: ChecksDocument = {
            "components": dumped,
            "passed": counts["passed"],
            "failed": counts["failed"],
            "not applicable": counts["not applicable"],
        }
        echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        echo(f"{counts['passed']} passed, {counts['failed']} failed, {counts['not applicable']} not applicable")
    if counts["failed"]:
        raise SystemExit(1)


def _describe(outcome: Outcome, *, is_told: bool) -> str:
    """is_told: whether an earlier check of this component failed, or does not apply, for the same reason."""
    about, reason = outcome.check.about.rstrip("."), outcome.reason
    if reason and is_told:
        reason = ": as above"
    elif outcome.result == "failed":
        reason = f"\n          {reason}"
    elif reason:
        reason = f": {reason}"
    return f"  {SIGNS[outcome.result]:<7} {about}{reason}"


def _dump(subject: Subject, outcomes: Iterable[Outcome]) -> CheckedComponentDocument:
    return {
        "hook": subject.kind,
        "name": subject.name,
        "plugin": subject.registry.components(subject.kind)[subject.name].plugin,
        "checks": [
            {"name": one.check.name, "about": one.check.about, "result": one.result, "reason": one.reason}
            for one in outcomes
        ],
    }


def _find_subjects(registry: Registry, name: str, hook: Kind | None) -> Iterator[Subject]:
    """Finds the components of this name, else those of the plugin. Raises PluginError if there is nothing to check.

    Raises RecipeError if the plugin's `configure` sets what no recipe may have.
    """
    from bioclip_x.recipe_resolution import resolve_recipe
    from bioclip_x.testing import Subject

    kinds = (hook,) if hook else KINDS
    named = [(kind, name) for kind in kinds if name in registry.components(kind)]
    if not named:
        is_package = name not in registry.plugins and Path(name).is_dir()
        plugins = _load_package(registry, Path(name)) if is_package else registry.load([name])
        named = [
            (kind, one) for kind in kinds for one, found in registry.components(kind).items() if found.plugin in plugins
        ]
        hooks = [one for plugin in plugins for one in registry.list_hooks(plugin)]
        if not named and (hook or not hooks):
            raise PluginError(f"the plugin {plugins[0]!r} has no component{f' of {hook}' if hook else ''} to check")
        if "configure" in hooks:
            resolve_recipe(registry, plugins=plugins)
        if not named:
            echo(f"no component; hooks: {', '.join(hooks)}", err=True)
    for kind, one in named:
        yield Subject(kind, one, registry)


def _load_package(registry: Registry, folder: Path) -> list[str]:
    """Registers the plugins of a package that need not be installed. Returns their names. Raises PluginError."""
    points = _read_entry_points(folder)
    sys.path[:0] = [str(path.resolve()) for path in (folder / "src", folder) if path.is_dir()]
    names = []
    for point in points:
        import_plugin(point.module, known=registry.plugins)
        _refuse_other_code(registry, folder, point)
        try:
            plugin = point.load()
        except AttributeError as problem:
            raise PluginError(f"{folder}: {point.name} = {point.value!r} names no plugin: {problem}") from problem
        registered_name = registry.manager.get_name(plugin)
        if registered_name is None:
            registry.register(point.name, plugin, str(folder))
        names.append(registered_name or point.name)
    return names


def _read_entry_points(folder: Path) -> list[EntryPoint]:
    """Reads which plugins a package's pyproject.toml names. Raises PluginError."""
    file = folder / "pyproject.toml"
    if not file.is_file():
        raise PluginError(f"{folder} is no package: it has no pyproject.toml; name a file, or a package's folder")
    try:
        found: Any = tomllib.loads(file.read_text("utf-8"))
    except ValueError as problem:  # no TOML, or no UTF-8
        raise PluginError(f"{file} cannot be read: {problem}") from problem
    for key in ("project", "entry-points", GROUP):
        found = found.get(key) if isinstance(found, dict) else None
    values = list(found.values()) if isinstance(found, dict) else []
    if not values or not all(isinstance(value, str) and EntryPoint.pattern.match(value) for value in values):
        raise PluginError(f'{file} names no plugin; expected [project.entry-points.{GROUP}] with NAME = "module"')
    return [EntryPoint(name, value, GROUP) for name, value in found.items()]


def _refuse_other_code(registry: Registry, folder: Path, point: EntryPoint) -> None:
    """Refuses a plugin whose name or module is that of an installed one, of another folder: that one would be checked."""
    module = sys.modules[point.module]
    file = Path(module.__file__ or next(iter(module.__path__))).resolve()
    is_inside = file.is_relative_to(folder.resolve())
    if is_inside and "site-packages" not in file.relative_to(folder.resolve()).parts:
        return
    way_out = f"leave the installed plugin out with --plugin no:{point.name}"
    if point.name not in registry.plugins:
        way_out = f"expected the module in {folder} or {folder / 'src'}"
    raise PluginError(
        f"the module {point.module!r} of plugin {point.name!r} is not that of {folder}, but {file}; {way_out}"
    )


def _parse(pairs: tuple[str, ...], flag: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise PluginError(f"{flag} {pair}: expected KEY=VALUE")
        try:
            found[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise PluginError(f"{flag} {pair}: {value!r} is not a YAML value") from None
        if key == "file":
            found[key] = Path(value)
    return found
