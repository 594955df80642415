"""Patterns on the wing cases (half width `h`, down to `end`) and the pronotum, each a colour and outlines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np

from bioclip_x_field_guide.painting.curves import Points, ellipse, mirrored, ribbon

SHOULDER = -0.24
Pattern: TypeAlias = tuple[str, list[Points]]
SMALL_SPOTS = (
    (0.20, -0.14), (0.50, -0.10), (0.78, 0.02), (0.18, 0.10), (0.48, 0.14), (0.78, 0.24),
    (0.20, 0.34), (0.50, 0.36), (0.70, 0.46), (0.22, 0.54), (0.45, 0.56),
)  # fmt: skip
CREAM_SPOTS = (
    (0.72, -0.10, 0.065), (0.80, 0.12, 0.060), (0.44, 0.26, 0.080), (0.78, 0.40, 0.060), (0.52, 0.60, 0.060),
    (0.24, 0.74, 0.050),
)  # fmt: skip


def _spots(h: float, places: Iterable[tuple[float, float, float]]) -> list[Points]:
    """Round spots on both wing cases; x in half widths."""
    return [ellipse(side * h * x, y, r) for x, y, r in places for side in (-1, 1)]


def _both(outlines: Iterable[Points]) -> list[Points]:
    return [piece for outline in outlines for piece in (outline, mirrored(outline))]


def seven_spots(h: float, end: float) -> Pattern:
    """Three on each side and a shared one at the front."""
    pairs = _spots(h, [(0.60, 0.0, 0.105), (0.34, 0.26, 0.105), (0.58, 0.44, 0.095)])
    return "black", [*pairs, ellipse(0, SHOULDER + 0.12, 0.115, 0.125)]


def five_spots(h: float, end: float) -> Pattern:
    """Two on each side and a shared one at the front."""
    return "black", [*_spots(h, [(0.44, 0.16, 0.115), (0.60, 0.42, 0.06)]), ellipse(0, SHOULDER + 0.12, 0.105, 0.12)]


def two_spots(h: float, end: float) -> Pattern:
    """One on each side."""
    return "black", _spots(h, [(0.46, 0.16, 0.135)])


def many_spots(h: float, end: float) -> Pattern:
    """Eleven on each side."""
    return "black", _spots(h, [(x, y, 0.058) for x, y in SMALL_SPOTS])


def cream_spots(h: float, end: float) -> Pattern:
    """Along the edges, the largest in the middle."""
    return "cream", _spots(h, CREAM_SPOTS)


def cream_bands(h: float, end: float) -> Pattern:
    """A shoulder moon, a bent bar and a moon at the tip."""
    bar = ribbon([(h, 0.14), (h * 0.62, 0.14), (h * 0.40, 0.34), (h * 0.22, 0.30)], 0.09)
    front = ribbon([(h * 0.95, -0.14), (h * 0.55, -0.10), (h * 0.62, 0.02)], 0.085)
    tip = ribbon([(h * 0.2, 0.76), (h * 0.55, 0.60), (h * 0.58, 0.50)], 0.085)
    return "cream", _both([bar, front, tip])


def white_flecks(h: float, end: float) -> Pattern:
    """Short broken cross-lines on the hind half."""
    places = ((0.62, 0.12), (0.40, 0.30), (0.64, 0.36), (0.30, 0.50), (0.56, 0.54))
    return "white", _both(ribbon([(h * x, y), (h * (x + 0.22), y + 0.03)], (0.03, 0.05, 0.02)) for x, y in places)


def black_stripes(h: float, end: float) -> Pattern:
    """Five on each wing case."""
    lines = (
        [(h * x, SHOULDER - 0.1), (h * x * 1.12, 0.2), (h * x * 0.75, end)] for x in (0.04, 0.24, 0.45, 0.66, 0.88)
    )
    return "black", _both(ribbon(line, (0.055, 0.065, 0.03)) for line in lines)


def orange_bands(h: float, end: float) -> Pattern:
    """Two wavy bands."""
    waves = [[(x, y + 0.05 * (i % 2)) for i, x in enumerate(np.linspace(-h * 1.1, h * 1.1, 8))] for y in (-0.05, 0.42)]
    return "orange", [ribbon(wave, 0.165) for wave in waves]


def black_blotches(h: float, end: float) -> Pattern:
    """Spots before and behind a broad band."""
    pairs = [
        ellipse(h * x * side, y, h * r, ry)
        for x, y, r, ry in ((0.58, -0.06, 0.24, 0.09), (0.36, 0.60, 0.22, 0.055))
        for side in (-1, 1)
    ]
    return "black", [*pairs, ribbon([(-h * 1.1, 0.24), (0, 0.30), (h * 1.1, 0.24)], (0.18, 0.16, 0.18))]


PATTERNS: dict[str, Callable[[float, float], Pattern]] = {
    f.__name__: f
    for f in (
        seven_spots, five_spots, two_spots, many_spots, cream_spots, cream_bands, white_flecks, black_stripes,
        orange_bands, black_blotches,
    )
}  # fmt: skip


def white_corners(neck: float, top: float, y: float) -> Pattern:
    """On the front corners of a neck shield of half width `neck`, from `top`, with its middle at `y`."""
    return "white", [ellipse(side * neck * 0.76, top + 0.07, neck * 0.24, 0.095, side * 0.5) for side in (-1, 1)]


def five_dots(neck: float, top: float, y: float) -> Pattern:
    """A bow of five dots."""
    places = ((-0.62, 0.0), (-0.28, -0.06), (0, 0.06), (0.28, -0.06), (0.62, 0.0))
    return "black", [ellipse(x * neck, y + dy, 0.042) for x, dy in places]


def letter_v(neck: float, top: float, y: float) -> Pattern:
    """Two strokes like a V between two dots."""
    strokes = [ribbon([(side * 0.03, y + 0.06), (side * 0.12, y - 0.09)], 0.055) for side in (-1, 1)]
    return "black", [*strokes, *[ellipse(side * neck * 0.62, y, 0.04) for side in (-1, 1)]]


def one_spot(neck: float, top: float, y: float) -> Pattern:
    """In the middle of the front edge."""
    return "black", [ellipse(0, top + 0.09, 0.13, 0.085)]


NECK_SPOTS: dict[str, Callable[[float, float, float], Pattern]] = {
    "black_white_corners": white_corners,
    "yellow_black_spots": five_dots,
    "orange_black_spots": letter_v,
    "blue_grey_black_spot": one_spot,
}
