"""`bioclip-x plugins check`: runs the conformance checks on the components of a plugin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from bioclip_x.cli.flags import components_option
from bioclip_x.cli.plugins.list import hook_option
from bioclip_x.cli.render.terminal import echo
from bioclip_x.components import KINDS, Kind
from bioclip_x.errors import PluginError
from bioclip_x.registry import Registry

if TYPE_CHECKING:
    from bioclip_x.testing import Outcome, Subject

SIGNS: Mapping[str, str] = {"passed": "ok", "failed": "FAILED", "not applicable": "-"}


@click.command(name="check")
@click.argument("name", metavar="PATH|NAME")
@components_option
@hook_option
@click.option(
    "--example",
    "examples",
    multiple=True,
    metavar="KEY=VALUE",
    help="What the checks need: model=NAME for encoders, file=PATH for readers and data sets. Repeatable.",
)
@click.option(
    "--option", "options", multiple=True, metavar="KEY=VALUE", help="An option to make the components with. Repeatable."
)
@click.pass_obj
def check(
    registry: Registry, name: str, hook: Kind | None, examples: tuple[str, ...], options: tuple[str, ...]
) -> None:
    """Check every component of a plugin (its name, a module, or a file), or the components of one name.

    A line tells what a check has found, and what it expected. The exit status is 1 if a check failed.

    \b
    bioclip-x plugins check my_plugin.py
    bioclip-x plugins check hedge --hook heads
    """  # fmt: skip
    from bioclip_x.testing import run_checks

    counts = dict.fromkeys(SIGNS, 0)
    for subject in _find_subjects(registry, name, hook):
        subject = replace(subject, examples=_parse(examples, "--example"), options=_parse(options, "--option"))
        echo(f"{subject.kind.replace('_', ' ')}: {subject.name}")
        for outcome in run_checks(subject):
            counts[outcome.result] += 1
            echo(f"  {_describe(outcome)}")
    echo(f"{counts['passed']} passed, {counts['failed']} failed, {counts['not applicable']} not applicable")
    if counts["failed"]:
        raise SystemExit(1)


def _describe(outcome: Outcome) -> str:
    reason = f": {outcome.reason}" if outcome.reason else ""
    return f"{SIGNS[outcome.result]:<6} {outcome.check.about.rstrip('.')}{reason}"


def _find_subjects(registry: Registry, name: str, hook: Kind | None) -> Iterator[Subject]:
    from bioclip_x.testing import Subject

    kinds = (hook,) if hook else KINDS
    named = [(kind, name) for kind in kinds if name in registry.components(kind)]
    if not named:
        [plugin] = registry.load([name])
        named = [
            (kind, one) for kind in kinds for one, found in registry.components(kind).items() if found.plugin == plugin
        ]
        if not named:
            raise PluginError(f"the plugin {plugin!r} has no component{f' of {hook}' if hook else ''} to check")
    for kind, one in named:
        yield Subject(kind, one, registry)


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
