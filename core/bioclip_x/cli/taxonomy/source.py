"""Reads the trees of the subcommands, from a file or a model's list of classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bioclip_x.cli.flags import components_option
from bioclip_x.cli.option_types import PathName
from bioclip_x.errors import RecipeError
from bioclip_x.hooks.registry import Registry

if TYPE_CHECKING:
    from bioclip_x.taxonomy import Taxonomy
    from bioclip_x.taxonomy.name_usages import SeveralParents

_READING = [
    components_option,
    click.option("--taxonomy-format", metavar="NAME", help="Reader of the files; by default recognised by content."),
    click.option("--dag", type=click.Choice(["refuse", "first", "all"]),
                 help="A node with several parents: an error, its first parent, or a copy under each.  [default: refuse]"),
]  # fmt: skip


def add_reading_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --plugin, --taxonomy-format and --dag."""
    for option in reversed(_READING):
        function = option(function)
    return function


def add_source_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds FILE, --model, --encoder and the reading options."""
    function = click.option("--encoder", metavar="NAME", help="The family of --model.  [default: that of the model]")(
        function
    )
    function = click.option("--model", metavar="M", help="Use the tree of this model instead of a file.")(
        add_reading_options(function)
    )
    return click.argument("file", type=PathName(), required=False)(function)


def read_file(
    registry: Registry, file: Path, taxonomy_format: str | None, dag: SeveralParents | None, *, afresh: bool = False
) -> Taxonomy:
    """Reads a tree. Large ones are taken from the cache of compiled trees, unless `afresh`. Raises TaxonomyError."""
    from bioclip_x.classes.taxonomy_files import read_taxonomy
    from bioclip_x.settings import find_cache_folder

    cache = None if afresh else find_cache_folder() / "taxonomies"
    return read_taxonomy(registry, file, taxonomy_format, dag, cache)


def read_source(
    registry: Registry,
    file: Path | None,
    model: str | None,
    taxonomy_format: str | None,
    dag: SeveralParents | None,
    encoder: str | None = None,
) -> Taxonomy:
    """Reads the tree of a file or a model; of the default model if neither is given. Needs no weights.

    Raises RecipeError where both are given, and TaxonomyError.
    """
    if file is None:
        return load_model_tree(registry, {"model": model, "encoder": encoder})
    if model is not None:
        raise RecipeError(f"expected a file or a model, got both: {file} and --model {model}; leave out one of the two")
    return read_file(registry, file, taxonomy_format, dag)


def load_model_tree(registry: Registry, fields: dict[str, Any]) -> Taxonomy:
    """Loads the tree that `classify` would use with these recipe fields."""
    from bioclip_x.classes.taxonomy_files import read_listed_taxonomy, read_own_taxonomy
    from bioclip_x.cli.recipe_flags import resolve
    from bioclip_x.models import load_own_classes, make_family

    recipe, _ = resolve(registry, file=None, plugins=(), flags=fields)
    listed = read_listed_taxonomy(registry, recipe)
    if listed is not None:
        return listed
    own = load_own_classes(make_family(registry, recipe), recipe.model, embeddings=False)
    return read_own_taxonomy(registry, recipe.model, own)


def find_preferred_language(registry: Registry, language: str | None) -> str:
    """Returns the language of common names: the given one, else the user's setting."""
    from bioclip_x.cli.recipe_flags import resolve

    recipe, _ = resolve(registry, file=None, plugins=(), flags={"language": language})
    return recipe.language


def print_notes(taxonomy: Taxonomy) -> None:
    """Prints the notes of a taxonomy on stderr."""
    from bioclip_x.messages import escape_controls

    for note in taxonomy.notes:
        click.echo(f"note: {escape_controls(note)}", err=True)
