"""Decodes image files to upright RGB images, or raises ImageError with the reason."""

from __future__ import annotations

import io
import math
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Final, Literal

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from bioclip_x.errors import ImageError
from bioclip_x.faults import abbreviate, describe, summarise
from bioclip_x.hooks.components import ImageDecoder
from bioclip_x.images.file_types import HEAD_BYTES, FileType, identify
from bioclip_x.images.frames import select_first_frame
from bioclip_x.images.metadata import read_exif
from bioclip_x.images.pixel_range import (
    WIDE_MODES,
    SampleFormat,
    list_raw_modes,
    read_sample_format,
    read_significant_bits,
    scale_channels,
    scale_to_8_bits,
    swap_bytes,
)
from bioclip_x.images.places.pipes import read_pipe
from bioclip_x.images.truncation import ENOUGH, has_many_scans, is_zero_filled, read_truncated
from bioclip_x.limits import ASPECT_RATIO, JPEG_SCANS
from bioclip_x.prints import diverted
from bioclip_x.records import OpenedImage
from bioclip_x.records.features import Metadata

DRAFT_GAP: Final = 2.0
"""How much larger than needed a shrunk JPEG stays, so that resizing it gives nearly what resizing the whole image gives.

The value with which Pillow's `reducing_gap` is "indistinguishable from fair resampling" in most cases.
"""

Truncated = Literal["read", "refuse"]

THUMBNAIL: Final = 384
"""Pixels of a thumbnail's longer side."""

_ORIENTATION = ExifTags.Base.Orientation
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation → what makes it upright."""
_SWAPS_SIDES: Final = (5, 6, 7, 8)
_DARK: Final = 64
"""High bytes below this are those of 14 bits or fewer, stored in 16."""


def open_image(path: Path) -> Image.Image:
    """Reads an image file in one of Pillow's formats (`file_types.READABLE`) as upright RGB.

    Raises ImageError for a file that is missing, empty, truncated or not an image, and for one that declares more than
    twice PIL.Image.MAX_IMAGE_PIXELS (a decompression bomb).
    """
    return decode_file(path, {}, "refuse").image


def decode_file(
    path: Path, decoders: Mapping[str, ImageDecoder], truncated: Truncated, least_side: int | None = None
) -> OpenedImage:
    """Reads an image file as `decode_stream` does. Raises ImageError with the reason, also for one that cannot be opened."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ImageError("a folder, not an image")
        if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode) or stat.S_ISSOCK(status.st_mode):
            raise ImageError("a device, not an image")
        suffix = path.suffix.lower()
        if stat.S_ISFIFO(status.st_mode):  # read whole, because decoders seek
            return decode_stream(io.BytesIO(read_pipe(path)), suffix, decoders, truncated, least_side)
        with path.open("rb") as file:
            return decode_stream(file, suffix, decoders, truncated, least_side)
    except FileNotFoundError:
        raise ImageError("a broken link" if path.is_symlink() else "no such file") from None
    except (OSError, ValueError) as problem:  # no permission, a name that is too long, a drive that is gone
        raise ImageError(f"cannot be read: {getattr(problem, 'strerror', None) or problem}") from problem


def decode_stream(
    stream: IO[bytes],
    suffix: str,
    decoders: Mapping[str, ImageDecoder],
    truncated: Truncated,
    least_side: int | None = None,
) -> OpenedImage:
    """Decodes an image file as upright RGB; see `to_rgb`.

    stream: at its beginning, seekable. suffix: of the file, lower case; "" if unknown. decoders: by name, asked in this
    order before Pillow. truncated: read what is there of a file that lacks its end, if that is `ENOUGH`, or refuse it.
    least_side: if given, a JPEG is decoded at 1/2, 1/4 or 1/8 of its size, which is faster, where its sides stay `DRAFT_GAP`
    times as long as this.
    Raises ImageError with the reason.
    """
    try:
        head = stream.read(HEAD_BYTES)
        stream.seek(0)
        if not head:
            raise ImageError("the file is empty")
        for decoder in decoders.values():
            if opened := _try_decoder(decoder, stream, head, suffix):
                rgb = to_rgb(opened.image, opened.notes)
                return replace(rgb, metadata={**rgb.metadata, **opened.metadata})
        return _decode_with_pillow(stream, identify(head, suffix), truncated, least_side)
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError("damaged, or stored in a way that Pillow cannot read") from None
    except Image.DecompressionBombError as problem:
        raise ImageError(f"too large: {problem}") from None
    except MemoryError:
        raise ImageError("too large for this machine's memory") from None
    except OSError as problem:
        reason = f"cannot be read: {problem.strerror}" if problem.errno else f"cannot be decoded: {problem}"
        raise ImageError(reason) from problem
    except Exception as problem:  # decoders raise almost anything on broken files
        raise ImageError(f"cannot be decoded: {problem}") from problem


