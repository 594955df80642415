"""The recipe's labels, taxonomy file, or the model's own taxonomy → a compiled tree."""

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
from bioclip_x.components import TaxonomyReader
from bioclip_x.errors import RecipeError, TaxonomyError
from bioclip_x.io.archives import is_archive
from bioclip_x.io.encodings import detect_encoding, make_ascii_head
from bioclip_x.options import ComponentRef, parse_ref
from bioclip_x.recipe import Recipe
from bioclip_x.records import OwnClasses
from bioclip_x.registry import Registry, get_capabilities
from bioclip_x.settings import find_cache_folder
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.taxonomy.cache import load, save
from bioclip_x.taxonomy.name_usages import SeveralParents

HEAD_BYTES: Final = 65536
WORTH_KEEPING: Final = 0.5
"""Seconds of reading from which on the compiled tree is kept."""
_MOSTLY: Final = "A table (saved as CSV) needs a column per rank, such as family, genus, species"
MOST_BESIDE: Final = 1000
"""Files beside a taxonomy whose times are looked at."""


def read_listed_taxonomy(registry: Registry, recipe: Recipe) -> Taxonomy | None:
    """What the recipe lists: labels, else a file; None where it lists nothing. Needs no model."""
    if recipe.labels:
        return from_labels(recipe.labels)
    if recipe.taxonomy:
        return read_taxonomy(
            registry, recipe.taxonomy, recipe.taxonomy_format, dag=recipe.dag, cache=find_cache_folder() / "taxonomies"
        )
    return None


def read_own_taxonomy(registry: Registry, model: str, own: OwnClasses | None) -> Taxonomy:
    """What a model brings. Raises RecipeError where it brings nothing."""
    if own:
        # Where a model's files lie on this machine is nobody's business.
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
    """Reads a file with the reader named, or the first that recognises its content. Raises TaxonomyError.

    format: a reader's name, with options perhaps ("newick:tips=species"). dag: what to do with nodes of several parents,
    for readers of formats that have such. cache: a folder for compiled trees; what took long to read is then read from
    there while the file, and the files beside it, stay as they are.
    """
    head = _head(path)
    ref = parse_ref(format) if format is not None else ComponentRef(name=_recognised(registry, path, head))
    reader = _reader(registry, ref, dag)
    kept = cache / f"{_key(path, ref, dag)}.npz" if cache and path.exists() else None
    if kept and (taxonomy := load(kept)):
        return replace(taxonomy, source=str(path))
    began = time.monotonic()
    taxonomy = reader.read(path)
    if kept and time.monotonic() - began > WORTH_KEEPING:
        with suppress(OSError):  # a full disk is no reason not to go on
            kept.parent.mkdir(parents=True, exist_ok=True)
            save(taxonomy, kept)
    return taxonomy


def _recognised(registry: Registry, path: Path, head: bytes | None) -> str:
    """The name of the first reader that recognises a file. Raises TaxonomyError."""
    if head is not None and not make_ascii_head(head).strip():
        raise TaxonomyError(f"{path} is empty; expected a taxonomy")
    for name in registry.in_order("taxonomy_readers"):
        reader: TaxonomyReader = registry.make("taxonomy_readers", name)
        if reader.sniff(path, head or b""):
            return name
    known = ", ".join(registry.components("taxonomy_readers"))
    raise TaxonomyError(f"{path} {_unrecognised(path, head)} name one with --taxonomy-format: {known}. {_MOSTLY}")


def _unrecognised(path: Path, head: bytes | None) -> str:
    if path.is_dir():
        return "is a folder, and none of a format that comes as one; give the file in it, or"
    if head and is_archive(head):
        return "is an archive, and none of a format that comes as one; unpack it and give the file in it, or"
    if head and b"\0" in head and detect_encoding(head) != "utf-16":
        line = head[: head.index(b"\0")].count(b"\n") + 1
        return f"is in no format that any reader recognises: line {line} has a NUL byte, as no text has; save it as UTF-8, or"
    return "is in no format that any reader recognises;"


def _reader(registry: Registry, ref: ComponentRef, dag: SeveralParents | None) -> TaxonomyReader:
    options = registry.named("taxonomy_readers", ref.name, ref.options) if ref.options else {}
    reader = registry.make("taxonomy_readers", ref.name, options)
    option = get_capabilities(reader, TaxonomyReaderCapabilities).several_parents_option
    if dag is None or not option:
        return reader
    return registry.make("taxonomy_readers", ref.name, {**options, option: dag})


def _key(path: Path, ref: ComponentRef, dag: str | None) -> str:
    """Of the file as it is now, and of what lies beside it (or in the folder): readers may look there."""
    beside = sorted(islice(_stamps(path if path.is_dir() else path.parent, is_deep=path.is_dir()), MOST_BESIDE))
    about = [__version__, str(path.resolve()), ref.name, sorted(map(str, ref.options.items())), dag, beside]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]


def _stamps(folder: Path, is_deep: bool) -> Iterator[tuple[str, int, int]]:
    """Name, size and time of the files in a folder, and in its subfolders where the taxonomy is the folder."""
    with os.scandir(folder) as found:
        for entry in found:
            if entry.is_dir(follow_symlinks=False) and is_deep:
                yield from _stamps(Path(entry.path), is_deep)
            else:
                stat = entry.stat()
                yield entry.path, stat.st_size, stat.st_mtime_ns


def _head(path: Path) -> bytes | None:
    """How a file begins; none for a folder or a pipe, which can be read but once. Raises TaxonomyError."""
    try:
        if not path.exists():
            raise TaxonomyError(f"the taxonomy {path} does not exist")
        if not path.is_file():
            return None
        with path.open("rb") as handle:
            return handle.read(HEAD_BYTES)
    except OSError as problem:
        raise TaxonomyError(f"the taxonomy {path} cannot be read: {problem.strerror or problem}") from problem
