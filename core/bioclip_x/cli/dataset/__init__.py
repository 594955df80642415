"""`bioclip-x dataset`: builds data sets for training."""

from __future__ import annotations

import click

from bioclip_x.cli.dataset.build import build
from bioclip_x.cli.flags import components_option


@click.group(name="dataset")
@components_option
def command() -> None:
    """Build data sets for training, from sources of images to shards, a catalogue and a data card."""


command.add_command(build)
