"""What the user pointed at → pictures to read, one by one."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
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
"""Files taken from a folder. A file named outright is tried whatever its suffix."""


def expand(inputs: Iterable[ImageLike], stdin: TextIO | None = None) -> Iterator[Source]:
    """Folders (searched through, sorted), globs, files, `-` (paths on stdin, one a line), PIL images and arrays.

    A missing file is still a source: it becomes a row with an error. Raises ImageError for a folder or pattern that
    holds no picture at all.
    """
    for number, item in enumerate(inputs):
        if not isinstance(item, str | os.PathLike):
            yield Source(f"image {number}", image=to_pil(item))
        elif item == "-" and stdin is not None:
            yield from (Source(line, Path(line)) for raw in stdin if (line := raw.rstrip("\r\n")))
        else:
            yield from _expand_path(os.fspath(item))


def _expand_path(item: str) -> Iterator[Source]:
    path = Path(item)
    if path.is_dir():
        found = _pictures_below(path)
        first = next(found, None)
        if first is None:
            raise ImageError(f"the folder {item} holds no picture ({', '.join(sorted(SUFFIXES))})")
        yield Source(str(first), first)
        yield from (Source(str(p), p) for p in found)
    elif glob.has_magic(item) and not path.exists():
        matches = sorted(glob.glob(item, recursive=True))  # noqa: PTH207 - a pattern may be absolute
        if not matches:
            raise ImageError(f"nothing matches {item}")
        for match in matches:
            yield from _expand_path(match)
    else:
        yield Source(item, path)


def _pictures_below(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                yield Path(root, name)


def to_pil(image: Image | np.ndarray) -> Image:
    """A PIL image as it is; an array [H, W], [H, W, 3] or [H, W, 4], uint8, or floating point in [0, 1].

    Raises ImageError for any other shape, type or range.
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
            raise ImageError("a floating-point picture must lie in [0, 1]")
        pixels = (pixels * 255).round().astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise ImageError(f"expected uint8 or floating point, got {pixels.dtype}")
    return PilImage.fromarray(pixels)
