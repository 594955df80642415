"""The command `bioclip-x my-component`."""

from pathlib import Path

import click
from bioclip_x.plugin import ComponentSpec, hookimpl

bioclip_x_api = 1


@hookimpl
def commands() -> list[ComponentSpec]:
    return [ComponentSpec("my-component", "counts the images of a folder by suffix", f"{__name__}:command")]


@click.command(name="my-component")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--suffix", default=".jpg", show_default=True, help="Of the files to count.")
def command(folder: Path, suffix: str) -> None:
    """Count the images of FOLDER."""
    click.echo(sum(1 for path in folder.rglob("*") if path.suffix.lower() == suffix))
