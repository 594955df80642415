"""Reads a compiled tree from a recipe's labels, its taxonomy file, or the model's own taxonomy."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from bioclip_x import __version__
from bioclip_x.classes.taxonomy_formats import detect_format, read_head
from bioclip_x.errors import RecipeError, TaxonomyError
from bioclip_x.faults import naming
from bioclip_x.hooks.capabilities import TaxonomyReaderCapabilities, get_capabilities
from bioclip_x.hooks.components import TaxonomyReader
from bioclip_x.hooks.options import ComponentRef, parse_ref
from bioclip_x.hooks.registry import Registry
from bioclip_x.hooks.returned import check_type
from bioclip_x.io.content import describe_content
from bioclip_x.limits import ARCHIVE_FOLDERS
from bioclip_x.recipe import Recipe
from bioclip_x.records import OwnClasses
from bioclip_x.settings import find_cache_folder
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.taxonomy.cache import load, save
from bioclip_x.taxonomy.name_usages import SeveralParents

MIN_SECONDS_TO_CACHE: Final = 0.5
"""The compiled tree is cached if reading took longer."""


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
    until a file changes that the reader reads.
    """
    head = read_head(path)
    ref = parse_ref(format) if format is not None else ComponentRef(name=detect_format(registry, path, head))
    reader = _make_reader(registry, ref, dag)
    cache_file = _find_cache_file(cache, path, ref, reader, dag) if cache else None
    if cache_file and (taxonomy := load(cache_file)):
        return replace(taxonomy, source=str(path))
    start = time.monotonic()
    with naming(reader, "read", str(path)):
        taxonomy = check_type(reader, "read", reader.read(path), Taxonomy, str(path))
    if note := describe_content(path, TaxonomyError):
        taxonomy = replace(taxonomy, notes=(*taxonomy.notes, note))
    if cache_file and time.monotonic() - start > MIN_SECONDS_TO_CACHE:
        with suppress(OSError, ValueError):  # caching is optional; closing an archive on a full disk is a ValueError
            save(taxonomy, cache_file)
    return taxonomy


def _make_reader(registry: Registry, ref: ComponentRef, dag: SeveralParents | None) -> TaxonomyReader:
    options = registry.name_options("taxonomy_readers", ref.name, ref.options) if ref.options else {}
    reader = registry.make("taxonomy_readers", ref.name, options)
    option = get_capabilities(reader, TaxonomyReaderCapabilities).several_parents_option
    if dag is None or not option:
        return reader
    return registry.make("taxonomy_readers", ref.name, {**options, option: dag})


def _find_cache_file(
    cache: Path, path: Path, ref: ComponentRef, reader: TaxonomyReader, dag: str | None
) -> Path | None:
    """Returns the file for a tree, named by the path, the reader, and the sizes and times of all files that it reads.

    None where these cannot be found out, and for a pipe.
    """
    if not (path.is_file() or path.is_dir()):
        return None
    patterns = get_capabilities(reader, TaxonomyReaderCapabilities).reads_beside
    try:
        given = [path, *(file for value in ref.options.values() if (file := Path(str(value))).is_file())]
        stamps = [_stamp(file.parent, file) for file in given if not file.is_dir()]
        if path.is_dir() or patterns:
            stamps += _stamp_folder(path if path.is_dir() else path.parent, patterns or ("*",))
    except (OSError, ValueError):
        return None
    parts = [__version__, str(path.resolve()), ref.name, sorted(map(str, ref.options.items())), dag, stamps]
    return cache / f"{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}.npz"


def _stamp_folder(folder: Path, patterns: Sequence[str]) -> list[tuple[str, int, int]]:
    """Stamps what readers see of a folder: its files of these names, those a level below, and the names of its folders."""
    wanted = re.compile("|".join(fnmatch.translate(pattern.lower()) for pattern in patterns))
    entries = sorted(folder.iterdir())
    folders = [entry for entry in entries if entry.is_dir()]
    below = [file for one in folders if len(folders) <= ARCHIVE_FOLDERS for file in _list_readable(one)]
    files = [file for file in (*entries, *below) if file not in folders and wanted.match(file.name.lower())]
    return [*(_stamp(folder, file) for file in files), *((one.name, 0, 0) for one in folders if patterns == ("*",))]


def _list_readable(folder: Path) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if not file.is_dir())
    except OSError:
        return []


def _stamp(folder: Path, file: Path) -> tuple[str, int, int]:
    """Returns a file's path in the folder, size and time; zeros for one that cannot be read, as a link that leads nowhere."""
    name = str(file.relative_to(folder))
    try:
        stat = file.stat()
    except OSError:
        return name, 0, 0
    return name, stat.st_size, stat.st_mtime_ns
