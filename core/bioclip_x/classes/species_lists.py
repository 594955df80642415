"""Reads lists of taxa: text files with one name per line, or the classes of any taxonomy file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.classes.taxonomy_formats import find_reader, read_head
from bioclip_x.errors import TaxonomyError
from bioclip_x.hooks.registry import Registry
from bioclip_x.io.content import name_content
from bioclip_x.io.delimited import DELIMITERS
from bioclip_x.io.files import read_lines
from bioclip_x.records import Taxon
from bioclip_x.settings import find_cache_folder

TABLES: Final = (".csv", ".tsv", ".tab")


def read_species_list(registry: Registry, path: Path) -> tuple[Taxon, ...]:
    """Reads the taxa listed in a file. Raises TaxonomyError for a file that cannot be read or is empty.

    Lines are names, with or without author, or paths ("Plantae; Oenanthe"); blank lines and lines that begin with # are
    skipped, and repeated names are taken once.
    """
    if not os.path.exists(path):  # noqa: PTH110 - no error for names that are too long
        raise TaxonomyError(f"the list {path} does not exist; expected a file with one name per line, or a taxonomy")
    if path.is_dir() or find_reader(registry, path, read_head(path) or b""):
        tree = read_taxonomy(registry, path, cache=find_cache_folder() / "taxonomies")
        return tuple(map(tree.class_taxon, range(tree.n_classes - tree.n_beside)))
    lines = [line.strip() for line in read_lines(path, TaxonomyError)]
    names = list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    if not names:
        raise TaxonomyError(f"{path} is empty; expected one name per line, or a taxonomy")
    if name_content(path).suffix.lower() in TABLES and any(separator in names[0] for separator in DELIMITERS):
        raise TaxonomyError(
            f"{path}: expected columns named by ranks (family, genus, species) or one name per line, got {names[0]!r}"
        )
    return tuple(map(_parse_line, names))


def _parse_line(line: str) -> Taxon:
    names = [name.strip() for name in line.replace(">", ";").split(";") if name.strip()] or [line]
    return Taxon("", names[-1], tuple(("", name) for name in names))
