"""The output formats, by name and by suffix."""

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
    """suffixes: the usual one first. module: in this package. options: of its `make_document`."""

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


def find_format(output: Path | None, name: str | None) -> Format:
    """Returns the format with this name, else that of the file's suffix. Raises TaxonomyError if neither is known."""
    if name:
        return FORMATS[name]
    suffix = output.suffix.lower() if output else ""
    for one in FORMATS.values():
        if suffix in one.suffixes:
            return one
    known = ", ".join(f"{one.name} ({one.suffixes[0]})" for one in FORMATS.values())
    problem = f"{output} has no known format suffix" if output else "no output file to infer the format from"
    raise TaxonomyError(f"{problem}; name the format with --to: {known}")


def make_document(taxonomy: Taxonomy, format_: Format) -> Document:
    """Converts a tree to a document of this format. Raises TaxonomyError if the format cannot represent its classes."""
    module = import_module(f"bioclip_x.taxonomy.writers.{format_.module}")
    document: Document = module.make_document(taxonomy, **format_.options)
    return document
