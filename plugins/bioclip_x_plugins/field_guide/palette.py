"""Named colours: one name, one look, shared by every body plan, so that a colour word means the same everywhere."""

from __future__ import annotations

import colorsys
from typing import TypeAlias

import numpy as np

RGB: TypeAlias = tuple[int, int, int]

INK: RGB = (44, 34, 32)
COLOURS: dict[str, RGB] = {
    "scarlet": (206, 38, 30),
    "red": (202, 36, 34),
    "rose_red": (222, 92, 88),
    "orange": (238, 126, 28),
    "orange_red": (205, 86, 36),
    "yellow": (248, 208, 46),
    "lemon": (246, 230, 66),
    "pale_yellow": (248, 236, 150),
    "golden": (240, 174, 34),
    "cream": (244, 230, 196),
    "white": (248, 246, 238),
    "pale_grey": (196, 200, 202),
    "grey": (128, 136, 144),
    "black": (40, 38, 42),
    "brown": (134, 92, 54),
    "dark_brown": (66, 42, 34),
    "chestnut": (142, 66, 34),
    "rust": (180, 68, 36),
    "reddish_brown": (168, 104, 84),
    "tan": (202, 166, 116),
    "olive": (158, 162, 70),
    "green": (112, 140, 62),
    "bright_green": (58, 154, 66),
    "blue": (52, 112, 196),
    "deep_blue": (36, 70, 182),
    "sky_blue": (92, 164, 222),
    "turquoise": (24, 138, 184),
    "blue_grey": (142, 166, 190),
    "violet": (136, 84, 170),
    "lilac": (190, 150, 206),
    "purple": (96, 62, 152),
    "magenta": (206, 92, 160),
    "pink": (240, 158, 170),
    "blush": (238, 196, 184),
    "bronze": (140, 104, 62),
    "silver": (184, 196, 200),
    "ochre": (224, 170, 88),
    "violet_blue": (112, 124, 222),
    "chalky": (226, 220, 204),
    "black_brown": (52, 36, 32),
}


def colour(name: str, jitter: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> RGB:
    """The named colour, moved by a modest (hue, saturation, lightness) jitter, each in -1..1."""
    h, light, s = colorsys.rgb_to_hls(*(v / 255 for v in COLOURS[name]))
    h = (h + 0.012 * jitter[0]) % 1
    s = float(np.clip(s * (1 + 0.10 * jitter[1]), 0, 1))
    light = float(np.clip(light + 0.03 * jitter[2], 0.04, 0.97))
    r, g, b = colorsys.hls_to_rgb(h, light, s)
    return round(r * 255), round(g * 255), round(b * 255)


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """`a` with a share of `b` stirred in."""
    r, g, k = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return r, g, k


def darker(a: RGB, share: float = 0.4) -> RGB:
    """Towards the ink."""
    return mix(a, INK, share)


def lighter(a: RGB, share: float = 0.4) -> RGB:
    """Towards warm white."""
    return mix(a, (255, 252, 242), share)
