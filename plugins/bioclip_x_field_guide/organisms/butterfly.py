"""Butterflies from above with open wings, head up. The left wings are mirrored right wings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bioclip_x_field_guide.organisms.butterfly_marks import FORE_MARKS, TIPS, ringed
from bioclip_x_field_guide.painting.canvas import Shape
from bioclip_x_field_guide.painting.curves import (
    Points,
    PointsLike,
    Warp,
    ellipse,
    mirrored,
    ribbon,
    rotate,
    scaled,
    smooth,
)
from bioclip_x_field_guide.painting.palette import RGB, darker, lighter
from bioclip_x_field_guide.painting.scene import Brush, Stance

STANCE = Stance(tilt=42, scale=(0.35, 0.405), drift=0.02)
WING = ("ground", "tip", "fore", "hind", "border", "veins")
REGIONS = {
    "ground_colour": (("ground",),),
    "wing_shape": (WING,),
    "wing_tip": (("tip",), ("ground",)),
    "forewing_mark": (("fore",), ("ground",)),
    "hindwing_mark": (("hind",), ("ground",)),
    "border": (("border",), ("ground",)),
    "veins": (("veins",), ("ground",)),
}
FORE = (
    (0.05, -0.12),
    (0.22, -0.44),
    (0.52, -0.70),
    (0.86, -0.84),
    (0.98, -0.76),
    (0.94, -0.48),
    (0.84, -0.18),
    (0.70, 0.06),
    (0.36, 0.06),
    (0.10, 0.04),
)
FORE_HOOKED = (
    (0.05, -0.12),
    (0.22, -0.48),
    (0.52, -0.76),
    (0.82, -0.84),
    (1.02, -0.90),
    (0.90, -0.60),
    (0.84, -0.18),
    (0.70, 0.06),
    (0.36, 0.06),
    (0.10, 0.04),
)
FORE_LONG = (
    (0.05, -0.12),
    (0.26, -0.40),
    (0.62, -0.66),
    (0.98, -0.76),
    (1.06, -0.66),
    (0.92, -0.40),
    (0.78, -0.16),
    (0.66, 0.04),
    (0.36, 0.06),
    (0.10, 0.04),
)
FORE_SCALLOPED = (
    (0.05, -0.12),
    (0.22, -0.44),
    (0.52, -0.72),
    (0.84, -0.84),
    (1.0, -0.70),
    (0.86, -0.52),
    (0.92, -0.38),
    (0.80, -0.22),
    (0.82, -0.06),
    (0.66, 0.04),
    (0.36, 0.06),
    (0.10, 0.04),
)
HIND = (
    (0.04, -0.04),
    (0.36, -0.02),
    (0.66, 0.06),
    (0.84, 0.28),
    (0.80, 0.54),
    (0.62, 0.74),
    (0.40, 0.80),
    (0.20, 0.66),
    (0.07, 0.40),
)
HIND_HOOKED = (
    (0.04, -0.04),
    (0.36, -0.02),
    (0.66, 0.04),
    (0.84, 0.26),
    (0.78, 0.48),
    (0.70, 0.62),
    (0.56, 0.82),
    (0.46, 0.70),
    (0.24, 0.68),
    (0.07, 0.40),
)
HIND_SCALLOPED = (
    (0.04, -0.04),
    (0.36, -0.02),
    (0.66, 0.06),
    (0.84, 0.24),
    (0.76, 0.36),
    (0.82, 0.50),
    (0.68, 0.56),
    (0.68, 0.72),
    (0.52, 0.70),
    (0.42, 0.80),
    (0.20, 0.66),
    (0.07, 0.40),
)
HIND_TAILED = (
    (0.04, -0.04),
    (0.36, -0.02),
    (0.64, 0.06),
    (0.78, 0.28),
    (0.74, 0.48),
    (0.64, 0.62),
    (0.60, 0.84),
    (0.60, 1.02),
    (0.51, 1.02),
    (0.48, 0.80),
    (0.40, 0.70),
    (0.20, 0.62),
    (0.07, 0.36),
)
SHAPES = {
    "rounded": (FORE, HIND),
    "hooked": (FORE_HOOKED, HIND_HOOKED),
    "scalloped": (FORE_SCALLOPED, HIND_SCALLOPED),
    "tailed": (FORE, HIND_TAILED),
    "long": (FORE_LONG, HIND),
}
ROOT = (0.05, -0.06)


def draw(brush: Brush) -> None:
    """Paints one butterfly: hindwings under forewings, the body on top."""
    for side in (1, -1):
        for pair in ("hind", "fore"):
            _wing(brush, pair, _pose(brush, pair, side))
    _body(brush)


def _pose(brush: Brush, pair: str, side: int) -> Warp:
    """Returns the rotation about the root and the foreshortening of a wing, a little stronger on the far side."""
    spread = brush.scene.uniform("spread", -0.10, 0.16) * (1.0 if pair == "fore" else -0.8)
    fold = brush.scene.uniform("fold", 0.80, 1.0) if (brush.scene.uniform("near", -1, 1) > 0) == (side > 0) else 1.0
    size = brush.size("wings")

    def warp(points: Points) -> Points:
        p: Points = rotate(np.asarray(points) * size, spread, ROOT) * (fold, 1.0)
        return p if side > 0 else mirrored(p)

    return warp


class _Wing:
    """Paints one wing: transforms every outline by its pose, and clips patterns to its edge."""

    def __init__(self, brush: Brush, warp: Warp, outline: Points) -> None:
        self.brush, self.warp, self.outline = brush, warp, outline
        self.shape: Shape = brush.canvas.shape(warp(outline))

    def spot(self, name: str, part: str, *outlines: PointsLike) -> None:
        """Paints pattern pieces of one colour."""
        pieces = [self.warp(np.asarray(o, dtype=np.float64)) for o in outlines]
        ground = self.brush.colour(self.brush.traits["ground_colour"], "ground")
        self.brush.canvas.mark(pieces, self.shape, self.brush.colour(name, part + name), part, ground)

    def edge(self, name: str, part: str, depth: float) -> Shape:
        """Paints a border of one colour along the outer margin, and returns it."""
        line = self.warp(scaled(self.outline, 1 - depth, ROOT))
        band = self.shape.without(self.brush.canvas.shape(line))
        paint = self.brush.colour(name, part + name)
        self.brush.canvas.fill(band, paint, part)
        ground = self.brush.colour(self.brush.traits["ground_colour"], "ground")
        if max(abs(a - b) for a, b in zip(paint, ground, strict=True)) < 40:
            rim = self.brush.canvas.strokes([line], 0.02, True).within(self.shape)
            self.brush.canvas.fill(rim, lighter(paint, 0.45) if sum(paint) < 380 else darker(paint, 0.55), part)
        return band

    def margin(self, depth: float, start: float, stop: float, n: int) -> Points:
        """Returns `n` points along the outer margin, `depth` inside it. start, stop: fractions of the outline."""
        inside = scaled(self.outline, 1 - depth, ROOT)
        chosen: Points = inside[np.linspace(start * len(inside), stop * len(inside) - 1, n).astype(int)]
        return chosen


def _wing(brush: Brush, pair: str, warp: Warp) -> None:
    canvas, traits = brush.canvas, brush.traits
    outline = smooth(SHAPES[traits["wing_shape"]][0 if pair == "fore" else 1], steps=6)
    wing = _Wing(brush, warp, outline)
    ground = brush.colour(traits["ground_colour"], "ground")
    canvas.fill(wing.shape, ground, "ground")
    centre = warp(np.array([[0.0, 0.0], [0.75, -0.6 if pair == "fore" else 0.6]]))
    canvas.fade(wing.shape, darker(ground, 0.5), tuple(centre[1]), tuple(centre[0]), 0.55)
    (_fore if pair == "fore" else _hind)(wing, traits)
    _veins(wing, pair, ground)
    canvas.shade(wing.shape, 0.55)
    canvas.ink(warp(outline), 1.1)


def _fore(wing: _Wing, traits: Mapping[str, str]) -> None:
    _border(wing, traits["border"], "fore")
    for part, layers in (("tip", TIPS[traits["wing_tip"]]), ("fore", FORE_MARKS[traits["forewing_mark"]])):
        for name, outlines in layers:
            wing.spot(name, part, *outlines)


def _hind(wing: _Wing, traits: Mapping[str, str]) -> None:
    _border(wing, traits["border"], "hind")
    mark = traits["hindwing_mark"]
    if mark == "red_border_band":
        wing.edge("orange_red", "hind", 0.17)
        wing.spot("black", "hind", *[ellipse(x, y, 0.028, n=10) for x, y in wing.margin(0.09, 0.40, 0.72, 5)])
    elif mark == "dark_base":
        wing.spot("black_brown", "hind", smooth([(0.0, -0.2), (0.40, -0.1), (0.50, 0.22), (0.30, 0.42), (0.0, 0.44)]))
    elif mark == "ringed_eyespot":
        for name, outlines in ringed(0.56, 0.36):
            wing.spot(name, "hind", *outlines)
    elif mark == "black_dots":
        wing.spot("black", "hind", *[ellipse(x, y, 0.048, n=12) for x, y in wing.margin(0.24, 0.30, 0.76, 5)])
    elif mark == "orange_dot":
        wing.spot("orange", "hind", ellipse(0.44, 0.34, 0.095))
    elif mark == "red_eyespot_blue_band":
        wing.spot("blue", "hind", *[ellipse(x, y, 0.060, n=12) for x, y in wing.margin(0.20, 0.32, 0.70, 5)])
        wing.spot("red", "hind", ellipse(0.22, 0.54, 0.095))
        wing.spot("black", "hind", ribbon([(0.14, 0.46), (0.22, 0.43), (0.32, 0.48)], 0.04))
    elif mark == "orange_blue_eyespot":
        wing.spot("orange", "hind", ellipse(0.24, 0.48, 0.09, 0.05))
        wing.spot("black", "hind", ellipse(0.25, 0.56, 0.10, 0.07))
        wing.spot("blue", "hind", ellipse(0.25, 0.56, 0.065, 0.04))


def _border(wing: _Wing, kind: str, pair: str) -> None:
    start, stop = (0.40, 0.72) if pair == "fore" else (0.24, 0.76)
    if kind == "black_white_dots":
        wing.edge("black", "border", 0.17)
        wing.spot(
            "white",
            "border",
            *[ellipse(x, y, 0.027, n=10) for x, y in wing.margin(0.085, start - 0.06, stop + 0.04, 8)],
        )
    elif kind == "blue_crescents":
        wing.edge("dark_brown", "border", 0.17)
        wing.spot(
            "sky_blue", "border", *[ellipse(x, y, 0.042, 0.036, n=12) for x, y in wing.margin(0.095, start, stop, 6)]
        )
    elif kind == "yellow_crescents":
        wing.edge("black", "border", 0.24)
        wing.spot(
            "yellow", "border", *[ellipse(x, y, 0.046, 0.040, n=12) for x, y in wing.margin(0.075, start, stop, 7)]
        )
    elif kind == "black":
        wing.edge("black", "border", 0.10)
    elif kind == "white_fringe":
        wing.edge("white", "border", 0.065)


def _veins(wing: _Wing, pair: str, ground: RGB) -> None:
    canvas, bold = wing.brush.canvas, wing.brush.traits["veins"] == "black"
    ends = wing.margin(0.0, 0.12, 0.80, 8)
    start = np.array(ROOT)
    knee = np.array((0.40, -0.34) if pair == "fore" else (0.34, 0.28))
    lines = [wing.warp(smooth(np.stack([start, knee * 0.55 + 0.2 * end, end]), False, 4)) for end in ends]
    paint = wing.brush.colour("black", "veins") if bold else darker(ground, 0.55)
    shape = canvas.strokes(lines, 0.026 if bold else 0.009).within(wing.shape)
    canvas.fill(shape, paint, "veins" if bold else None, 1.0 if bold else 0.35)


def _body(brush: Brush) -> None:
    canvas = brush.canvas
    reach = brush.scene.uniform("antennae", -0.06, 0.08)
    for side in (-1, 1):
        feeler = smooth([(0.02 * side, -0.28), (0.10 * side, -0.52), ((0.24 + reach) * side, -0.76)], False)
        canvas.fill(canvas.strokes([feeler], 0.018), (48, 38, 34), "body")
        canvas.fill(canvas.shape(ellipse((0.24 + reach) * side, -0.77, 0.034)), (48, 38, 34), "body")
    fur = (84, 70, 60)
    for outline in (
        ribbon([(0, 0.02), (0, 0.28), (0, 0.56)], (0.10, 0.12, 0.03)),
        ellipse(0, -0.10, 0.085, 0.17),
        ellipse(0, -0.28, 0.065, 0.06),
    ):
        shape = canvas.shape(outline)
        canvas.fill(shape, fur, "body")
        canvas.shade(shape, 1.3)
        canvas.ink(outline, 0.9, part="body")
    rings = [[(-0.06, y), (0.06, y)] for y in (0.14, 0.22, 0.30, 0.38)]
    canvas.fill(canvas.strokes(rings, 0.012), lighter(fur, 0.35), "body", 0.6)
