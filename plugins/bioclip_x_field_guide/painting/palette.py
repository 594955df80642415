"""Named colours, shared by all body plans, so that a colour word means the same everywhere."""

from __future__ import annotations

import colorsys
from typing import TypeAlias

import numpy as np

RGB: TypeAlias = tuple[int, int, int]

INK: RGB = (44, 34, 32)
COLOURS: dict[str, RGB] = {
    "scarlet": (206, 38, 30),
    "red": (190, 14, 44),
    "rose_red": (226, 92, 104),
    "orange": (238, 126, 28),
    "orange_red": (200, 74, 34),
    "yellow": (248, 208, 46),
    "lemon": (236, 240, 96),
    "pale_yellow": (248, 236, 150),
    "golden": (242, 188, 40),
    "cream": (244, 224, 176),
    "white": (248, 246, 238),
    "pale_grey": (196, 200, 202),
    "grey": (128, 136, 144),
    "black": (36, 34, 38),
    "brown": (130, 98, 56),
    "dark_brown": (92, 56, 34),
    "chestnut": (152, 58, 26),
    "rust": (188, 80, 48),
    "reddish_brown": (176, 108, 94),
    "tan": (188, 150, 112),
    "olive": (158, 162, 70),
    "green": (100, 150, 62),
    "bright_green": (58, 154, 66),
    "leaf_green": (112, 172, 62),
    "dark_leaf_green": (30, 84, 56),
    "copper": (112, 46, 58),
    "blue": (52, 112, 196),
    "deep_blue": (36, 70, 182),
    "sky_blue": (92, 164, 222),
    "turquoise": (14, 152, 164),
    "blue_grey": (142, 166, 190),
    "violet": (136, 84, 170),
    "lilac": (190, 150, 206),
    "purple": (96, 62, 152),
    "magenta": (206, 92, 160),
    "pink": (240, 158, 170),
    "blush": (238, 196, 184),
    "bronze": (140, 104, 62),
    "silver": (184, 196, 200),
    "ochre": (222, 164, 62),
    "violet_blue": (112, 124, 222),
    "chalky": (204, 204, 200),
    "black_brown": (52, 36, 32),
}


def colour(name: str, jitter: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> RGB:
    """Returns a named colour with a small (hue, saturation, lightness) jitter, each in -1..1."""
    h, light, s = colorsys.rgb_to_hls(*(v / 255 for v in COLOURS[name]))
    h = (h + 0.012 * jitter[0]) % 1
    s = float(np.clip(s * (1 + 0.10 * jitter[1]), 0, 1))
    light = float(np.clip(light + 0.03 * jitter[2], 0.04, 0.97))
    r, g, b = colorsys.hls_to_rgb(h, light, s)
    return round(r * 255), round(g * 255), round(b * 255)


def mix(a: RGB, b: RGB, fraction: float) -> RGB:
    """Mixes a fraction of `b` into `a`."""
    r, g, k = (round(x + (y - x) * fraction) for x, y in zip(a, b, strict=True))
    return r, g, k


def darker(a: RGB, fraction: float = 0.4) -> RGB:
    """Mixes in a fraction of the ink colour."""
    return mix(a, INK, fraction)


def lighter(a: RGB, fraction: float = 0.4) -> RGB:
    """Mixes in a fraction of warm white."""
    return mix(a, (255, 252, 242), fraction)
