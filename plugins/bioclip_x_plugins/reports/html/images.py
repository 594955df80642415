"""Images inside the page: as they come, small for the index, and veiled by a heat map."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image

from bioclip_x.plugin import HeatMap

SMALL: Final = 96
"""Pixels a side, at most, of an image in the index: twice what it is shown at, for fine screens."""

LEVELS: Final = 32
EVEN: Final = 0.3
"""Where on the ramp a patch lies that has no more and no less than the others."""


def make_data_uri(image: bytes | None) -> str:
    """An address that holds the JPEG or PNG itself; "" where there is none."""
    if not image:
        return ""
    kind = "png" if image.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode('ascii')}"


def make_thumbnail(image: bytes | None) -> bytes | None:
    """The same, of at most SMALL pixels a side; None for what is no image."""
    if not image:
        return None
    try:
        with Image.open(io.BytesIO(image), formats=("JPEG", "PNG")) as opened:
            opened.draft("RGB", (SMALL, SMALL))
            reduced = opened.convert("RGB")
    except (OSError, SyntaxError, ValueError):
        return None
    reduced.thumbnail((SMALL, SMALL))
    return _saved(reduced, "JPEG", quality=72)


def spread(maps: Sequence[HeatMap]) -> float:
    """How far the highest patch of all lies above the mean of its map: the scale that the maps of one image share, so
    that a descriptor that is nowhere in particular looks it. 0 where all are even."""
    return max((float((_values(one) - _values(one).mean()).max()) for one in maps), default=0.0)


def make_overlay(heat_map: HeatMap, spread: float) -> bytes:
    """A PNG of a pixel per patch, to be laid over the image: dark where the similarity does not come from, clear where
    it does, and faintly golden at its strongest. The image's own colours stay visible, which most descriptors are about."""
    values_hw = _values(heat_map)
    above_hw = (values_hw - values_hw.mean()) / (spread or 1.0)
    levels_hw = np.clip(EVEN + (1 - EVEN) * above_hw, 0, 1) * (LEVELS - 1)
    image = Image.fromarray(levels_hw.round().astype(np.uint8))
    image.putpalette([channel for colour in RAMP for channel in colour[:3]])
    return _saved(image, "PNG", transparency=bytes(colour[3] for colour in RAMP), optimize=False)


def _values(heat_map: HeatMap) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    # What is not a number is as good as nothing in particular.
    values_hw = np.array(heat_map.values_hw, np.float64)
    finite_hw = np.isfinite(values_hw)
    return np.where(finite_hw, values_hw, values_hw[finite_hw].mean() if finite_hw.any() else 0.0)


def _ramp() -> tuple[tuple[int, int, int, int], ...]:
    """Red, green, blue and opacity, from nothing to the strongest."""
    clear, dark, gold = 0.6, (26, 20, 14), (255, 190, 40)
    steps = [level / (LEVELS - 1) for level in range(LEVELS)]
    return tuple(
        (*dark, round(255 * 0.84 * (1 - t / clear) ** 0.8)) if t < clear else
        (*gold, round(255 * 0.30 * (t - clear) / (1 - clear)))
        for t in steps
    )  # fmt: skip


RAMP: Final = _ramp()


def _saved(image: Image.Image, kind: str, **how: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def convert_to_corners(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Left, top, width and height in percent of the image, of a box of shares (left, top, right, bottom).

    The box may reach beyond the image, which the model then saw with a margin around it.

    >>> convert_to_corners((0.25, 0.0, 0.75, 1.0))
    (25.0, 0.0, 50.0, 100.0)
    """
    left, top, right, bottom = (100 * edge for edge in box)
    return round(left, 2), round(top, 2), round(right - left, 2), round(bottom - top, 2)
