"""Any picture file → an upright RGB image, or an ImageError that says why not."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from bioclip_x.errors import ImageError

MAX_PIXELS = 250_000_000
"""Larger pictures are refused before they are decoded: a small file can claim a huge size (a decompression bomb)."""


MAX_ASPECT = 100
"""A model's resizing of a narrower picture would need memory out of all proportion to the file."""


def open_image(path: Path) -> Image.Image:
    """Reads the first frame of a picture file as RGB, rotated as its EXIF data says.

    Raises ImageError for a file that is missing, empty, truncated, too large or not a picture.
    """
    try:
        if path.stat().st_size == 0:
            raise ImageError("the file is empty")
        with warnings.catch_warnings():
            # Pillow warns of large pictures and of odd metadata; the size is checked here, the metadata is not used.
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                return to_rgb(image)
    except FileNotFoundError:
        raise ImageError("no such file") from None
    except IsADirectoryError:
        raise ImageError("a folder, not a picture") from None
    except UnidentifiedImageError:
        raise ImageError("not a picture, or of a kind that Pillow cannot read") from None
    except ImageError:
        raise
    except Image.DecompressionBombError as problem:
        raise ImageError(f"too large: {problem}") from None
    except MemoryError:
        raise ImageError("too large for this machine's memory") from None
    except Exception as problem:  # decoders raise almost anything on broken files
        raise ImageError(f"cannot be decoded: {problem}") from problem


def to_rgb(image: Image.Image) -> Image.Image:
    """An upright RGB copy: transparency over white, 16 bits scaled to 8, CMYK and palettes converted.

    Raises ImageError for more than MAX_PIXELS pixels or a narrower shape than MAX_ASPECT.
    """
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(f"too large: {image.width} x {image.height} pixels, at most {MAX_PIXELS:,} are read")
    if max(image.size) > MAX_ASPECT * min(image.size):
        raise ImageError(f"too narrow: {image.width} x {image.height} pixels, at most {MAX_ASPECT} to 1 are read")
    image.load()
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I", "F"):
        return Image.fromarray(_to_8_bits(np.asarray(image))).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _to_8_bits(pixels_HW: np.ndarray) -> np.ndarray:
    """uint8 [H, W]. Unsigned 16-bit data by its full range; other numbers by what they hold."""
    pixels = pixels_HW.astype(np.float64)
    if not np.isfinite(pixels).all():
        raise ImageError("holds numbers that are not finite")
    top = 65535.0 if 255 < pixels.max() <= 65535 else max(pixels.max(), 1.0)
    return np.asarray((pixels.clip(0) / top * 255).round(), np.uint8)


def thumbnail(image: Image.Image, size: int = 384) -> bytes:
    """A JPEG of at most `size` pixels a side."""
    small = image.copy()
    small.thumbnail((size, size))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=82)
    return buffer.getvalue()
