"""Prints on stderr what is to be known of a run besides its results."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bioclip_x.cli.render.terminal import echo
from bioclip_x.messages import escape_controls

if TYPE_CHECKING:
    from bioclip_x.records import Provenance


def print_notes(provenance: Provenance, *, bare: bool) -> None:
    """Prints notes on stderr; with `bare` also the provenance, as a CSV on stdout has no sidecar file for it."""
    for note in provenance.notes:
        click.echo(f"note: {escape_controls(note)}", err=True)
    if bare:
        echo(f"provenance: {json.dumps(asdict(provenance), ensure_ascii=False, default=str)}", err=True)


def print_note(told: str, *, quiet: bool) -> None:
    """Prints a note on a run on stderr, if there is anything to tell."""
    if told and not quiet:
        click.echo(f"note: {escape_controls(told)}", err=True)