def _try_decoder(decoder: ImageDecoder, stream: IO[bytes], head: bytes, suffix: str) -> OpenedImage | None:
    """Returns what a plugin's decoder reads, None if the file is not of its format. Raises ImageError naming the decoder."""
    method = "recognises"
    try:
        with diverted():
            if not decoder.recognises(head, suffix):
                return None
            method = "decode"
            opened = decoder.decode(stream)
    except (ImageError, MemoryError, KeyboardInterrupt):
        raise
    except BaseException as problem:  # a panic of a library in Rust, or sys.exit, must not end the run
        raise ImageError(f"{describe(decoder)} failed in {method}: {summarise(problem)}") from problem
    if not isinstance(opened, OpenedImage):
        raise ImageError(f"{describe(decoder)} returned {abbreviate(opened)} from decode; expected an OpenedImage")
    return opened


def _decode_with_pillow(
    stream: IO[bytes], file_type: FileType | None, truncated: Truncated, least_side: int | None
) -> OpenedImage:
    """Decodes a file of one of Pillow's formats. Raises ImageError for other types, with a remedy."""
    if file_type is None:
        raise ImageError("not an image, or of a format that cannot be read")
    if not file_type.pillow:
        raise ImageError(f"{file_type.name}; {file_type.remedy}")
    formats = (file_type.pillow,)
    significant_bits = read_significant_bits(stream) if file_type.pillow == "PNG" else None
    with Image.open(stream, formats=formats) as image:
        _refuse_narrow(image)
        if file_type.pillow == "JPEG" and has_many_scans(stream, JPEG_SCANS):
            raise ImageError(f"a JPEG of more than {JPEG_SCANS} scans, each of which takes as long as a whole image")
        notes = select_first_frame(image)
        whole_size = image.size
        given = read_sample_format(image, significant_bits)
        has_wide_channels = image.mode not in WIDE_MODES and any(";16" in mode for mode in list_raw_modes(image))
        if least_side and file_type.pillow == "JPEG":
            image.draft(image.mode, (math.ceil(least_side * DRAFT_GAP),) * 2)
        try:
            if file_type.pillow == "JPEG" and _ends_in_zeros(stream):
                raise OSError("image file is truncated: its end is zeros")
            metadata = _load(image)
        except OSError as problem:
            if "truncated" not in str(problem).lower():
                raise
            partial, note = _decode_truncated(stream, formats, truncated)
            return convert_to_rgb(partial, partial, (*notes, note), given, read_exif(partial))
        if has_wide_channels:
            scaled, note = _scale_wide_channels(image, stream, formats, given)
            return convert_to_rgb(scaled, image, (*notes, *([note] if note else [])), given, metadata)
        opened = convert_to_rgb(image, image, notes, given, metadata)
        if image.size == whole_size:
            return opened
        is_turned = _read_orientation(image) in _SWAPS_SIDES
        return replace(opened, whole_size=whole_size[::-1] if is_turned else whole_size)


def _decode_truncated(stream: IO[bytes], formats: tuple[str, ...], truncated: Truncated) -> tuple[Image.Image, str]:
    """Decodes what is there of a truncated file; returns it with a note. Raises ImageError if that is not `ENOUGH`."""
    stream.seek(0)
    part = read_truncated(stream.read(), formats)
    if part.share < ENOUGH:
        raise ImageError(f"the file is truncated: {part.words} of it is there; at least {ENOUGH:.0%} are needed")
    if truncated == "refuse":
        raise ImageError(f"the file is truncated: {part.words} of it is there; --truncated read takes that")
    return part.image, f"file truncated: {part.words} read"


