"""Patterns on the sides of fishes: functions that return layers of (colour, outlines) for a body of half height `h`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from bioclip_x_field_guide.painting.curves import Points, ellipse, ribbon, smooth

Layers: TypeAlias = list[tuple[str, list[Points]]]


def bar(x: float, width: float, bulge: float = 0.05) -> Points:
    """Returns an upright bar that bulges forwards in the middle."""
    return ribbon([(x - 0.03, -0.75), (x + bulge, 0.0), (x - 0.03, 0.75)], width)


def three_white_bars(h: float, rng: np.random.Generator) -> Layers:
    """White, edged with black; the middle one reaches forwards."""
    black = [bar(0.34, 0.20), bar(-0.10, 0.27, 0.12), bar(-0.52, 0.15, 0.0)]
    return [("black", black), ("white", [bar(0.34, 0.145), bar(-0.10, 0.21, 0.12), bar(-0.52, 0.10, 0.0)])]


def one_white_bar(h: float, rng: np.random.Generator) -> Layers:
    """White, edged with black, behind the eye."""
    return [("black", [bar(0.32, 0.20)]), ("white", [bar(0.32, 0.145)])]


def two_white_bars(h: float, rng: np.random.Generator) -> Layers:
    """Two, without an edge."""
    return [("white", [bar(0.34, 0.15), bar(-0.16, 0.20, 0.08)])]


def white_back_stripe(h: float, rng: np.random.Generator) -> Layers:
    """Along the ridge of the back, with a thin bar behind the eye."""
    ridge = [(0.84, -h * 0.42), (0.55, -h * 0.85), (0.1, -h * 1.0), (-0.4, -h * 0.70), (-0.65, -h * 0.35)]
    return [("white", [ribbon(ridge, (0.10, 0.16, 0.18, 0.15, 0.12)), bar(0.33, 0.075)])]


def ringed_eyespot(h: float, rng: np.random.Generator) -> Layers:
    """A false eye near the tail."""
    return [("white", [ellipse(-0.38, -0.02, 0.175)]), ("black", [ellipse(-0.38, -0.02, 0.13)])]


def black_saddle(h: float, rng: np.random.Generator) -> Layers:
    """On the rear of the back, edged with white."""
    edge = smooth([(0.12, -0.85), (0.06, -0.38), (-0.16, -0.02), (-0.44, 0.10), (-0.9, 0.10), (-0.9, -0.9)])
    saddle = smooth([(0.05, -0.85), (-0.02, -0.42), (-0.20, -0.12), (-0.44, 0.0), (-0.9, 0.0), (-0.9, -0.9)])
    return [("white", [edge]), ("black", [saddle])]


def black_bars(h: float, rng: np.random.Generator) -> Layers:
    """Three broad bars."""
    return [("black", [bar(0.20, 0.11, 0.02), bar(-0.12, 0.13, 0.0), bar(-0.45, 0.12, -0.02)])]


def black_drop(h: float, rng: np.random.Generator) -> Layers:
    """A round spot that runs out below."""
    right = [(-0.02, -h * 0.72), (0.15, -h * 0.30), (0.02, -0.02), (-0.05, h * 0.34)]
    return [("black", [smooth([*right, (-0.12, -0.02), (-0.19, -h * 0.30)])])]


def dark_bars(h: float, rng: np.random.Generator) -> Layers:
    """Five wedges from the back."""
    wedge = [(0.05, -0.7), (0.045, -0.05), (0.0, h * 0.55), (-0.045, -0.05), (-0.05, -0.7)]
    return [("black_brown", [smooth([(x + dx, y) for dx, y in wedge]) for x in (0.36, 0.16, -0.04, -0.24, -0.44)])]


def red_and_dark_spots(h: float, rng: np.random.Generator) -> Layers:
    """Dark above, red with pale rings along the side."""
    rows = [(-0.48 + 0.13 * c + 0.06 * (r % 2), -h * 0.72 + h * 0.32 * r) for r in range(4) for c in range(8)]
    grid = np.array(rows) + rng.uniform(-0.02, 0.02, (32, 2))
    low = grid[16::2] + np.array([0.0, h * 0.24])
    dark = [ellipse(x, y, 0.030, n=10) for x, y in grid if y < h * 0.1]
    return [
        ("black_brown", dark),
        ("cream", [ellipse(x, y, 0.050, n=12) for x, y in low]),
        ("red", [ellipse(x, y, 0.036, n=12) for x, y in low]),
    ]


def pink_stripe(h: float, rng: np.random.Generator) -> Layers:
    """A rosy band, black pepper above."""
    band = ribbon([(0.90, 0.02), (0.5, 0.0), (0.1, 0.0), (-0.7, 0.0)], (h * 0.25, h * 0.5, h * 0.55, h * 0.3))
    pepper = rng.uniform((-0.6, -h), (0.75, -h * 0.25), (56, 2))
    return [("rose_red", [band]), ("black", [ellipse(x, y, 0.020, n=8) for x, y in pepper])]


def black_palette(h: float, rng: np.random.Generator) -> Layers:
    """A band along the back and a loop below it, like a palette with its thumb hole."""
    back = ribbon([(0.56, -0.20), (0.20, -h * 0.85), (-0.2, -h * 0.80), (-0.75, -0.08)], (0.12, 0.22, 0.22, 0.30))
    loop = ribbon([(0.30, -h * 0.5), (0.20, 0.04), (-0.15, 0.12), (-0.55, 0.0)], (0.12, 0.13, 0.14, 0.18))
    return [("black", [back, loop])]


PATTERNS: dict[str, Callable[[float, np.random.Generator], Layers]] = {
    f.__name__: f
    for f in (
        three_white_bars, one_white_bar, two_white_bars, white_back_stripe, ringed_eyespot, black_saddle, black_bars,
        black_drop, dark_bars, red_and_dark_spots, pink_stripe, black_palette,
    )
}  # fmt: skip
