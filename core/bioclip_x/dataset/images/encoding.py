"""What is written of an image: its file as it is, or a JPEG."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from typing import Any, Final

from PIL import ExifTags, Image

from bioclip_x.dataset.config import Images
from bioclip_x.dataset.images.places import Place
from bioclip_x.errors import ImageError
from bioclip_x.images.files import ImageFiles
from bioclip_x.records import Source

CHANGED: Final = "changed while the data set was built"
"""Before the reason: the next run reads the image again."""
KEPT_FORMATS: Final[Mapping[str, str]] = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
"""Formats whose files are written as they are, and the names of their members: what BioCLIP reads."""


def encode_image(files: ImageFiles, settings: Images, sample: Mapping[str, Any]) -> tuple[str, bytes]:
    """Returns the suffix and the content of the image's file in the shard. Raises ImageError with the reason.

    JPEG, PNG and WebP files are kept as they are if they are small enough, upright and in RGB or grey; all others become JPEGs.
    """
    raw = read_unchanged(sample)
    if suffix := _find_kept_suffix(raw, settings):
        return suffix, raw
    image = resize(files.read(Source(sample["image"], data=raw)).image, settings)
    stream = io.BytesIO()
    try:
        image.save(stream, "JPEG", quality=settings.quality)
    except (OSError, ValueError) as problem:  # a side of more than 65,535 pixels
        raise ImageError(f"cannot be written as a JPEG file of {image.width} × {image.height} pixels") from problem
    return "jpg", stream.getvalue()


def read_unchanged(sample: Mapping[str, Any]) -> bytes:
    """Reads the bytes of an image. Raises ImageError, which begins with `CHANGED`, unless they are those that were judged."""
    try:
        raw = Place(sample["file"], sample["offset"], sample["size"]).read()
    except ImageError as problem:
        raise ImageError(f"{CHANGED}: {problem}") from None
    if hashlib.sha256(raw).digest() != sample["sha256"]:
        raise ImageError(f"{CHANGED}: the file has other bytes")
    return raw


def resize(image: Image.Image, settings: Images) -> Image.Image:
    """Reduces an image to the configured size; a smaller one stays, unless both sides are set (squash)."""
    if settings.size is None:
        return image
    if settings.resize == "squash":
        return image.resize((settings.size, settings.size), Image.Resampling.BICUBIC)
    factor = settings.size / min(image.size)
    if factor >= 1:
        return image
    width, height = (max(1, round(side * factor)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)


def _find_kept_suffix(raw: bytes, settings: Images) -> str:
    """Returns the suffix of a file that is kept as it is, "" for another."""
    size = settings.size
    try:
        with Image.open(io.BytesIO(raw)) as image:
            is_upright = image.getexif().get(ExifTags.Base.Orientation, 1) == 1
            is_squashed = settings.resize == "squash"
            is_small = size is None or (image.size == (size, size) if is_squashed else min(image.size) <= size)
            is_plain = image.mode in ("RGB", "L") and getattr(image, "n_frames", 1) == 1
            if not (is_upright and is_small and is_plain):
                return ""
            if settings.truncated == "read":  # a file without its end may be among them, which other readers refuse
                image.load()
            return KEPT_FORMATS.get(image.format or "", "")
    except Exception:  # of a format that a plugin reads, or truncated
        return ""
