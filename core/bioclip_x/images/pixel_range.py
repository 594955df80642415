"""Scales images of more than 8 bits per channel to 8, by the range that the file states or, with a note, by its pixels.

Legend: H and W pixels, C channels.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from bioclip_x.errors import ImageError

SIXTEEN_BITS: Final = ("I;16", "I;16B", "I;16L", "I;16N")
WIDE_MODES: Final = (*SIXTEEN_BITS, "I", "F")
"""Pillow's modes of one channel of more than 8 bits."""

_DEPTHS: Final = (8, 10, 12, 14, 16)
"""Numbers of bits that cameras and scanners store in 16 or 32."""
_PADDED: Final = (16, 32)
"""Sample sizes that may hold fewer bits; others, such as 12, are the samples' own."""
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_MINIMA, _MAXIMA = (340, 280), (341, 281)
"""SMinSampleValue and MinSampleValue, SMaxSampleValue and MaxSampleValue."""


@dataclass(frozen=True, slots=True)
class SampleFormat:
    """What a file states of its samples. bits: of each. minimum, maximum: None if not stated."""

    bits: int
    kind: Literal["unsigned", "signed", "float"] = "unsigned"
    minimum: float | None = None
    maximum: float | None = None
    white_is_zero: bool = False


@dataclass(frozen=True, slots=True)
class SampleRange:
    """The values of black and white. note: "" if the file states them, else what was assumed."""

    black: float
    white: float
    note: str = ""


def read_sample_format(image: Image.Image, significant_bits: int | None = None) -> SampleFormat:
    """Reads the sample format of an open image from its metadata, else from its mode.

    significant_bits: as stated by a PNG (`read_significant_bits`).
    """
    if isinstance(image, TiffImageFile):
        tags = image.tag_v2
        return SampleFormat(
            bits=int(_first(tags, _BITS_PER_SAMPLE) or 16),
            kind={2: "signed", 3: "float"}.get(int(_first(tags, _SAMPLE_FORMAT) or 1), "unsigned"),  # type: ignore[arg-type]
            minimum=next((v for tag in _MINIMA if (v := _first(tags, tag)) is not None), None),
            maximum=next((v for tag in _MAXIMA if (v := _first(tags, tag)) is not None), None),
            white_is_zero=_first(tags, _PHOTOMETRIC) == 0,
        )
    if image.mode == "F":
        return SampleFormat(32, "float")
    if image.mode == "I" and image.format not in ("PNG", "PPM"):
        return SampleFormat(32, "signed")
    # The samples of a PNG with fewer significant bits fill the whole range, unless its writer forgot to scale them.
    return SampleFormat(16, maximum=2.0**significant_bits - 1 if significant_bits else None)


def read_significant_bits(stream: IO[bytes]) -> int | None:
    """Reads the number of significant bits (sBIT) of the first channel of a PNG, None if it is not stated.

    stream: at its beginning, to which it returns.
    """
    stream.seek(len(_PNG))
    try:
        while len(header := stream.read(8)) == 8 and header[4:] not in (b"IDAT", b"IEND"):
            length = int.from_bytes(header[:4], "big")
            if header[4:] == b"sBIT":
                return next(iter(stream.read(1)), None)
            stream.seek(length + 4, os.SEEK_CUR)
        return None
    finally:
        stream.seek(0)


def _first(tags: Any, tag: int) -> float | None:
    """Returns a TIFF tag as a number; None if it is absent or no number."""
    value = tags.get(tag)
    value = value[0] if isinstance(value, tuple) and value else value
    return float(value) if isinstance(value, int | float) else None


def find_range(lowest: float, highest: float, given: SampleFormat) -> SampleRange:
    """Finds the values of black and white. lowest, highest: of the image's samples.

    A stated maximum that is exceeded is not believed. Where none is stated, samples of 16 or 32 bits are taken to have the
    fewest customary bits that hold the brightest one.
    """
    if given.maximum is not None and highest <= given.maximum and (given.minimum or 0) < given.maximum:
        return SampleRange(min(given.minimum or 0.0, lowest), given.maximum)
    if lowest < 0:
        return SampleRange(
            lowest, max(highest, lowest + 1), f"range {lowest:g} to {highest:g} assumed from the pixels' own"
        )
    if given.kind == "float":
        white = next((top for top in (1.0, 255.0, 65535.0) if highest <= top), highest)
        return SampleRange(
            0.0, white, f"range 0 to {white:g} of floating-point values assumed from the brightest pixel"
        )
    if given.bits not in _PADDED:
        return SampleRange(0.0, 2.0**given.bits - 1)
    depths = (*_DEPTHS[:-1], 15, 16) if given.kind == "signed" else _DEPTHS
    bits = next((bits for bits in depths if highest < 2**bits), given.bits)
    if bits > 16:
        return SampleRange(0.0, highest, f"range 0 to {highest:g} assumed from the brightest pixel")
    note = f"{bits} of {given.bits} bits assumed from the brightest pixel" if bits < given.bits and highest > 0 else ""
    return SampleRange(0.0, 2.0**bits - 1, note)


