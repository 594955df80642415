"""`bioclip-x taxonomy`: what a list of classes holds."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bioclip_x.components import Encoder
from bioclip_x.registry import Registry
from bioclip_x.streams import opened

if TYPE_CHECKING:
    from bioclip_x.taxonomy import Taxonomy

Row = dict[str, str]
FORMATS = ("csv", "json", "jsonl")
AT_ONCE = 1000
"""Rows written in one piece."""


@click.group(name="taxonomy")
def command() -> None:
    """Lists of classes: files, and those that models bring."""


@command.command(name="list")
@click.option("--model", metavar="M", help="The model whose own classes are listed.  [default: as for classify]")
@click.option("--taxonomy", type=click.Path(path_type=Path), metavar="FILE", help="A file instead.")
@click.option("--taxonomy-format", metavar="NAME", help="Its reader; by default seen from the content.")
@click.option("--language", metavar="L", help="Language of common names (en, de, …).")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="[default: csv, or the suffix of --output]")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file instead of stdout.")
@click.pass_obj
def list_classes(registry: Registry, /, format_: str | None, output: Path | None, **fields: Any) -> None:
    """List the classes, a row each: pybioclip's columns (kingdom … species, common_name) first.

    \b
    bioclip-x taxonomy list --model bioclip-2 --output tree-of-life.csv
    bioclip-x taxonomy list --taxonomy my-species.csv --format json

    The first is what `bioclip list-tol-taxa` prints. It needs the names, not the model.
    """  # fmt: skip
    taxonomy, language = _tree(registry, fields)
    for note in taxonomy.notes:
        click.echo(f"note: {note}", err=True)
    suffix = output.suffix.lower().removeprefix(".") if output else ""
    lines = LINES[format_ or (suffix if suffix in FORMATS else "csv")](columns(taxonomy), rows(taxonomy, language))
    with opened(output) as stream:
        while piece := "".join(islice(lines, AT_ONCE)):
            stream.write(piece)


def _tree(registry: Registry, fields: dict[str, Any]) -> tuple[Taxonomy, str]:
    """The tree that `classify` would take, without the model, and the language of its common names."""
    from bioclip_x.cli.recipes import resolved_recipe
    from bioclip_x.pipeline.encoders import own_classes
    from bioclip_x.pipeline.taxonomies import listed_taxonomy, own_taxonomy

    recipe, _ = resolved_recipe(registry, file=None, plugins=(), flags=fields)
    listed = listed_taxonomy(registry, recipe)
    if listed is not None:
        return listed, recipe.language
    family: Encoder = registry.make("encoders", recipe.encoder.name, recipe.encoder.options)
    own = own_classes(family, recipe.model, embeddings=False)
    return own_taxonomy(registry, recipe.model, own), recipe.language


def columns(taxonomy: Taxonomy) -> tuple[str, ...]:
    """pybioclip's nine; the tree's other ranks; and, if some class is no species, what each class is."""
    from bioclip_x.taxonomy import LINNAEAN

    theirs = (*LINNAEAN[:-1], "species_epithet", "species", "common_name")
    others = tuple(rank for rank in taxonomy.rank_names if rank and rank not in LINNAEAN)
    all_species = {taxonomy.rank(node) for node in taxonomy.class_of} == {"species"}
    return (*theirs, *others) if all_species else (*theirs, *others, "rank", "name")


def rows(taxonomy: Taxonomy, language: str) -> Iterator[Row]:
    """A row for each class, in the tree's order; "" for a rank that its lineage lacks."""
    names = columns(taxonomy)
    for class_index in range(taxonomy.n_classes):
        taxon = taxonomy.class_taxon(class_index)
        row = dict.fromkeys(names, "") | {rank: name for rank, name in taxon.lineage if rank}
        row["species_epithet"] = row["species"].partition(" ")[2] or row["species"]
        row["common_name"] = taxon.common_name(language)
        if names[-1] == "name":
            row["rank"], row["name"] = taxon.rank, taxon.name
        yield row


def _csv(names: tuple[str, ...], found: Iterator[Row]) -> Iterator[str]:
    line = io.StringIO(newline="")
    writer = csv.writer(line, lineterminator="\n")
    for cells in chain([names], ([row[name] for name in names] for row in found)):
        writer.writerow(cells)
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def _json(names: tuple[str, ...], found: Iterator[Row]) -> Iterator[str]:
    for number, line in enumerate(_jsonl(names, found)):
        yield f"{',' if number else '['}\n  {line.rstrip()}"
    yield "\n]\n"


def _jsonl(names: tuple[str, ...], found: Iterator[Row]) -> Iterator[str]:
    for row in found:
        yield f"{json.dumps(row, ensure_ascii=False)}\n"


LINES: Final[Mapping[str, Callable[[tuple[str, ...], Iterator[Row]], Iterator[str]]]] = {
    "csv": _csv, "json": _json, "jsonl": _jsonl,
}  # fmt: skip