def _ends_in_zeros(stream: IO[bytes]) -> bool:
    """Whether a JPEG's data ends in zeros that were never written. Cameras may pad a complete file with them.

    The stream's position is kept.
    """
    position = stream.tell()
    end = stream.seek(0, os.SEEK_END)
    tail = b""
    try:
        while end > 0 and not tail.strip(b"\0"):
            start = max(0, end - HEAD_BYTES)
            stream.seek(start)
            tail, end = stream.read(end - start) + tail, start
            if not is_zero_filled(tail):
                return False
        return not tail.rstrip(b"\0").endswith(b"\xff\xd9")
    finally:
        stream.seek(position)


def _scale_wide_channels(
    image: Image.Image, stream: IO[bytes], formats: tuple[str, ...], given: SampleFormat
) -> tuple[Image.Image, str]:
    """Scales a loaded colour image of 16 bits per channel, of which Pillow kept the high bytes; returns it with a note.

    Bright images of full range are left as they are: the low bytes would add nothing to 8 bits.
    """
    is_full = given.maximum is None or given.maximum >= 2**16 - 1
    if is_full and np.asarray(image)[..., :3].max() >= _DARK:
        return image, ""
    stream.seek(0)
    with Image.open(stream, formats=formats) as low:
        low.seek(image.tell())
        if is_swapped := swap_bytes(low):
            low.load()
        return scale_channels(image, low if is_swapped else None, given)


def to_rgb(image: Image.Image | None, notes: Sequence[str] = ()) -> OpenedImage:
    """Converts an image in memory to upright RGB; see `convert_to_rgb`. notes: of whoever opened it."""
    if image is None:
        raise ImageError("there is no image")
    _refuse_narrow(image)
    if getattr(image, "tile", ()):  # a file that is not loaded yet
        notes = (*notes, *select_first_frame(image))
    given = read_sample_format(image)
    return convert_to_rgb(image, image, notes, given, metadata=_load(image))


def _load(image: Image.Image) -> Metadata:
    """Loads the pixels; returns what the EXIF data says."""
    if image.format != "TIFF":
        image.load()  # before: a PNG's EXIF data may stand behind the pixels, and asking for it would load them unchecked
        return read_exif(image)
    metadata = read_exif(image)  # loading closes the file, which has the data
    image.load()
    return metadata


def convert_to_rgb(
    image: Image.Image, original: Image.Image, notes: Sequence[str], given: SampleFormat, metadata: Metadata
) -> OpenedImage:
    """Converts a loaded image to upright RGB: transparency over white, wide samples scaled to 8 bits, palettes converted.

    Returns the image itself if there is nothing to convert, since copies of large images in every thread take much memory.
    original: has the EXIF data. metadata: read from it.
    given: the format of the samples. notes: those on the range of wide samples are added.
    """
    if image.mode in WIDE_MODES:
        image, note = scale_to_8_bits(image, given)
        notes = (*notes, note) if note else notes
    image = _make_upright(image, original)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    return OpenedImage(rgb, tuple(notes), metadata)


def _refuse_narrow(image: Image.Image) -> None:
    """Raises ImageError if the sides' ratio exceeds ASPECT_RATIO."""
    if min(image.size) == 0 or max(image.size) > ASPECT_RATIO * min(image.size):
        raise ImageError(f"too narrow: {image.width} x {image.height} pixels; the limit is {ASPECT_RATIO} to 1")


def _make_upright(image: Image.Image, original: Image.Image) -> Image.Image:
    """Turns an image according to the EXIF data of the original."""
    turn = _TURNS.get(_read_orientation(original))
    return image if turn is None else image.transpose(turn)


def _read_orientation(image: Image.Image) -> int:
    """Returns the orientation in the EXIF data, 1 (upright) without any, and if they are damaged."""
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # the parser raises almost anything on damaged metadata
        return 1
    return orientation if orientation in _TURNS else 1


def make_thumbnail(image: Image.Image, size: int = THUMBNAIL) -> bytes:
    """Encodes a JPEG of at most `size` pixels per side."""
    small = image.copy()
    small.thumbnail((size, size))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=82)
    return buffer.getvalue()
