"""Expands the user's inputs (paths, folders, globs, arrays) to images."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from bioclip_x.errors import ImageError
from bioclip_x.records import Source

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    ImageLike = str | os.PathLike[str] | Image | np.ndarray

SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".avif"),
        *(".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico"),
    )
)
"""Suffixes of the image files in a folder. A file given by name is read regardless of its suffix."""


def check_sources(inputs: Sequence[ImageLike]) -> None:
    """Raises ImageError for a folder or pattern without images, and if no input exists.

    For checks before the work starts. If only some files are missing, these become results with an error.
    """
    named = [os.fspath(item) if isinstance(item, str | os.PathLike) else "" for item in inputs]
    if named and all(name and name != "-" and not glob.has_magic(name) and not Path(name).exists() for name in named):
        raise ImageError(f"{named[0]}: no such file or folder")
    for item in inputs:
        if isinstance(item, str | os.PathLike):
            first = next(_expand_path(os.fspath(item)), None)
            if first is not None and first.error:
                raise ImageError(f"{first.name}: {first.error}")


def expand_sources(inputs: Iterable[ImageLike], stdin: TextIO | None = None) -> Iterator[Source]:
    """Yields the images of folders (recursive, sorted), globs, files, `-` (paths on stdin, one per line), PIL images, arrays.

    Never raises: an input without images is a source with an error.
    """
    for number, item in enumerate(inputs):
        if not isinstance(item, str | os.PathLike):
            yield _make_memory_source(f"image {number}", item)
        elif item == "-" and stdin is not None:
            yield from _read_paths(stdin)
        else:
            yield from _expand_path(os.fspath(item))


def _make_memory_source(name: str, image: Image | np.ndarray) -> Source:
    try:
        return Source(name, image=to_pil(image))
    except ImageError as problem:
        return Source(name, error=str(problem))


def _read_paths(stdin: TextIO) -> Iterator[Source]:
    empty = True
    for raw in stdin:
        if line := raw.rstrip("\r\n"):
            empty = False
            yield from _expand_folder(Path(line)) if Path(line).is_dir() else [Source(line, Path(line))]
    if empty:
        yield Source("-", error="no paths on standard input")


def _expand_path(item: str) -> Iterator[Source]:
    path = Path(item)
    if path.is_dir():
        yield from _expand_folder(path)
    elif glob.has_magic(item) and not path.exists():
        matches = sorted(glob.glob(item, recursive=True))  # noqa: PTH207 - a pattern may be absolute
        if not matches:
            yield Source(item, error="nothing matches")
        for match in matches:
            yield from _expand_folder(Path(match)) if Path(match).is_dir() else [Source(match, Path(match))]
    else:
        yield Source(item, path)


def _expand_folder(folder: Path) -> Iterator[Source]:
    """Yields the images in a folder and below, sorted; unreadable folders as sources with an error. Follows no links."""
    unreadable: list[OSError] = []
    empty = True
    for root, folders, files in os.walk(folder, onerror=unreadable.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                empty = False
                yield Source(str(Path(root, name)), Path(root, name))
    for problem in unreadable:
        yield Source(str(problem.filename), error=f"the folder cannot be read: {problem.strerror}")
    if empty and not unreadable:
        yield Source(str(folder), error="the folder contains no images")


def to_pil(image: Image | np.ndarray) -> Image:
    """Returns a PIL image unchanged, or converts an array [H, W], [H, W, 3] or [H, W, 4].

    Arrays are uint8, or floating point in [0, 1]. Raises ImageError for any other shape, type or range.
    """
    import numpy as np
    from PIL import Image as PilImage

    if isinstance(image, PilImage.Image):
        return image
    if not isinstance(image, np.ndarray):
        raise ImageError(f"expected a path, a PIL image or a numpy array, got {type(image).__name__}")
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (3, 4)) or image.size == 0:
        raise ImageError(f"expected an array [H, W], [H, W, 3] or [H, W, 4], got shape {image.shape}")
    pixels: np.ndarray = image
    if np.issubdtype(pixels.dtype, np.floating):
        if not (np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1):
            raise ImageError("floating-point pixel values must lie in [0, 1]")
        pixels = (pixels * 255).round().astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise ImageError(f"expected uint8 or floating point, got {pixels.dtype}")
    return PilImage.fromarray(pixels)
