"""`bioclip-x taxonomy`: shows, validates, converts, subsets and compares trees."""

from __future__ import annotations

import click

from bioclip_x.cli.flags import components_option
from bioclip_x.cli.taxonomy.convert import convert
from bioclip_x.cli.taxonomy.diff import diff
from bioclip_x.cli.taxonomy.list import list_classes
from bioclip_x.cli.taxonomy.show import show
from bioclip_x.cli.taxonomy.subset import subset
from bioclip_x.cli.taxonomy.validate import validate


@click.group(name="taxonomy")
@components_option
def command() -> None:
    """Inspect, convert and compare taxonomies, from files or from models."""


for subcommand in (show, list_classes, validate, convert, subset, diff):
    command.add_command(subcommand)
