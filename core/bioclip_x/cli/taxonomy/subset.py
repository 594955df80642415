"""`bioclip-x taxonomy subset`: writes a part of a tree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bioclip_x.cli.option_types import PathName
from bioclip_x.cli.outputs.collisions import check_outputs
from bioclip_x.cli.taxonomy.convert import NAMES, write_tree
from bioclip_x.cli.taxonomy.source import add_reading_options, print_notes, read_source
from bioclip_x.errors import RecipeError
from bioclip_x.hooks.registry import Registry

if TYPE_CHECKING:
    from bioclip_x.taxonomy.name_usages import SeveralParents


@click.command()
@click.argument("file_and_parts", nargs=-1, metavar="FILE PART…")
@click.option("--model", metavar="M", help="Use the tree of this model instead of a file.")
@add_reading_options
@click.option("--to", type=click.Choice(NAMES), help="[default: by the suffix of --output, csv on stdout]")
@click.option("--output", type=PathName(dir_okay=False), help="Write to this file instead of stdout.")
@click.pass_obj
def subset(
    registry: Registry,
    /,
    file_and_parts: tuple[str, ...],
    model: str | None,
    taxonomy_format: str | None,
    dag: SeveralParents | None,
    to: str | None,
    output: Path | None,
) -> None:
    """Write the classes of the PARTs of a tree: all that any PART includes, without those that any PART excludes.

    \b
    bioclip-x taxonomy subset checklist.csv class=Insecta family!=Apidae --output part.csv
    bioclip-x taxonomy subset checklist.csv genus=Quercus,Fagus Aves
    bioclip-x taxonomy subset checklist.csv park.txt '!garden.csv' --output part.yaml
    bioclip-x taxonomy subset --model bioclip-2 class=Aves --output birds.csv

    A PART is rank=name,name, a name, a path of names ("Plantae; Oenanthe"), or a file of names: one per line, or any taxonomy.
    rank!=name, or '!' before any other PART, excludes.
    """  # fmt: skip
    from bioclip_x.classes.species_lists import read_species_list
    from bioclip_x.messages import escape_controls
    from bioclip_x.taxonomy.editing.subset import subset as select_subset
    from bioclip_x.taxonomy.writers import find_format

    file, parts = split_arguments(file_and_parts, model)
    chosen = find_format(output, to or (None if output else "csv"))
    check_outputs({"--output": output}, {"FILE": file, "PART": [part.removeprefix("!") for part in parts]})
    taxonomy = read_source(registry, file, model, taxonomy_format, dag)
    print_notes(taxonomy)
    part = select_subset(taxonomy, parts, read=lambda path: read_species_list(registry, path))
    for note in part.notes:
        click.echo(f"note: {escape_controls(note)}", err=True)
    write_tree(part.tree, chosen, output)


def split_arguments(arguments: tuple[str, ...], model: str | None) -> tuple[Path | None, tuple[str, ...]]:
    """Splits the arguments into the file, which is first unless a model is given, and the parts.

    Raises RecipeError where one of them is missing.
    """
    file, parts = (
        (None, arguments) if model is not None else (Path(arguments[0]), arguments[1:]) if arguments else (None, ())
    )
    if not parts or (file is None and model is None):
        raise RecipeError(
            "expected a file and at least one part: bioclip-x taxonomy subset checklist.csv class=Insecta"
        )
    return file, parts
