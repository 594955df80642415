"""Images in memory: PIL images, arrays, tensors, bytes and open files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from PIL import Image

from bioclip_x.errors import ImageError
from bioclip_x.records import Source

if TYPE_CHECKING:
    import torch

    class BinaryFile(Protocol):
        def read(self) -> bytes: ...

    ImageLike = (
        str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryFile | Image.Image | np.ndarray | torch.Tensor
    )

CHANNELS: Final = (1, 3, 4)
EXPECTED: Final = (
    "expected a path, a URL, the bytes of an image file, an open binary file, a PIL image, or an RGB array or tensor "
    "[H, W], [H, W, C] or [C, H, W]"
)


def list_inputs(images: ImageLike | Iterable[ImageLike]) -> Iterable[Any]:
    """Returns the images of a single one, of an array of paths, of a batch [B, H, W, C] or [B, C, H, W], or of an iterable.

    Raises ImageError for anything else, naming what was expected.
    """
    if isinstance(images, str | os.PathLike | bytes | bytearray | memoryview | Image.Image) or hasattr(images, "read"):
        return [images]
    if isinstance(images, Mapping) or hasattr(images, "columns"):
        raise ImageError(
            f"got a {type(images).__name__}; pass its images or paths, such as its values or the column of paths"
        )
    if is_array(images):
        array: Any = images
        if not _holds_numbers(array):
            return list(array.ravel()) if hasattr(array, "ravel") else list(array)
        return array if array.ndim == 4 else [array]
    if not isinstance(images, Iterable):
        raise ImageError(f"{EXPECTED}, or many of them; got {type(images).__name__}")
    return images


def is_array(value: Any) -> bool:
    """Whether a value is an array or a tensor of any library."""
    return hasattr(value, "shape") and hasattr(value, "dtype") and hasattr(value, "__array__")


def _holds_numbers(array: Any) -> bool:
    return getattr(array.dtype, "kind", "f") not in "OSUT"


def make_memory_source(name: str, image: Any) -> Source:
    """Makes the source of an image in memory; one with an error if it is none.

    name: for images without a name of their own. An open file is read from its position to its end.
    """
    try:
        if isinstance(image, bytes | bytearray | memoryview):
            return Source(name, data=bytes(image))
        if hasattr(image, "read"):
            return _read_file(name, image)
        return Source(name, image=to_pil(image))
    except ImageError as problem:
        return Source(name, error=str(problem))


def _read_file(name: str, file: Any) -> Source:
    path = getattr(file, "name", "")
    name = path if isinstance(path, str) and path and not path.startswith("<") else name
    try:
        data = file.read()
    except Exception as problem:  # a closed file, a drive that is gone, a wrong encoding
        raise ImageError(f"cannot be read: {problem}") from problem
    if not isinstance(data, bytes | bytearray):
        raise ImageError('a file that is open as text; open it with mode "rb"')
    return Source(name, data=bytes(data))


def to_pil(image: Any) -> Image.Image:
    """Returns a PIL image unchanged, or converts an array or tensor of RGB, RGBA or grey values.

    Shapes: [H, W], [H, W, C] or [C, H, W], with C of 1, 3 or 4; where both fit, the last dimension is the channels in
    arrays, and the first in tensors. uint8, or floating point in [0, 1]. Raises ImageError for anything else.
    """
    if isinstance(image, Image.Image):
        return image
    if not is_array(image):
        raise ImageError(f"{EXPECTED}; got {type(image).__name__}")
    is_tensor = hasattr(image, "detach")
    pixels = _arrange(_to_numpy(image), channels_first=is_tensor)
    if np.issubdtype(pixels.dtype, np.floating):
        lowest, highest = float(pixels.min()), float(pixels.max())
        if not (np.isfinite(pixels).all() and lowest >= 0 and highest <= 1):
            raise ImageError(
                f"floating-point pixel values must lie in [0, 1], got {lowest:.3g} to {highest:.3g}; pass the image as it "
                "is before normalisation"
            )
        pixels = (pixels * 255).round().astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise ImageError(f"expected uint8 or floating point, got {pixels.dtype}")
    return Image.fromarray(pixels)


def _to_numpy(image: Any) -> np.ndarray:
    """Converts a tensor, on any device and of any precision, to an array."""
    if hasattr(image, "detach"):
        image = image.detach().cpu()
        image = image.float() if image.is_floating_point() else image
    return np.asarray(image)


def _arrange(pixels: np.ndarray, *, channels_first: bool) -> np.ndarray:
    """Returns the array as [H, W], [H, W, 3] or [H, W, 4], contiguous. Raises ImageError for other shapes."""
    if pixels.ndim == 3 and pixels.size:
        first, last = pixels.shape[0] in CHANNELS, pixels.shape[2] in CHANNELS
        if first and (channels_first or not last):
            pixels = np.moveaxis(pixels, 0, 2)
        if first or last:
            return np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    if pixels.ndim != 2 or pixels.size == 0:
        raise ImageError(
            f"expected an array [H, W], [H, W, C] or [C, H, W] with C of 1, 3 or 4, got shape {pixels.shape}"
        )
    return pixels
