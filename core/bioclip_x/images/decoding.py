"""Any image file → an upright RGB image, or an ImageError that says why not."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from bioclip_x.errors import ImageError

MAX_ASPECT = 100
"""A model's resizing of a narrower image would need memory out of all proportion to the file."""


_ORIENTATION = ExifTags.Base.Orientation
_SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N")


def open_image(path: Path) -> Image.Image:
    """Reads the first frame of an image file as RGB, rotated as its EXIF data says.

    Raises ImageError for a file that is missing, empty, truncated or not an image, and for one that claims more than
    twice PIL.Image.MAX_IMAGE_PIXELS: a small file can claim a huge size (a decompression bomb).
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
        raise ImageError("not an image, or of a kind that Pillow cannot read") from None
    except ImageError:
        raise
    except Image.DecompressionBombError as problem:
        raise ImageError(f"too large: {problem}") from None
    except MemoryError:
        raise ImageError("too large for this machine's memory") from None
    except Exception as problem:  # decoders raise almost anything on broken files
        raise ImageError(f"cannot be decoded: {problem}") from problem


def to_rgb(image: Image.Image | None) -> Image.Image:
    """Upright and RGB: transparency over white, 16 bits scaled to 8, CMYK and palettes converted.

    The image itself where it is that already: copies of large ones, in every thread, are what memory goes into.

    Raises ImageError for a narrower shape than MAX_ASPECT.
    """
    if image is None:
        raise ImageError("there is no image")
    if max(image.size) > MAX_ASPECT * min(image.size):
        raise ImageError(f"too narrow: {image.width} x {image.height} pixels, at most {MAX_ASPECT} to 1 are read")
    image.load()
    image = _upright(image)
    if image.mode in (*_SIXTEEN_BITS, "I", "F"):
        return Image.fromarray(_to_8_bits(np.asarray(image), image.mode)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    """Rotated as EXIF says; an image whose EXIF data is damaged is taken as it lies."""
    try:
        return image if image.getexif().get(_ORIENTATION, 1) == 1 else ImageOps.exif_transpose(image)
    except Exception:  # whatever the metadata's parser makes of damaged bytes
        return image


def _to_8_bits(pixels_HW: np.ndarray, mode: str) -> np.ndarray:
    """uint8 [H, W]. 16-bit images by their full range; wider numbers as 16 bits where they fit, else by their largest."""
    pixels = pixels_HW.astype(np.float64)
    if not np.isfinite(pixels).all():
        raise ImageError("holds numbers that are not finite")
    top = 65535.0 if mode in _SIXTEEN_BITS or 255 < pixels.max() <= 65535 else max(pixels.max(), 255.0)
    if mode == "F" and pixels.max() <= 1:
        top = 1.0
    return np.asarray((pixels.clip(0) / top * 255).round(), np.uint8)


def make_thumbnail(image: Image.Image, size: int = 384) -> bytes:
    """A JPEG of at most `size` pixels a side."""
    small = image.copy()
    small.thumbnail((size, size))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=82)
    return buffer.getvalue()
