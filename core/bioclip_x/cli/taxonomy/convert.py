"""`bioclip-x taxonomy convert`: converts a tree to CSV, TSV, Parquet, YAML, Newick or networkx JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bioclip_x.cli.option_types import PathName
from bioclip_x.cli.outputs.collisions import check_outputs
from bioclip_x.cli.taxonomy.source import add_source_options, print_notes, read_source
from bioclip_x.hooks.registry import Registry

if TYPE_CHECKING:
    from bioclip_x.taxonomy import Taxonomy
    from bioclip_x.taxonomy.writers.formats import Format

NAMES = ("csv", "tsv", "parquet", "yaml", "newick", "json")


@click.command(short_help="convert a tree to CSV, Parquet, YAML, Newick or JSON")
@add_source_options
@click.option("--to", type=click.Choice(NAMES), help="[default: by the suffix of --output]")
@click.option("--output", type=PathName(dir_okay=False), help="Write to this file instead of stdout.")
@click.pass_obj
def convert(registry: Registry, /, to: str | None, output: Path | None, **source: Any) -> None:
    """Write a tree in another format: .csv, .tsv, .parquet, .yaml, .nwk (Newick) or .json (networkx).

    \b
    bioclip-x taxonomy convert birds.nwk --output birds.yaml
    bioclip-x taxonomy convert checklist.zip --output checklist.csv
    bioclip-x taxonomy convert my-species.csv --to newick

    Reading the result gives the same tree, except for what the format cannot represent, which is reported on stderr.
    """  # fmt: skip
    from bioclip_x.taxonomy.writers import find_format

    chosen = find_format(output, to)
    check_outputs({"--output": output}, {"FILE": source["file"]})
    taxonomy = read_source(registry, **source)
    print_notes(taxonomy)
    write_tree(taxonomy, chosen, output)


def write_tree(taxonomy: Taxonomy, chosen: Format, output: Path | None) -> None:
    """Writes a tree to a file or stdout, and reports on stderr what the format cannot represent."""
    from bioclip_x.io.storage.streams import open_output
    from bioclip_x.messages import escape_controls
    from bioclip_x.taxonomy.writers import make_document

    document = make_document(taxonomy, chosen)
    if chosen.name == "parquet":
        _write_parquet(document.chunks(), output, taxonomy.source)
    else:
        with open_output(output) as stream:
            for piece in document.chunks():
                stream.write(piece)
    if document.lost:
        click.echo(f"lost in {chosen.name}: {escape_controls('; '.join(document.lost))}", err=True)


def _write_parquet(tables: Any, output: Path | None, source: str) -> None:
    import json

    from bioclip_x.io.parquet import open_parquet_writer

    first = next(tables)
    with open_parquet_writer(output, first.schema, json.dumps({"taxonomy": source})) as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)
