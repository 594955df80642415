"""Reads what is there of truncated image files, and measures how much that is.

Pillow has a switch for this, but it applies to the whole process.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import IO, Final

import numpy as np
from PIL import Image

from bioclip_x.errors import ImageError

ENOUGH: Final = 0.75
"""The smallest share of a truncated file that is read."""

_END: Final = b"\xff\xd9"
_SCAN: Final = b"\xff\xda"
_READ: Final = 1 << 20
_FILL: Final = b"\x55"
"""What stands in for the missing data of a JPEG, to find where it matters: any bits that are not zero."""
_ZEROS: Final = 64
"""Zeros at the end of a JPEG that no camera writes as its image's data: the file was reserved, and never filled."""


def is_zero_filled(tail: bytes) -> bool:
    """Whether a JPEG file with these last bytes was reserved on the disk but not written to its end."""
    return len(tail) >= _ZEROS and not any(tail[-_ZEROS:])


@dataclass(frozen=True, slots=True)
class Part:
    """What is there of a truncated image, loaded. share: of the file, in [0, 1]. words: the same, for messages."""

    image: Image.Image
    share: float
    words: str


def read_truncated(data: bytes, formats: tuple[str, ...]) -> Part:
    """Decodes what is there of a truncated image.

    The missing pixels of a JPEG continue the last ones; those of other formats are black.
    data: the whole file. formats: Pillow's, that may be tried.
    Raises ImageError for a format or a file of which no part can be decoded.
    """
    try:
        if not data.startswith(b"\xff\xd8"):
            return _load_rows(data, formats)
        data = data.rstrip(b"\0")
        image = _load(data + _END, formats)
        return _measure_passes(image, data) if image.info.get("progressive") else _measure_rows(image, data, formats)
    except Exception as problem:  # decoders raise almost anything on broken files
        raise ImageError(f"the file is truncated: {problem}") from problem


def _load(data: bytes, formats: tuple[str, ...]) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=formats)
    image.load()
    return image


def _measure_rows(image: Image.Image, data: bytes, formats: tuple[str, ...]) -> Part:
    """Measures a JPEG by the pixels that precede the first one that depends on what stands in for the missing data."""
    filled = _load(data + _FILL * len(data) + _END, formats)
    differs_HW = np.not_equal(np.asarray(image), np.asarray(filled)).reshape(image.height, image.width, -1).any(2)
    rows = np.flatnonzero(differs_HW.any(1))
    if not rows.size:
        return _make_part(image, 1.0)
    row = round(rows[0] / 8) * 8  # smoothed chroma differs a row above
    columns = np.flatnonzero(differs_HW[row : row + 4].any(0))
    left = columns[0] / image.width if columns.size else 0.0
    unit = 8 * max((layer[2] for layer in getattr(image, "layer", ())), default=2)  # rows of a coded unit
    return _make_part(image, min(1.0, (row + min(unit, image.height - row) * left) / image.height))


def _load_rows(data: bytes, formats: tuple[str, ...]) -> Part:
    """Loads rows up to the one where the data ends, and measures them: the others, below or above, are left zero."""
    image = Image.open(io.BytesIO(data), formats=formats)
    if image.info.get("interlace") or _is_interlaced_gif(image):
        raise ImageError("of an interlaced image no part is whole")
    with suppress(OSError):
        image.load()
    image.tile = []
    rows = np.flatnonzero(np.asarray(image).reshape(image.height, -1).any(1))
    return _make_part(image, (rows[-1] - rows[0] + 1) / image.height if rows.size else 0.0)


def _is_interlaced_gif(image: Image.Image) -> bool:
    return image.format == "GIF" and any(tile[3][1] for tile in getattr(image, "tile", ()))


def _make_part(image: Image.Image, share: float) -> Part:
    return Part(image, float(share), f"{min(99.9, 100 * share):.3g}%")


def _measure_passes(image: Image.Image, data: bytes) -> Part:
    """Measures a progressive JPEG by its passes.

    Each pass (ITU T.81, annex G) brings some coefficients of some components but for their lowest bits, or one bit more.
    The last one is 10 to 30% of libjpeg's files, by quality, so that a file that ends in it is `ENOUGH`.
    """
    factors: dict[int, int] = {}
    exact = {
        (c, k) for components, band, below in _list_scans(data, factors) if below == 0 for c in components for k in band
    }
    share = sum(factors.get(c, 0) for c, _ in exact) / max(1, 64 * sum(factors.values()))
    if share == 1:
        return Part(image, 1.0, "all but the end of its last pass")
    return _make_part(image, share * ENOUGH)


def has_many_scans(stream: IO[bytes], most: int) -> bool:
    """Whether a JPEG has more passes than `most`, before its end. The stream's position is kept.

    Decoders go over the whole image for each of them, however few bytes it has.
    """
    position = stream.tell()
    stream.seek(0)
    try:
        count, end = 0, b""
        while count <= most and (part := stream.read(_READ)):
            count += (end + part).count(_SCAN)
            end = part[-1:]
        if count <= most:  # nearly always; the bytes may also stand in a preview, or behind the image
            return False
        stream.seek(0)
        return sum(1 for _ in islice(_list_starts(stream.read(), _SCAN[1]), most + 1)) > most
    finally:
        stream.seek(position)


def _list_starts(data: bytes, wanted: int) -> Iterator[int]:
    """Yields the positions of the segments of one kind, up to the end of the image."""
    start = 2
    while 0 <= start < len(data) - 4 and data[start + 1] != _END[1]:
        if data[start + 1] == wanted:
            yield start
        start = _find_marker(data, start + 2 + int.from_bytes(data[start + 2 : start + 4], "big"))


def _list_scans(data: bytes, factors: dict[int, int]) -> Iterator[tuple[bytes, range, int]]:
    """Yields each pass's components, coefficients, and the number of low bits that it leaves out.

    factors: filled with each component's number of samples per coded unit.
    """
    start = 2
    while 0 <= start < len(data) - 4:
        kind, length = data[start + 1], int.from_bytes(data[start + 2 : start + 4], "big")
        body = data[start + 4 : start + 2 + length]
        if kind == 0xC2:
            factors |= {body[i]: (body[i + 1] >> 4) * (body[i + 1] & 15) for i in range(6, 6 + 3 * body[5], 3)}
        if kind == 0xDA and len(body) >= 2 * body[0] + 4:
            first, last, bits = body[2 * body[0] + 1 :][:3]
            yield body[1 : 2 * body[0] : 2], range(first, last + 1), bits & 15
        start = _find_marker(data, start + 2 + length)


def _find_marker(data: bytes, start: int) -> int:
    """Returns the position of the next marker, -1 if there is none. In coded data, FF is followed by 0 or a restart."""
    while (start := data.find(b"\xff", start)) >= 0 and start + 1 < len(data):
        if data[start + 1] not in (0, 0xFF) and not 0xD0 <= data[start + 1] <= 0xD7:
            return start
        start += 1
    return -1
