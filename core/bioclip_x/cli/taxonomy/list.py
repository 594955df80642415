"""`bioclip-x taxonomy list`: lists the classes, one row each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bioclip_x.cli.flags import safe_csv_option
from bioclip_x.cli.option_types import PathName
from bioclip_x.cli.outputs.collisions import check_outputs
from bioclip_x.cli.taxonomy.source import add_source_options, find_preferred_language, print_notes, read_source
from bioclip_x.errors import RecipeError
from bioclip_x.hooks.registry import Registry
from bioclip_x.io.delimited import format_rows
from bioclip_x.io.storage.streams import open_output

if TYPE_CHECKING:
    from bioclip_x.taxonomy import Taxonomy

Row = dict[str, str]
FORMATS = ("csv", "json", "jsonl")
AT_ONCE = 1000
"""Rows written at a time."""


@click.command(name="list", short_help="list the classes, one row each")
@add_source_options
@click.option("--taxonomy", type=PathName(), metavar="FILE", help="The same as FILE.")
@click.option(
    "--subset", multiple=True, metavar="PART", help="A part of the classes, as for `taxonomy subset`. Repeatable."
)
@click.option("--language", metavar="L", help="Language of common names (en, de, …).")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="[default: csv, or the suffix of --output]")
@click.option("--output", type=PathName(dir_okay=False), help="Write to this file instead of stdout.")
@safe_csv_option
@click.pass_obj
def list_classes(
    registry: Registry,
    /,
    file: Path | None,
    taxonomy: Path | None,
    subset: tuple[str, ...],
    language: str | None,
    format_: str | None,
    output: Path | None,
    safe_csv: bool,
    **source: Any,
) -> None:
    """List the classes, one row each: pybioclip's columns (kingdom … species, common_name) first.

    \b
    bioclip-x taxonomy list --model bioclip-2 --output tree-of-life.csv
    bioclip-x taxonomy list my-species.csv --format json

    The first gives the output of `bioclip list-tol-taxa`. It needs the names, not the weights.
    """  # fmt: skip
    if file and taxonomy:
        raise RecipeError(f"expected one file, got {file} and --taxonomy {taxonomy}; leave out one of the two")
    from bioclip_x.classes.subset import select_subset

    check_outputs(
        {"--output": output}, {"FILE": file or taxonomy, "--subset": [part.removeprefix("!") for part in subset]}
    )
    tree = select_subset(registry, subset, read_source(registry, file or taxonomy, **source)).tree
    print_notes(tree)
    suffix = output.suffix.lower().removeprefix(".") if output else ""
    columns, rows = list_columns(tree), make_rows(tree, find_preferred_language(registry, language))
    chosen = format_ or (suffix if suffix in FORMATS else "csv")
    lines = _iterate_csv(columns, rows, safe=safe_csv) if chosen == "csv" else LINES[chosen](columns, rows)
    with open_output(output) as stream:
        while piece := "".join(islice(lines, AT_ONCE)):
            stream.write(piece)


def list_columns(taxonomy: Taxonomy) -> tuple[str, ...]:
    """Lists the columns: pybioclip's nine, the tree's other ranks and, unless all classes are species, rank and name."""
    import numpy as np

    from bioclip_x.taxonomy import LINNAEAN

    pybioclip = (*LINNAEAN[:-1], "species_epithet", "species", "common_name")
    others = tuple(rank for rank in taxonomy.rank_names if rank and rank not in LINNAEAN)
    of_classes = np.unique(taxonomy.rank_N[taxonomy.owner_N[taxonomy.leaf_node_C]]).tolist()
    all_species = [taxonomy.rank_names[rank] for rank in of_classes] == ["species"]
    return (*pybioclip, *others) if all_species else (*pybioclip, *others, "rank", "name")


def make_rows(taxonomy: Taxonomy, language: str) -> Iterator[Row]:
    """Yields a row for each class, in tree order; "" for ranks that its lineage lacks."""
    names = list_columns(taxonomy)
    for class_index in range(taxonomy.n_classes):
        taxon = taxonomy.class_taxon(class_index)
        row = dict.fromkeys(names, "") | {rank: name for rank, name in taxon.lineage if rank}
        row["species_epithet"] = row["species"].partition(" ")[2] or row["species"]
        row["common_name"] = taxon.common_name(language)
        if names[-1] == "name":
            row["rank"], row["name"] = taxon.rank, taxon.name
        yield row


def _iterate_csv(names: tuple[str, ...], rows: Iterator[Row], *, safe: bool) -> Iterator[str]:
    return format_rows(chain([names], ([row[name] for name in names] for row in rows)), safe=safe)


def _iterate_json(names: tuple[str, ...], rows: Iterator[Row]) -> Iterator[str]:
    for number, line in enumerate(_iterate_jsonl(names, rows)):
        yield f"{',' if number else '['}\n  {line.rstrip()}"
    yield "\n]\n"


def _iterate_jsonl(names: tuple[str, ...], rows: Iterator[Row]) -> Iterator[str]:
    for row in rows:
        yield f"{json.dumps(row, ensure_ascii=False)}\n"


LINES: Final[Mapping[str, Callable[[tuple[str, ...], Iterator[Row]], Iterator[str]]]] = {
    "json": _iterate_json, "jsonl": _iterate_jsonl,
}  # fmt: skip
