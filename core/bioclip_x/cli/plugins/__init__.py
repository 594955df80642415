"""`bioclip-x plugins`: lists, shows, starts and checks plugins."""

from __future__ import annotations

import click

from bioclip_x.cli.flags import components_option
from bioclip_x.cli.plugins.check import check
from bioclip_x.cli.plugins.list import list_plugins
from bioclip_x.cli.plugins.new import new
from bioclip_x.cli.plugins.show import show


@click.group(name="plugins")
@components_option
def command() -> None:
    """Installed plugins and their components; a new plugin, and checks of one."""


for subcommand in (list_plugins, show, new, check):
    command.add_command(subcommand)
