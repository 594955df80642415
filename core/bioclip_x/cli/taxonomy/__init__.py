"""`bioclip-x taxonomy`: look at trees, check them, turn them into other formats, cut and compare them."""

from __future__ import annotations

import click

from bioclip_x.cli.taxonomy.convert import convert
from bioclip_x.cli.taxonomy.diff import diff
from bioclip_x.cli.taxonomy.list import list_classes
from bioclip_x.cli.taxonomy.show import show
from bioclip_x.cli.taxonomy.subset import subset
from bioclip_x.cli.taxonomy.validate import validate


@click.group(name="taxonomy")
def command() -> None:
    """Lists of classes and the trees they stand on: files, and those that models bring."""


for subcommand in (show, list_classes, validate, convert, subset, diff):
    command.add_command(subcommand)
