"""Prints on stderr what is to be known of a run besides its results."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bioclip_x.cli.render.terminal import echo
from bioclip_x.messages import escape_controls

if TYPE_CHECKING:
    from bioclip_x.images.folders import LeftOut
    from bioclip_x.records import Provenance


def print_notes(provenance: Provenance, *, bare: bool) -> None:
    """Prints notes on stderr; with `bare` also the provenance, as a CSV on stdout has no sidecar file for it."""
    for note in provenance.notes:
        click.echo(f"note: {escape_controls(note)}", err=True)
    if bare:
        echo(f"provenance: {json.dumps(asdict(provenance), ensure_ascii=False, default=str)}", err=True)


def print_left_out(left_out: LeftOut, *, quiet: bool) -> None:
    """Prints what the folders hold besides images, in one line on stderr."""
    if not quiet and (told := left_out.describe()):
        click.echo(f"note: {escape_controls(told)}", err=True)
