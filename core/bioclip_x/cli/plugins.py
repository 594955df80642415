"""`bioclip-x plugins`: lists plugins and their components."""

from __future__ import annotations

import click

from bioclip_x.cli.render.terminal import echo
from bioclip_x.components import KINDS
from bioclip_x.registry import Registry


@click.group(name="plugins")
def command() -> None:
    """Installed plugins and their components."""


@command.command(name="list")
@click.pass_obj
def list_plugins(registry: Registry) -> None:
    """Every installed plugin, and every component by kind with the plugin that provides it."""
    echo("plugins (switch one on with --plugin NAME where it has a recipe):")
    for name, origin in sorted(registry.plugins.items()):
        recipe = " · has a recipe" if registry.configure(name) else ""
        echo(f"  {name:<20} {origin}{recipe}")
    for kind in KINDS:
        components = registry.components(kind)
        if not components:
            continue
        echo(f"\n{kind.replace('_', ' ')}:")
        for name, component in components.items():
            echo(f"  {name:<20} {component.spec.summary}  [{component.plugin}]")
