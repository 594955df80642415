"""`bioclip-x plugins list`: every plugin and component."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, get_args

import click

from bioclip_x.cli.flags import components_option
from bioclip_x.cli.render.terminal import echo
from bioclip_x.hooks.components import KINDS, Kind
from bioclip_x.hooks.registry import Registry

if TYPE_CHECKING:
    from bioclip_x.cli.render.documents import PluginsDocument

hook_option: Final = click.option(
    "--hook", type=click.Choice(get_args(Kind)), metavar="HOOK", help="Components of this hook only, such as heads."
)


@click.command(name="list")
@components_option
@hook_option
@click.option("--json", "as_json", is_flag=True, help="JSON for programs.")
@click.pass_obj
def list_plugins(registry: Registry, hook: Kind | None, as_json: bool) -> None:
    """Every installed plugin, and every component by hook with the plugin that provides it.

    \b
    bioclip-x plugins list
    bioclip-x plugins list --hook heads --json
    """  # fmt: skip
    kinds = (hook,) if hook else KINDS
    if as_json:
        echo(json.dumps(_dump(registry, kinds), indent=2, ensure_ascii=False))
        return
    if not hook:
        echo("plugins (switch one on with --plugin NAME where it has a recipe):")
        for name, origin in sorted(registry.plugins.items()):
            recipe = " · has a recipe" if registry.configure(name) else ""
            echo(f"  {name:<20} {origin}{recipe}")
    for clash in registry.clashes(kinds):
        echo(f"{'' if hook else '  '}clash: {clash}")
    for kind in kinds:
        components = registry.claimants(kind)
        if components:
            echo(f"{kind.replace('_', ' ')}:" if hook else f"\n{kind.replace('_', ' ')}:")
        for one in components:
            echo(f"  {one.spec.name:<20} {one.spec.summary}  [{one.plugin}]")


def _dump(registry: Registry, kinds: tuple[Kind, ...]) -> PluginsDocument:
    return {
        "plugins": [
            {"name": name, "origin": origin, "has_recipe": registry.configure(name) is not None}
            for name, origin in sorted(registry.plugins.items())
        ],
        "clashes": registry.clashes(kinds),
        "components": [
            {
                "hook": kind,
                "name": found.spec.name,
                "summary": found.spec.summary,
                "plugin": found.plugin,
                "target": found.spec.target,
                "is_default": found.spec.default,
                "default_for": list(found.spec.default_for),
            }
            for kind in kinds
            for found in registry.claimants(kind)
        ],
    }