def scale_to_8_bits(image: Image.Image, given: SampleFormat) -> tuple[Image.Image, str]:
    """Converts an image of one of `WIDE_MODES` to mode L; returns it with a note on its range, "" if the file states it.

    Raises ImageError for samples that are not finite.
    """
    samples_HW = np.asarray(image)
    if image.mode == "I" and given.kind == "unsigned" and given.bits == 32:
        samples_HW = samples_HW.astype(np.uint32)  # Pillow reads unsigned numbers as signed ones
    scaled_HW, note = _scale(samples_HW, given)
    return Image.fromarray(scaled_HW), note


def _scale(samples: npt.NDArray[Any], given: SampleFormat) -> tuple[npt.NDArray[np.uint8], str]:
    if samples.dtype.kind == "f" and not np.isfinite(samples).all():
        raise ImageError("has pixel values that are not finite")
    found = find_range(float(samples.min()), float(samples.max()), given)

    def scale(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        share = ((values.astype(np.float64) - found.black) / (found.white - found.black)).clip(0, 1)
        return np.asarray((255 * (1 - share if given.white_is_zero else share)).round(), np.uint8)

    if samples.dtype.kind == "u" and samples.dtype.itemsize == 2:  # by a table, which takes less memory
        return scale(np.arange(2**16))[samples], found.note
    return scale(samples), found.note


def list_raw_modes(image: Image.Image) -> Iterator[str]:
    """Yields how the samples of an image that is not loaded yet are stored, in Pillow's terms ("RGB;16L")."""
    for tile in getattr(image, "tile", ()):
        arguments = tile[3]
        mode = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
        if isinstance(mode, str):
            yield mode


def swap_bytes(image: Image.Image) -> bool:
    """Makes an image of 16-bit channels, not loaded yet, load the low byte of each sample instead of the high one.

    Pillow keeps one byte of each sample of colour images. Returns False if the image is stored in another way.
    """
    swapped = {"16L": "16B", "16B": "16L", "16N": "16B" if sys.byteorder == "little" else "16L"}
    tiles = list(getattr(image, "tile", ()))
    for number, tile in enumerate(tiles):
        is_tuple = isinstance(tile[3], tuple)
        mode, _, end = str(tile[3][0] if is_tuple else tile[3]).rpartition(";")
        if end not in swapped:
            return False
        arguments = (f"{mode};{swapped[end]}", *tile[3][1:]) if is_tuple else f"{mode};{swapped[end]}"
        tiles[number] = tile._replace(args=arguments) if hasattr(tile, "_replace") else (*tile[:3], arguments)
    image.tile = tiles  # type: ignore[attr-defined]
    return bool(tiles)


def scale_channels(high: Image.Image, low: Image.Image | None, given: SampleFormat) -> tuple[Image.Image, str]:
    """Makes an 8-bit image, in the mode of `high`, of the high and low bytes of 16-bit channels; returns it with a note.

    low: None if it cannot be had; then few shades are left of samples of few bits. Opacity has a range of its own.
    """
    samples_HWC = np.asarray(high).astype(np.uint16) * 256
    samples_HWC += np.asarray(low) if low is not None else 0
    n_colours = samples_HWC.shape[2] - (high.mode in ("RGBA", "RGBa", "LA", "La"))
    colours, note = _scale(samples_HWC[..., :n_colours], given)
    opacity, _ = _scale(samples_HWC[..., n_colours:], given) if n_colours < samples_HWC.shape[2] else (None, "")
    scaled = colours if opacity is None else np.concatenate([colours, opacity], axis=2)
    return Image.frombytes(high.mode, high.size, scaled.tobytes()), note
