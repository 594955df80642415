"""The formats by name and by suffix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

from bioclip_x.errors import TaxonomyError
from bioclip_x.taxonomy.tree import Taxonomy
from bioclip_x.taxonomy.writers.document import Document


@dataclass(frozen=True, slots=True)
class Format:
    """suffixes: the first is the usual one. module: of this package. options: for its `make_document`."""

    name: str
    summary: str
    suffixes: tuple[str, ...]
    module: str
    options: Mapping[str, str]


FORMATS: Final[Mapping[str, Format]] = {
    one.name: one
    for one in (
        Format("csv", "a column per rank, comma separated", (".csv",), "table", {"delimiter": ","}),
        Format("tsv", "the same, tab separated", (".tsv", ".tab"), "table", {"delimiter": "\t"}),
        Format("parquet", "the same, in one binary file", (".parquet",), "table", {"delimiter": ""}),
        Format("yaml", "nodes with children", (".yaml", ".yml"), "yaml", {}),
        Format(
            "newick", "the tree of names alone, for phylogenetic programs", (".nwk", ".newick", ".tre"), "newick", {}
        ),
        Format("json", "networkx's node-link data", (".json",), "node_link", {}),
    )
}


def format_of(output: Path | None, name: str | None) -> Format:
    """The format named, else that of the file's suffix. Raises TaxonomyError where neither tells."""
    if name:
        return FORMATS[name]
    suffix = output.suffix.lower() if output else ""
    for one in FORMATS.values():
        if suffix in one.suffixes:
            return one
    known = ", ".join(f"{one.name} ({one.suffixes[0]})" for one in FORMATS.values())
    what = (
        f"{output} does not say its format by its suffix" if output else "no output file says the format by its suffix"
    )
    raise TaxonomyError(f"{what}: name one with --to: {known}")


def make_document(taxonomy: Taxonomy, format_: Format) -> Document:
    """The tree as a document of this format. Raises TaxonomyError where the format cannot hold its classes."""
    module = import_module(f"bioclip_x.taxonomy.writers.{format_.module}")
    made: Document = module.make_document(taxonomy, **format_.options)
    return made
