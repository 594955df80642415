"""Marks on the right wings of butterflies: layers of (colour, outlines) in painting order."""

from __future__ import annotations

from typing import TypeAlias

from bioclip_x_field_guide.painting.curves import Points, ellipse, ribbon, smooth

Layers: TypeAlias = tuple[tuple[str, tuple[Points, ...]], ...]


def ringed(x: float, y: float) -> Layers:
    """Returns an eyespot: pale, black and blue rings with a bright pupil."""
    rings = (("pale_yellow", 0.215), ("black", 0.18), ("blue", 0.125), ("sky_blue", 0.07))
    return tuple((name, (ellipse(x, y, r, r * 0.95),)) for name, r in rings)


PATCHES = (
    ribbon([(0.34, -0.44), (0.44, -0.34), (0.42, -0.24), (0.54, -0.16)], 0.085),
    ellipse(0.64, -0.40, 0.09, 0.06, -0.8),
    ellipse(0.66, -0.06, 0.07),
    ellipse(0.28, -0.22, 0.05, 0.07),
)
BLOCKS = tuple(ribbon([(x, y), (x + 0.10, y + 0.20)], 0.13) for x, y in ((0.24, -0.46), (0.44, -0.62), (0.66, -0.72)))
BETWEEN = tuple(ribbon([(x, y), (x + 0.09, y + 0.18)], 0.085) for x, y in ((0.345, -0.55), (0.555, -0.68)))
DOTS = (ellipse(0.56, -0.12, 0.06), ellipse(0.68, -0.30, 0.045), ellipse(0.42, -0.10, 0.06, 0.08))
FLUSH = smooth([(0.18, -0.30), (0.45, -0.62), (0.72, -0.70), (0.78, -0.46), (0.66, -0.20), (0.36, -0.10)])
STRIPES = tuple(
    ribbon([(0.17 + 0.16 * k, -0.36 - 0.115 * k), (0.17 + 0.125 * k, 0.10)], (0.075, 0.05)) for k in range(5)
)

FORE_MARKS: dict[str, Layers] = {
    "none": (),
    "red_band": (("orange_red", (ribbon([(0.30, -0.66), (0.52, -0.38), (0.78, -0.02)], (0.14, 0.17, 0.15)),)),),
    "one_black_spot": (("black", (ellipse(0.62, -0.34, 0.105),)),),
    "two_black_spots": (("black", (ellipse(0.60, -0.42, 0.085), ellipse(0.60, -0.14, 0.085))),),
    "black_patches": (("black", PATCHES),),
    "black_yellow_bars": (("black", BLOCKS), ("yellow", BETWEEN), ("black", DOTS)),
    "orange_flush": (("orange", (FLUSH,)),),
    "orange_dot": (("orange", (ellipse(0.54, -0.36, 0.095),)),),
    "black_stripes": (("black", STRIPES),),
    "dark_base": (("black_brown", (smooth([(0.0, -0.3), (0.26, -0.5), (0.40, -0.30), (0.34, 0.10), (0.0, 0.2)]),)),),
    "ringed_eyespot": ringed(0.70, -0.54),
}

BLACK_TIP = smooth([(0.50, -0.95), (0.58, -0.60), (0.74, -0.44), (0.84, -0.20), (1.2, -0.3), (1.2, -1.0)])
GREY_TIP = smooth([(0.66, -0.95), (0.72, -0.70), (0.86, -0.58), (0.90, -0.40), (1.2, -0.4), (1.2, -1.0)])
ORANGE_TIP = smooth([(0.44, -0.95), (0.46, -0.56), (0.62, -0.30), (0.76, -0.10), (1.2, -0.1), (1.2, -1.0)])
DARK_EDGE = smooth([(0.74, -0.98), (0.84, -0.74), (0.91, -0.56), (0.90, -0.36), (1.3, -0.3), (1.3, -1.1)])
TIP_SPOTS = (
    ellipse(0.66, -0.64, 0.085, 0.045, 1.0),
    ellipse(0.82, -0.66, 0.036),
    ellipse(0.86, -0.54, 0.034),
    ellipse(0.84, -0.42, 0.032),
)
TIP_BAND = ribbon([(0.60, -0.78), (0.74, -0.54), (0.90, -0.36)], (0.10, 0.12, 0.06))

TIPS: dict[str, Layers] = {
    "plain": (),
    "black_white_spots": (("black", (BLACK_TIP,)), ("white", TIP_SPOTS)),
    "black_white_band": (("black", (BLACK_TIP,)), ("white", (TIP_BAND,))),
    "black": (("black", (BLACK_TIP,)),),
    "grey": (("grey", (GREY_TIP,)),),
    "orange": (("orange", (ORANGE_TIP,)), ("dark_brown", (DARK_EDGE,))),
}
