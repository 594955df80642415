"""Where the subcommands' trees come from: a file, or the list that a model brings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bioclip_x.errors import RecipeError
from bioclip_x.registry import Registry

if TYPE_CHECKING:
    from bioclip_x.taxonomy import Taxonomy
    from bioclip_x.taxonomy.name_usages import SeveralParents

_READING = [
    click.option("--taxonomy-format", metavar="NAME", help="The files' reader; by default seen from the content."),
    click.option("--dag", type=click.Choice(["refuse", "first", "all"]),
                 help="A node with several parents: an error, its first parent, or a copy under each.  [default: refuse]"),
]  # fmt: skip


def add_reading_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds how files are read: --taxonomy-format and --dag."""
    for option in reversed(_READING):
        function = option(function)
    return function


def add_source_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds FILE or --model, and how the file is read."""
    function = click.option("--model", metavar="M", help="The tree that this model brings, instead of a file.")(
        add_reading_options(function)
    )
    return click.argument("file", type=click.Path(path_type=Path), required=False)(function)


def read_file(
    registry: Registry, file: Path, taxonomy_format: str | None, dag: SeveralParents | None, *, afresh: bool = False
) -> Taxonomy:
    """What took long to read is taken from the cache of compiled trees, unless it is to be read afresh.

    Raises TaxonomyError.
    """
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
) -> Taxonomy:
    """The tree of a file, or else of a model; of the default model if neither is given. Needs no weights.

    Raises RecipeError where both are given, and TaxonomyError.
    """
    if file is None:
        return load_model_tree(registry, {"model": model})
    if model is not None:
        raise RecipeError(f"expected a file or a model, got both: {file} and --model {model}")
    return read_file(registry, file, taxonomy_format, dag)


def load_model_tree(registry: Registry, fields: dict[str, Any]) -> Taxonomy:
    """The tree that `classify` would take with these fields of the recipe."""
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
    """The language of common names: the one given, or the user's own setting."""
    from bioclip_x.cli.recipe_flags import resolve

    recipe, _ = resolve(registry, file=None, plugins=(), flags={"language": language})
    return recipe.language


def print_notes(taxonomy: Taxonomy) -> None:
    """What was odd in a file, on stderr."""
    from bioclip_x.messages import escape_controls

    for note in taxonomy.notes:
        click.echo(f"note: {escape_controls(note)}", err=True)
