"""The recipe's labels, taxonomy file, or the model's own taxonomy → a compiled tree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bioclip_x.components import TaxonomyReader
from bioclip_x.errors import RecipeError, TaxonomyError
from bioclip_x.recipe import Recipe
from bioclip_x.records import OwnClasses
from bioclip_x.registry import Registry
from bioclip_x.taxonomy import Taxonomy

HEAD_BYTES = 65536


def listed_taxonomy(registry: Registry, recipe: Recipe) -> Taxonomy | None:
    """What the recipe lists: labels, else a file; None where it lists nothing. Needs no model."""
    if recipe.labels:
        return Taxonomy.from_labels(recipe.labels)
    if recipe.taxonomy:
        return read_taxonomy(registry, recipe.taxonomy, recipe.taxonomy_format)
    return None


def own_taxonomy(registry: Registry, model: str, own: OwnClasses | None) -> Taxonomy:
    """What a model brings. Raises RecipeError where it brings nothing."""
    if own:
        # Where a model's files lie on this machine is nobody's business.
        return replace(read_taxonomy(registry, own.taxonomy, own.reader), source=own.source)
    raise RecipeError(
        f"the model {model} brings no list of classes: give --taxonomy FILE (a species list as CSV, say) or "
        '--labels "red fox,gray wolf"'
    )


def read_taxonomy(registry: Registry, path: Path, format: str | None = None) -> Taxonomy:
    """Reads a file with the reader named, or the first that recognises its content. Raises TaxonomyError."""
    head = _head(path)
    if format is not None:
        chosen: TaxonomyReader = registry.make("taxonomy_readers", format)
        return chosen.read(path)
    if head is not None and not head.strip():
        raise TaxonomyError(f"{path} is empty; expected a taxonomy")
    for name in registry.components("taxonomy_readers"):
        reader: TaxonomyReader = registry.make("taxonomy_readers", name)
        if reader.sniff(path, head or b""):
            return reader.read(path)
    known = ", ".join(registry.components("taxonomy_readers"))
    what = "is a folder" if path.is_dir() else "is in no format that any reader recognises"
    raise TaxonomyError(
        f"{path} {what}; name one with --taxonomy-format: {known}. A table (saved as CSV) needs a column per rank, such as "
        "family, genus, species"
    )


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
