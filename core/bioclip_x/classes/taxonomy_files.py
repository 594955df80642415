"""Reads a compiled tree from a recipe's labels, its taxonomy file, or the model's own taxonomy."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from bioclip_x import __version__
from bioclip_x.capabilities import TaxonomyReaderCapabilities
from bioclip_x.classes.taxonomy_formats import detect_format, read_head
from bioclip_x.components import TaxonomyReader
from bioclip_x.errors import RecipeError, TaxonomyError
from bioclip_x.faults import naming
from bioclip_x.io.content import describe_content
from bioclip_x.options import ComponentRef, parse_ref
from bioclip_x.recipe import Recipe
from bioclip_x.records import OwnClasses
from bioclip_x.registry import Registry, get_capabilities
from bioclip_x.settings import find_cache_folder
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.taxonomy.cache import load, save
from bioclip_x.taxonomy.name_usages import SeveralParents

MIN_SECONDS_TO_CACHE: Final = 0.5
"""The compiled tree is cached if reading took longer."""
MAX_NEIGHBOURS: Final = 1000
"""Files in a taxonomy's folder whose times are part of its cache key."""


def read_listed_taxonomy(registry: Registry, recipe: Recipe) -> Taxonomy | None:
    """Reads the recipe's labels or taxonomy file; returns None if it gives neither. Needs no model."""
    if recipe.labels:
        return from_labels(recipe.labels)
    if recipe.taxonomy:
        return read_taxonomy(
            registry, recipe.taxonomy, recipe.taxonomy_format, dag=recipe.dag, cache=find_cache_folder() / "taxonomies"
        )
    return None


def read_own_taxonomy(registry: Registry, model: str, own: OwnClasses | None) -> Taxonomy:
    """Reads the taxonomy that comes with a model. Raises RecipeError if there is none."""
    if own:
        # The source in place of the local path, which must not appear in outputs.
        tree = read_taxonomy(registry, own.taxonomy, own.reader, cache=find_cache_folder() / "taxonomies")
        return replace(tree, source=own.source)
    raise RecipeError(
        f"the model {model} brings no list of classes: give --taxonomy FILE (a species list as CSV, say) or "
        '--labels "red fox,gray wolf"'
    )


def read_taxonomy(
    registry: Registry,
    path: Path,
    format: str | None = None,
    dag: SeveralParents | None = None,
    cache: Path | None = None,
) -> Taxonomy:
    """Reads a file with the given reader, or the first that recognises its content. Raises TaxonomyError.

    format: a reader's name, optionally with options ("newick:tips=species"). dag: how to handle nodes with several parents,
    for readers whose formats have them. cache: a folder for compiled trees; a tree that takes long to read is cached there
    until the file, or a file in the same folder, changes.
    """
    head = read_head(path)
    ref = parse_ref(format) if format is not None else ComponentRef(name=detect_format(registry, path, head))
    reader = _make_reader(registry, ref, dag)
    cache_file = cache / f"{_make_cache_key(path, ref, dag)}.npz" if cache and path.exists() else None
    if cache_file and (taxonomy := load(cache_file)):
        return replace(taxonomy, source=str(path))
    start = time.monotonic()
    with naming(reader, "read", str(path)):
        taxonomy = reader.read(path)
    if note := describe_content(path, TaxonomyError):
        taxonomy = replace(taxonomy, notes=(*taxonomy.notes, note))
    if cache_file and time.monotonic() - start > MIN_SECONDS_TO_CACHE:
        with suppress(OSError):  # caching is optional
            cache_file.parent.mkdir(parents=True, exist_ok=True)
            save(taxonomy, cache_file)
    return taxonomy


def _make_reader(registry: Registry, ref: ComponentRef, dag: SeveralParents | None) -> TaxonomyReader:
    options = registry.name_options("taxonomy_readers", ref.name, ref.options) if ref.options else {}
    reader = registry.make("taxonomy_readers", ref.name, options)
    option = get_capabilities(reader, TaxonomyReaderCapabilities).several_parents_option
    if dag is None or not option:
        return reader
    return registry.make("taxonomy_readers", ref.name, {**options, option: dag})


def _make_cache_key(path: Path, ref: ComponentRef, dag: str | None) -> str:
    """Hashes the path, the reader, and the sizes and times of the file and its neighbours, which readers may read, too."""
    neighbours = sorted(
        islice(_list_stamps(path if path.is_dir() else path.parent, is_deep=path.is_dir()), MAX_NEIGHBOURS)
    )
    parts = [__version__, str(path.resolve()), ref.name, sorted(map(str, ref.options.items())), dag, neighbours]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _list_stamps(folder: Path, is_deep: bool) -> Iterator[tuple[str, int, int]]:
    """Yields path, size and time of the files in a folder and, with `is_deep`, in its subfolders."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False) and is_deep:
                yield from _list_stamps(Path(entry.path), is_deep)
            else:
                stat = entry.stat()
                yield entry.path, stat.st_size, stat.st_mtime_ns
