"""The blades of tree leaves: outlines of one or more pieces with margin and tip, main veins, and positions of spots.

A blade grows upwards from its foot at (0, 0.44); only its right half is written down, from the foot to below the tip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bioclip_x_field_guide.painting.curves import Points, PointsLike, rotate, smooth

FOOT = (0.0, 0.44)


@dataclass(frozen=True)
class Blade:
    """`pieces`: closed outlines; `tips`: their uppermost parts; `veins`: lines; `spots`: points well inside."""

    pieces: tuple[Points, ...]
    tips: tuple[Points, ...]
    veins: tuple[Points, ...]
    spots: tuple[tuple[float, float], ...]
    compound: bool = False


# margin: length and depth of a tooth, and its profile as (fraction of the length, fraction of the depth)
MARGINS: dict[str, tuple[float, float, tuple[tuple[float, float], ...]]] = {
    "wavy": (0.30, 0.050, ((0.0, 0.0), (0.12, 0.7), (0.25, 1.0), (0.38, 0.7), (0.5, 0.0), (0.75, -0.8))),
    "fine_teeth": (0.090, 0.055, ((0.0, -0.4), (0.75, 1.0))),
    "coarse_teeth": (0.19, 0.105, ((0.0, -0.4), (0.45, 0.1), (0.80, 1.0))),
    "spines": (0.36, 0.20, ((0.0, -0.20), (0.22, -0.28), (0.42, -0.05), (0.58, 1.0), (0.72, -0.05), (0.86, -0.2))),
}
# tip: right half of its outline, about the highest point of the blade; the last point lies on the midline
TIPS: dict[str, tuple[tuple[float, float], ...]] = {
    "rounded": ((0.12, -0.03), (0.0, -0.05)),
    "pointed": ((0.10, -0.07), (0.0, -0.26)),
    "drawn_out": ((0.11, -0.02), (0.065, -0.10), (0.045, -0.26), (0.0, -0.44)),
    "notched": ((0.17, -0.05), (0.12, 0.0), (0.0, 0.34)),
}
OVAL = ((0, 0.44), (0.30, 0.30), (0.49, 0.02), (0.50, -0.30), (0.36, -0.62), (0.18, -0.76))
HEART = ((0, 0.36), (0.20, 0.52), (0.50, 0.46), (0.68, 0.18), (0.62, -0.20), (0.38, -0.56), (0.18, -0.75))
TRIANGLE = ((0, 0.44), (0.36, 0.44), (0.70, 0.26), (0.62, 0.04), (0.38, -0.40), (0.16, -0.74))
ROUND_LOBES = (
    (0, 0.46), (0.12, 0.34), (0.28, 0.36), (0.34, 0.25), (0.24, 0.16), (0.27, 0.06), (0.46, 0.07), (0.52, -0.06),
    (0.31, -0.16), (0.34, -0.25), (0.58, -0.26), (0.64, -0.42), (0.36, -0.48), (0.34, -0.57), (0.44, -0.66),
    (0.36, -0.76), (0.18, -0.78),
)  # fmt: skip
POINTED_LOBES = (
    (0, 0.46), (0.10, 0.30), (0.36, 0.36), (0.58, 0.30), (0.36, 0.18), (0.17, 0.10), (0.40, 0.06), (0.76, -0.08),
    (0.40, -0.12), (0.19, -0.20), (0.38, -0.34), (0.68, -0.54), (0.34, -0.46), (0.17, -0.52), (0.24, -0.66),
    (0.40, -0.82), (0.15, -0.76),
)  # fmt: skip
FAN = ((0, 0.46), (0.05, 0.32), (0.26, 0.10), (0.62, -0.14), (0.88, -0.26), (0.84, -0.46), (0.62, -0.66), (0.16, -0.79))
TOP = -0.80
ALONG = ((0.20, 0.12), (-0.20, -0.02), (0.22, -0.26), (-0.20, -0.44), (0.03, -0.62), (-0.17, 0.24))
BROAD = (1.17, 1.0)


def blade(shape: str, margin: str, tip: str) -> Blade:
    """Returns the blade for these three traits."""
    return SHAPES[shape](margin, tip)


def edged(half: Points, margin: str, size: float = 1.0) -> Points:
    """Adds teeth, waves or spines to the right half of an outline `[N, 2]`, except in the hollows between lobes."""
    if margin == "smooth":
        return half
    wave, depth, profile = MARGINS[margin]
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(half, axis=0), axis=1))])
    count = max(2, round(way[-1] / (wave * size)))
    share = ((np.arange(count)[:, None] + [s for s, _ in profile]) / count).ravel()
    ahead = np.gradient(half, way, axis=0)
    turn = np.gradient(np.unwrap(np.arctan2(ahead[:, 1], ahead[:, 0])), way)
    calm = np.interp(share, (0.0, 0.07, 0.90, 1.0), (0.0, 1.0, 1.0, 0.2))
    calm *= np.interp(np.interp(share * way[-1], way, turn), (-6, 0.5), (1.0, 1.0)) * _bulging(turn, way, share)
    normal = np.stack([-np.interp(share * way[-1], way, ahead[:, 1]), np.interp(share * way[-1], way, ahead[:, 0])], 1)
    out = depth * size * np.tile([h for _, h in profile], count) * calm
    base = np.stack([np.interp(share * way[-1], way, half[:, k]) for k in (0, 1)], axis=1)
    toothed: Points = np.vstack([half[:1], base + normal * out[:, None], half[-1:]])
    return toothed


def _bulging(turn: Points, way: Points, share: Points) -> Points:
    """Returns 0 where the outline bends sharply inwards, else 1."""
    inward: Points = np.interp(np.interp(share * way[-1], way, turn), (2.0, 8.0), (1.0, 0.1))
    return inward


def _closed(half: Points, tip: str, top: float, size: float = 1.0) -> tuple[Points, Points]:
    """Returns the whole outline of a half with its tip, and the part that is labelled as tip."""
    end = np.array(TIPS[tip]) * size + (0.0, top)
    right = np.vstack([half, end])
    left = right[:-1][::-1] * (-1.0, 1.0)
    low, high = top + 0.34 * size, top - 0.50 * size
    window = np.array([(-0.26 * size, low), (0.26 * size, low), (0.26 * size, high), (-0.26 * size, high)])
    return np.vstack([right, left]), window


def _feathered(top: float, count: int, rise: float, start: float = 0.30) -> tuple[Points, ...]:
    """Returns a midrib and pairs of side veins, longer than any blade is wide."""
    pairs = [np.array([(0, y), (s * 0.45, y - rise), (s * 0.9, y - 2.3 * rise)])
             for y in np.linspace(start, top + 0.22, count) for s in (-1, 1)]  # fmt: skip
    return (np.array([FOOT, (0, top)]), *pairs)


def _simple(half: PointsLike, veins: tuple[Points, ...]) -> Callable[[str, str], Blade]:
    def make(margin: str, tip: str) -> Blade:
        outline, window = _closed(edged(smooth(np.asarray(half) * BROAD, False, 6), margin), tip, TOP)
        return Blade((outline,), (window,), veins, ALONG)

    return make


def _hand(lobes: tuple[tuple[float, float], ...], sharp: float, palm: float) -> Callable[[str, str], Blade]:
    """Returns a palmate blade. Lobes are given as (degrees from upright, length)."""
    heart = np.array([0.0, 0.20])
    angles = np.deg2rad(np.linspace(176, 7, 110))
    reach = np.full(len(angles), palm)
    for degrees, length in lobes:
        off = np.abs(angles - np.deg2rad(degrees)) / sharp
        reach = np.maximum(reach, palm + (length - palm) * np.clip(1 - off, 0, 1) ** 1.25)
    reach = reach * np.interp(angles, np.deg2rad([140, 176]), [1.0, 0.55])
    half = np.stack([np.sin(angles), -np.cos(angles)], axis=1) * reach[:, None] + heart
    rays = [
        heart + np.array([s * np.sin(np.deg2rad(d)), -np.cos(np.deg2rad(d))]) * n for d, n in lobes for s in (-1, 1)
    ]
    forks = [np.array([heart + (ray - heart) * 0.45, heart + (ray - heart) * 0.62 + (s * 0.22, -0.10)])
             for ray in rays for s in (-1, 1)]  # fmt: skip
    veins = (np.array([FOOT, heart]), *[np.array([heart, ray]) for ray in rays], *forks)
    spots = ((0.0, -0.14), (0.24, 0.06), (-0.24, 0.04), (0.10, -0.40), (-0.34, -0.16), (0.36, -0.18))

    def make(margin: str, tip: str) -> Blade:
        outline, window = _closed(edged(half, margin), tip, half[-1, 1])
        return Blade((outline,), (window,), veins, spots)

    return make


def _fan(margin: str, tip: str) -> Blade:
    outline, window = _closed(edged(smooth(FAN, False, 6), margin), tip, TOP)
    rays = tuple(np.array([FOOT, (0.0 + 0.06 * k, 0.2), (0.21 * k, -1.0 + 0.035 * k * k)]) for k in range(-5, 6))
    return Blade(
        (outline,), (window,), rays, ((0.26, -0.20), (-0.30, -0.34), (0.30, -0.56), (-0.16, -0.12), (0.56, -0.38))
    )


LEAFLET = ((0, 0), (0.16, -0.14), (0.27, -0.42), (0.25, -0.70), (0.14, -0.90))


def _leaflets(
    places: tuple[tuple[float, float, float, float, float], ...], rachis: PointsLike
) -> Callable[[str, str], Blade]:
    """Returns a compound blade. Leaflets are given as (x, y, degrees from upright, length, width)."""

    def make(margin: str, tip: str) -> Blade:
        pieces, tips, veins, spots = [], [], [np.asarray(rachis, dtype=np.float64)], []
        for x, y, degrees, length, width in places:
            half = edged(smooth(np.array(LEAFLET) * (width, length), False, 5), margin, 0.72)
            outline, window = _closed(half, tip, -0.92 * length, 0.62)
            ribs = [np.array([(0, 0), (0, -length)])]
            ribs += [np.array([(0, -k * length), (s * 0.2, -k * length - 0.14)]) for k in (0.25, 0.5) for s in (-1, 1)]
            turn, at = np.deg2rad(degrees), np.array([x, y])
            pieces.append(rotate(outline, turn) + at)
            tips.append(rotate(window, turn) + at)
            veins += [rotate(rib, turn) + at for rib in ribs]
            middle = rotate([(0.0, -0.55 * length)], turn)[0] + at
            spots.append((float(middle[0]), float(middle[1])))
        return Blade(tuple(pieces), tuple(tips), tuple(veins), tuple(spots), True)

    return make


_PAIRS = tuple(
    (s * 0.02, y, s * slant, length, 0.46)
    for y, slant, length in ((0.32, 82, 0.56), (0.08, 74, 0.64), (-0.16, 64, 0.62), (-0.38, 50, 0.54))
    for s in (-1, 1)
)
_FINGERS = tuple(
    (0.0, 0.30, s * slant, length, 0.68) for slant, length in ((114, 0.62), (78, 0.90), (40, 1.08)) for s in (-1, 1)
)
SHAPES: dict[str, Callable[[str, str], Blade]] = {
    "oval": _simple(OVAL, _feathered(TOP, 6, 0.24)),
    "heart": _simple(HEART, _feathered(TOP, 5, 0.26)),
    "triangular": _simple(TRIANGLE, _feathered(TOP, 6, 0.20)),
    "round_lobed": _simple(ROUND_LOBES, _feathered(TOP, 5, 0.20, 0.36)),
    "pointed_lobed": _simple(POINTED_LOBES, _feathered(TOP, 4, 0.18, 0.40)),
    "hand": _hand(((0, 1.08), (52, 1.06), (104, 0.82)), 0.54, 0.50),
    "star": _hand(((0, 1.10), (38, 1.05), (76, 0.90), (118, 0.62)), 0.36, 0.17),
    "fan": _fan,
    "pinnate": _leaflets((*_PAIRS, (0.0, -0.44, 0, 0.50, 0.46)), [FOOT, (0, -0.5)]),
    "fingered": _leaflets((*_FINGERS, (0.0, 0.30, 0, 1.20, 0.70)), [FOOT, (0, 0.3)]),
}
