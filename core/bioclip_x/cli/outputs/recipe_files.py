"""The files that a recipe reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bioclip_x.hooks.components import Kind
from bioclip_x.hooks.options import ComponentRef
from bioclip_x.hooks.registry import Registry
from bioclip_x.models import find_classifier_ref
from bioclip_x.recipe import FILES, Recipe


def iterate_input_files(registry: Registry, recipe: Recipe) -> Iterator[tuple[str, Path]]:
    """Yields the flag and the path of each file that a recipe names, whether it exists or not."""
    for field in FILES:
        if (path := getattr(recipe, field)) is not None:
            yield f"--{field.replace('_', '-')}", path
    if isinstance(recipe.calibration, Path):
        yield "--calibration", recipe.calibration
    if recipe.subset:
        from bioclip_x.taxonomy.editing.subset import parse_term  # imports numpy

        yield from (("--subset", term.file) for term in map(parse_term, recipe.subset) if term.file is not None)
    yield from (("--plugin", Path(name)) for name in recipe.plugins if name.endswith(".py"))
    if ref := find_classifier_ref(registry, recipe.model):
        yield from (("--model", path) for path in iterate_option_files(registry, "classifiers", ref))
    for field, kind, ref in recipe.list_components():
        yield from ((f"--{field}", path) for path in iterate_option_files(registry, kind, ref))


def iterate_option_files(registry: Registry, kind: Kind, ref: ComponentRef) -> Iterator[Path]:
    """Yields the options of a component that are paths, or texts that name an existing file."""
    for value in registry.options(kind, ref.name, ref.options).values() if ref.options else ():
        if isinstance(value, Path) or (isinstance(value, str) and value and Path(value).is_file()):
            yield Path(value)
