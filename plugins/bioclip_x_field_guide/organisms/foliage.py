"""Petals and leaves as outlines that grow to the right from (0, 0)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from bioclip_x_field_guide.painting.curves import Points, leaf, ribbon, rotate, smooth

# outline and midrib
Blade: TypeAlias = tuple[Points, Points]


def _even(edge: Sequence[tuple[float, float]], steps: int) -> Points:
    """Returns a symmetric outline from its upper edge, whose last point is the tip."""
    return smooth([*edge, *[(x, -y) for x, y in reversed(edge[:-1])]], steps=steps)


def _line(*points: tuple[float, float]) -> Points:
    return np.array(points, dtype=np.float64)


def feathery() -> list[Blade]:
    """A stalk with small leaflets on both sides."""
    pieces = [ribbon([(0, 0), (0.35, -0.05), (0.72, 0.0)], (0.06, 0.06, 0.02))]
    pieces += [leaf(0.12 + 0.13 * i, -0.02, 0.24 - 0.03 * i, 0.075, s * 0.95) for i in range(5) for s in (-1, 1)]
    return [(piece, _line((0, 0), (0.7, 0))) for piece in pieces]


def three_lobed() -> list[Blade]:
    """Three round lobes on a stalk."""
    upper = [(0.18, 0), (0.26, -0.26), (0.52, -0.38), (0.52, -0.14), (0.76, 0.0)]
    stalk = ribbon([(0, 0), (0.25, 0)], 0.05)
    lobes = smooth([*upper, (0.52, 0.14), (0.52, 0.38), (0.26, 0.26)])
    return [(stalk, _line((0, 0), (0.2, 0))), (lobes, _line((0.2, 0), (0.72, 0)))]


def three_leaflets() -> list[Blade]:
    """Three toothed leaflets from one point."""
    edge = [(0.05, 0.02), (0.22, 0.11), (0.36, 0.13), (0.42, 0.08), (0.50, 0.12), (0.62, 0.0)]
    one, rib = _even(edge, 4), _line((0.1, 0), (0.55, 0))
    return [(rotate(one, turn), rotate(rib, turn)) for turn in (-0.85, 0.85, 0.0)]


def toothed_spoon() -> list[Blade]:
    """Blunt, narrowing to a stalk."""
    edge = [(0, 0.03), (0.24, 0.06), (0.36, 0.15), (0.46, 0.13), (0.54, 0.20), (0.63, 0.14), (0.74, 0.12), (0.76, 0.0)]
    return [(_even(edge, 4), _line((0, 0), (0.7, 0)))]


def lobed() -> list[Blade]:
    """Deep teeth on both sides."""
    edge = [(0, 0.04), (0.16, 0.20), (0.26, 0.11), (0.40, 0.26), (0.48, 0.12), (0.64, 0.17), (0.80, 0.0)]
    return [(_even(edge, 5), _line((0, 0), (0.75, 0)))]


def heart() -> list[Blade]:
    """Broad, with two round shoulders."""
    upper = [(0.10, 0), (0.0, -0.22), (0.22, -0.40), (0.52, -0.30), (0.80, 0.0)]
    return [(smooth([*upper, (0.52, 0.30), (0.22, 0.40), (0.0, 0.22)]), _line((0.1, 0), (0.75, 0)))]


def oval() -> list[Blade]:
    """Simple and pointed."""
    return [(leaf(0, 0, 0.80, 0.34, 0), _line((0, 0), (0.75, 0)))]


def narrow() -> list[Blade]:
    """Like grass, and steeper than other leaves."""
    return [(leaf(0, 0, 0.80, 0.13, -0.5), rotate(_line((0, 0), (0.75, 0)), -0.5))]


LEAVES: dict[str, Callable[[], list[Blade]]] = {
    "feathery": feathery, "three_lobed": three_lobed, "three_leaflets": three_leaflets, "toothed_spoon": toothed_spoon,
    "lobed": lobed, "greyish_lobed": lobed, "heart": heart, "oval": oval, "narrow": narrow,
}  # fmt: skip


def petal(form: str, length: float, width: float, rng: np.random.Generator) -> Points:
    """Returns one petal of a form, with random irregularities from `rng`."""
    a, b, c, d = rng.uniform(-0.04, 0.04, 4)
    w, n = width / 2, length
    if form in ("many_rays", "broad_rays", "drooping_rays"):
        blunt = 0.4 if form == "broad_rays" else 0.75
        return _even([(0.05, -w * 0.6), (n * 0.5, -w), (n * 0.92, -w * blunt), (n + a * 0.4, 0)], 4)
    if form == "four_crumpled":
        upper = [(0, 0), (0.30, -w * 0.8), (n * 0.8, -w + a), (n + b, -w * 0.45), (n * 0.95 + c, 0)]
        return smooth([*upper, (n + d, w * 0.45), (n * 0.8, w - a), (0.30, w * 0.8)], steps=6)
    if form == "fringed_florets":
        teeth = [(n * 0.60, -w * 0.6), (n * 0.90, -w * 1.2), (n * 0.78, -w * 0.3), (n * 1.06, 0)]
        return _even([(0.10, -0.03), *teeth], 4)
    edge = {
        "five_notched": [(0.16, -w * 0.4), (n * 0.65, -w), (n, -w * 0.55), (n * 0.84, 0)],
        "six_pointed": [(0.16, -w * 0.7), (n * 0.5, -w), (n * 0.86, -w * 0.42), (n * 1.04, 0)],
    }.get(form, [(0.16, -w * 0.7), (n * 0.6, -w), (n * 0.92, -w * 0.5), (n + a * 0.5, 0)])
    return smooth([(0, 0), *edge, *[(x, -y) for x, y in reversed(edge[:-1])]], steps=6)
