"""Reads what is there of truncated image files, and measures how much that is.

Pillow has a switch for this, but it applies to the whole process.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import numpy as np
from PIL import Image

from bioclip_x.errors import ImageError

ENOUGH: Final = 0.75
"""The smallest share of a truncated file that is read."""

_END: Final = b"\xff\xd9"
_FILL: Final = b"\x55"
"""What stands in for the missing data of a JPEG, to find where it matters: any bits that are not zero."""
_BLOCK: Final = 16
"""Rows and columns of a JPEG's largest coded unit."""
_ZEROS: Final = 64
"""Zeros at the end of a JPEG that no camera writes as its image's data: the file was reserved, and never filled."""


def is_zero_filled(tail: bytes) -> bool:
    """Whether a JPEG file with these last bytes was reserved on the disk but not written to its end."""
    return len(tail) >= _ZEROS and not any(tail[-_ZEROS:])


def read_truncated(data: bytes, formats: tuple[str, ...]) -> tuple[Image.Image, float]:
    """Decodes what is there of a truncated image; returns it, loaded, with the share of it that is there, in [0, 1].

    The missing pixels of a JPEG continue the last ones; those of other formats are black.
    data: the whole file. formats: Pillow's, that may be tried.
    Raises ImageError for a format or a file of which no part can be decoded.
    """
    try:
        if data.startswith(b"\xff\xd8"):
            data = data.rstrip(b"\0")
            image = _load(data + _END, formats)
            is_progressive = bool(image.info.get("progressive"))
            return image, _measure_passes(data) if is_progressive else _measure_rows(image, data, formats)
        return _load_partly(data, formats)
    except Exception as problem:  # decoders raise almost anything on broken files
        raise ImageError(f"the file is truncated: {problem}") from problem


def _load(data: bytes, formats: tuple[str, ...]) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=formats)
    image.load()
    return image


def _measure_rows(image: Image.Image, data: bytes, formats: tuple[str, ...]) -> float:
    """Returns the share of a JPEG's pixels that precede the first one that depends on what stands in for the missing data."""
    filled = _load(data + _FILL * len(data) + _END, formats)
    differs_HW = np.not_equal(np.asarray(image), np.asarray(filled)).reshape(image.height, image.width, -1).any(2)
    rows = np.flatnonzero(differs_HW.any(1))
    if not rows.size:
        return 1.0
    row = round(rows[0] / 8) * 8  # smoothed chroma differs a row above
    column = np.flatnonzero(differs_HW[row : row + _BLOCK].any(0))
    left = column[0] / image.width if column.size else 0.0
    return float(min(1.0, (row + min(_BLOCK, image.height - row) * left) / image.height))


def _load_partly(data: bytes, formats: tuple[str, ...]) -> tuple[Image.Image, float]:
    """Loads rows up to the one where the data ends, and measures them: the rows below are left zero."""
    image = Image.open(io.BytesIO(data), formats=formats)
    if image.info.get("interlace"):
        raise ImageError("of an interlaced image no part is whole")
    with suppress(OSError):
        image.load()
    image.tile = []  # type: ignore[attr-defined]
    rows = np.flatnonzero(np.asarray(image).reshape(image.height, -1).any(1))
    return image, float((rows[-1] + 1) / image.height) if rows.size else 0.0


def _measure_passes(data: bytes) -> float:
    """Returns the share of a progressive JPEG's coefficients and their bits that its passes bring; the last one counts half.

    Each pass (ITU T.81, annex G) brings some coefficients of some components but for their lowest bits, or one bit more.
    """
    factors: dict[int, int] = {}
    total: dict[tuple[int, int], int] = {}
    known: dict[tuple[int, int], float] = {}
    passes = list(_list_scans(data, factors))
    for number, (components, first, last, before, below) in enumerate(passes, start=1):
        for key in ((c, k) for c in components for k in range(first, last + 1)):
            if before == 0:
                total[key] = 1 + below
            known[key] = known.get(key, 0.0) + (0.5 if number == len(passes) else 1.0)
    weights = {(c, k): weight for c, weight in factors.items() for k in range(64)}
    found = sum(weight * min(1.0, known.get(key, 0.0) / total.get(key, 1)) for key, weight in weights.items())
    return found / max(1, sum(weights.values()))


def _list_scans(data: bytes, factors: dict[int, int]) -> Iterator[tuple[bytes, int, int, int, int]]:
    """Yields each scan's components, first and last coefficient, and the lowest bit before and after it.

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
            yield body[1 : 2 * body[0] : 2], first, last, bits >> 4, bits & 15
        start = _find_marker(data, start + 2 + length)


def _find_marker(data: bytes, start: int) -> int:
    """Returns the position of the next marker, -1 if there is none. In coded data, FF is followed by 0 or a restart."""
    while (start := data.find(b"\xff", start)) >= 0 and start + 1 < len(data):
        if data[start + 1] not in (0, 0xFF) and not 0xD0 <= data[start + 1] <= 0xD7:
            return start
        start += 1
    return -1
