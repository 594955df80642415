"""Decodes image files to upright RGB images, or raises ImageError with the reason."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from bioclip_x.errors import ImageError

MAX_ASPECT = 100
"""Largest ratio of the sides. Resizing the short side of a narrower image to the model's input would take excessive memory."""

_ORIENTATION = ExifTags.Base.Orientation
_SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N")


def open_image(path: Path) -> Image.Image:
    """Reads the first frame of an image file as RGB, rotated according to its EXIF data.

    Raises ImageError for a file that is missing, empty, truncated or not an image, and for one that declares more than
    twice PIL.Image.MAX_IMAGE_PIXELS (a decompression bomb).
    """
    try:
        if path.stat().st_size == 0:
            raise ImageError("the file is empty")
        with Image.open(path) as image:
            return to_rgb(image)
    except FileNotFoundError:
        raise ImageError("no such file") from None
    except IsADirectoryError:
        raise ImageError("a folder, not an image") from None
    except UnidentifiedImageError:
        raise ImageError("not an image, or of a format that Pillow cannot read") from None
    except ImageError:
        raise
    except Image.DecompressionBombError as problem:
        raise ImageError(f"too large: {problem}") from None
    except MemoryError:
        raise ImageError("too large for this machine's memory") from None
    except Exception as problem:  # decoders raise almost anything on broken files
        raise ImageError(f"cannot be decoded: {problem}") from problem


def to_rgb(image: Image.Image | None) -> Image.Image:
    """Converts an image to upright RGB: transparency over white, 16 bits scaled to 8, CMYK and palettes converted.

    Returns the image itself if there is nothing to convert, since copies of large images in every thread take much memory.

    Raises ImageError if the sides' ratio exceeds MAX_ASPECT.
    """
    if image is None:
        raise ImageError("there is no image")
    if max(image.size) > MAX_ASPECT * min(image.size):
        raise ImageError(f"too narrow: {image.width} x {image.height} pixels; the limit is {MAX_ASPECT} to 1")
    image.load()
    image = _make_upright(image)
    if image.mode in (*_SIXTEEN_BITS, "I", "F"):
        return Image.fromarray(_convert_to_8_bits(np.asarray(image), image.mode)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _make_upright(image: Image.Image) -> Image.Image:
    """Rotates an image according to its EXIF data, which is ignored if damaged."""
    try:
        return image if image.getexif().get(_ORIENTATION, 1) == 1 else ImageOps.exif_transpose(image)
    except Exception:  # the parser raises almost anything on damaged metadata
        return image


def _convert_to_8_bits(pixels_HW: np.ndarray, mode: str) -> np.ndarray:
    """Scales to uint8 [H, W]: 16-bit images by their full range, wider types as 16 bits if they fit, else by the maximum."""
    pixels = pixels_HW.astype(np.float64)
    if not np.isfinite(pixels).all():
        raise ImageError("has pixel values that are not finite")
    top = 65535.0 if mode in _SIXTEEN_BITS or 255 < pixels.max() <= 65535 else max(pixels.max(), 255.0)
    if mode == "F" and pixels.max() <= 1:
        top = 1.0
    return np.asarray((pixels.clip(0) / top * 255).round(), np.uint8)


def make_thumbnail(image: Image.Image, size: int = 384) -> bytes:
    """Encodes a JPEG of at most `size` pixels per side."""
    small = image.copy()
    small.thumbnail((size, size))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=82)
    return buffer.getvalue()
