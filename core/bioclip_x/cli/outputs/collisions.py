"""Checks the outputs of a command against all that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bioclip_x.cli.outputs.overwrites import Named, refuse_overwriting
from bioclip_x.hooks.registry import Registry

if TYPE_CHECKING:
    from bioclip_x.recipe import Recipe

Paths = Mapping[str, "Path | str | Sequence[Path | str] | None"]
"""Flag → its file or files; None where it is not given."""


def check_outputs(
    outputs: Paths,
    inputs: Paths,
    *,
    recipe_files: Iterable[Named] = (),
    images: Sequence[str] = (),
) -> None:
    """Raises BioclipXError if an output would replace an input or another output.

    inputs: files of flags; a text that is no file, such as a list of labels, is ignored. recipe_files: those of
        `list_recipe_files`. images: files, folders and patterns; - cannot be checked.
    """
    written = list(_iterate_paths(outputs))

    def iterate_inputs() -> Iterator[Named]:
        yield from _iterate_paths(inputs)
        yield from recipe_files
        yield from _iterate_images(images, [path for _, path in written])

    refuse_overwriting(written, iterate_inputs())


def list_recipe_files(registry: Registry, *recipes: Recipe) -> list[Named]:
    """Lists the files that recipes read, with their flags."""
    from bioclip_x.cli.outputs.recipe_files import iterate_input_files

    return [named for recipe in recipes for named in iterate_input_files(registry, recipe)]


def _iterate_paths(files: Paths) -> Iterator[Named]:
    for flag, value in files.items():
        for path in () if value is None else (value,) if isinstance(value, (str, Path)) else value:
            if str(path) != "-":
                yield flag, Path(path)


def _iterate_images(images: Sequence[str], outputs: Sequence[Path]) -> Iterator[Named]:
    """Yields the images that might be one of the outputs: those in folders only if an output looks like an image.

    Listing a folder of a million images may take minutes.
    """
    from bioclip_x.images.file_types import SUFFIXES
    from bioclip_x.images.sources import expand_sources

    is_image = any(path.exists() and (path.suffix.lower() in SUFFIXES or path.stat().st_nlink > 1) for path in outputs)
    for name in images:
        if name == "-":
            continue
        if is_image:
            yield from (("the image", source.path) for source in expand_sources([name]) if source.path)
        else:
            yield "the image", Path(name)
