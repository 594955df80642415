"""Perching birds in profile, facing right before the flip, on a twig."""

from __future__ import annotations

import numpy as np

from bioclip_x_field_guide.organisms.bird_faces import FACES
from bioclip_x_field_guide.painting.canvas import Shape
from bioclip_x_field_guide.painting.curves import Points, ellipse, ribbon, rotate, smooth
from bioclip_x_field_guide.painting.palette import RGB, darker, lighter, mix
from bioclip_x_field_guide.painting.scene import Brush, Stance

STANCE = Stance(tilt=10, scale=(0.355, 0.415), centre=(0.5, 0.52), drift=0.03)
REGIONS = {
    "crown_colour": (("crown",),),
    "face": (("face",), ("crown",)),
    "breast_colour": (("breast",),),
    "breast_pattern": (("marks",), ("breast",)),
    "back_colour": (("back",),),
    "wing_colour": (("wing", "tail"),),
    "wing_bar": (("bar",), ("wing",)),
    "bill": (("bill",),),
    "crest": (("crest",), ("crown",)),
}
BODY = (
    (0.70, -0.47),
    (0.62, -0.72),
    (0.40, -0.82),
    (0.17, -0.70),
    (0.02, -0.42),
    (-0.24, -0.14),
    (-0.50, 0.22),
    (-0.62, 0.44),
    (-0.46, 0.56),
    (-0.14, 0.66),
    (0.20, 0.58),
    (0.46, 0.30),
    (0.58, -0.02),
    (0.62, -0.26),
)
EYE = (0.47, -0.52)
SHORT_TAIL = ((-0.48, 0.30), (-0.66, 0.46), (-0.82, 0.62), (-0.80, 0.72), (-0.66, 0.70), (-0.40, 0.58))
_WING_BELOW = ((-0.86, 0.58), (-0.50, 0.44), (-0.12, 0.34), (0.16, 0.18))
WING = smooth([(0.26, -0.06), (0.12, -0.22), (-0.16, -0.10), (-0.52, 0.22), *_WING_BELOW])
BARS = {
    "white_bar": ("white", ribbon([(-0.20, -0.16), (-0.12, 0.08), (0.08, 0.32)], (0.12, 0.13, 0.15))),
    "yellow_bar": ("yellow", smooth([(0.02, 0.0), (-0.10, 0.26), (-0.50, 0.40), (-0.62, 0.38), (-0.30, 0.10)])),
}
# bill: (colour, length, depth)
BILLS = {
    "short_black": ("black", 0.17, 0.15),
    "stout_black": ("black", 0.26, 0.29),
    "stout_orange_red": ("orange_red", 0.30, 0.29),
    "stout_yellow": ("golden", 0.26, 0.29),
    "thin_dark": ("dark_brown", 0.36, 0.085),
    "thin_yellow": ("golden", 0.34, 0.12),
    "pointed_ivory": ("cream", 0.32, 0.20),
    "long_dagger": ("black", 0.56, 0.14),
}


def draw(brush: Brush) -> None:
    """Paints one bird."""
    twig(brush)
    tail(brush)
    body = _body(brush)
    _breast_marks(brush, body)
    _back(brush, body)
    wing(brush)
    head(brush, body)
    brush.canvas.ink(_outline(brush), 1.2)


def _outline(brush: Brush) -> Points:
    plump = brush.size("plump")
    return smooth([(x, y if y < 0 else y * (0.85 + 0.15 * plump)) for x, y in BODY])


def twig(brush: Brush) -> None:
    """Draws the perch and two legs in neutral colours."""
    canvas, scene = brush.canvas, brush.scene
    slope = scene.uniform("twig", -0.10, 0.10)
    bark = mix((92, 72, 56), (140, 118, 96), scene.uniform("bark", 0, 1))
    line = ribbon([(-1.7, 0.88 + slope), (-0.4, 0.82), (0.5, 0.84), (1.7, 0.86 - slope)], (0.10, 0.09, 0.075, 0.05))
    shape = canvas.shape(line)
    canvas.fill(shape, bark)
    canvas.shade(shape)
    canvas.fill(canvas.strokes([line], 0.012, True), darker(bark, 0.7))
    step = scene.uniform("step", -0.05, 0.05)
    for x in (-0.02 + step, 0.16 - step):
        leg = ribbon([(x - 0.06, 0.55), (x, 0.70), (x + 0.02, 0.82)], (0.06, 0.05, 0.045))
        toes = [
            ribbon([(x, 0.80), (x + d, 0.84), (x + d * 1.2, 0.90)], (0.05, 0.05, 0.03)) for d in (-0.08, 0.05, 0.12)
        ]
        canvas.fill(canvas.shape(leg, *toes), (88, 66, 62), "legs")


def tail(brush: Brush) -> None:
    """Draws the tail: a narrow fan at a random angle."""
    long = brush.size("tail_length")
    swing = brush.scene.uniform("tail", -0.30, 0.22)
    paint = brush.colour(brush.traits["wing_colour"], "wing")
    fan = [
        (-0.50, 0.32),
        (-0.80, 0.46),
        (-0.55 - 0.62 * long, 0.66),
        (-0.52 - 0.60 * long, 0.80),
        (-0.75, 0.68),
        (-0.42, 0.56),
    ]
    outline = rotate(smooth(fan if long > 0.5 else SHORT_TAIL, steps=5), swing, (-0.5, 0.42))
    shape = brush.canvas.shape(outline)
    brush.canvas.fill(shape, darker(paint, 0.15), "tail")
    feathers = [
        rotate([(-0.5, 0.40 + 0.03 * k), (-0.55 - 0.6 * long, 0.70 + 0.05 * k)], swing, (-0.5, 0.42))
        for k in (-0.5, 0.4, 1.2)
    ]
    brush.canvas.fill(brush.canvas.strokes(feathers, 0.012).within(shape), darker(paint, 0.6), "tail")
    brush.canvas.shade(shape)
    brush.canvas.ink(outline)


def _body(brush: Brush) -> Shape:
    canvas = brush.canvas
    paint = brush.colour(brush.traits["breast_colour"], "breast")
    body = canvas.shape(_outline(brush))
    canvas.fill(body, paint, "breast")
    canvas.fade(body, lighter(paint, 0.5), (0.3, 0.1), (-0.4, 0.75), 0.45)
    _plumage(brush, body, darker(paint, 0.35), "breast plumage", (0.15, 0.15))
    return body


def _plumage(brush: Brush, within: Shape, paint: RGB, name: str, centre: tuple[float, float]) -> None:
    """Draws short faint feather strokes."""
    rng = brush.scene.rng(name)
    starts = rng.normal(0, 0.28, (46, 2)) + centre
    lines = [[(x, y), (x - 0.05, y + 0.06)] for x, y in starts]
    brush.canvas.fill(brush.canvas.strokes(lines, 0.010).within(within), paint, None, 0.30)


def _breast_marks(brush: Brush, body: Shape) -> None:
    canvas, kind = brush.canvas, brush.traits["breast_pattern"]
    ground = brush.colour(brush.traits["breast_colour"], "breast")
    if kind == "black_stripe":
        stripe = ribbon(
            [(0.62, -0.34), (0.55, -0.05), (0.40, 0.22), (0.16, 0.46), (-0.14, 0.62)], (0.30, 0.26, 0.20, 0.17, 0.10)
        )
        canvas.mark([stripe], body, brush.colour("black", "marks"), "marks", ground)
    elif kind == "red_streak":
        streak = ribbon(
            [(0.66, -0.28), (0.54, 0.02), (0.36, 0.26), (0.06, 0.44), (-0.24, 0.52)], (0.26, 0.24, 0.20, 0.20, 0.06)
        )
        canvas.mark([streak], body, brush.colour("red", "marks"), "marks", ground)
    elif kind == "dark_spots":
        rng = brush.scene.rng("breast spots")
        grid = [(0.48 - 0.115 * r + 0.12 * c, -0.14 + 0.115 * r + 0.075 * c) for r in range(7) for c in range(-4, 3)]
        spots = [
            rotate(smooth([(x, y - 0.045), (x + 0.034, y + 0.03), (x - 0.034, y + 0.03)], steps=3), 0.5, (x, y))
            for x, y in grid + rng.uniform(-0.02, 0.02, (49, 2))
        ]
        canvas.mark(spots, body, brush.colour("black_brown", "marks"), "marks", ground)
    elif kind == "white_crescent":
        band = ribbon([(0.66, -0.20), (0.52, 0.08), (0.26, 0.16), (0.02, 0.02)], (0.18, 0.20, 0.16, 0.03))
        canvas.mark([band], body, brush.colour("white", "marks"), "marks", ground)
    elif kind == "white_belly":
        belly = smooth([(0.42, 0.26), (0.1, 0.30), (-0.3, 0.30), (-0.7, 0.50), (-0.3, 0.80), (0.3, 0.75), (0.6, 0.45)])
        canvas.mark([belly], body, brush.colour("white", "marks"), "marks", ground)


def _back(brush: Brush, body: Shape) -> None:
    canvas = brush.canvas
    canvas.shade(body, 1.25)
    paint = brush.colour(brush.traits["back_colour"], "back")
    mantle = smooth(
        [
            (0.12, -0.80),
            (0.18, -0.42),
            (0.14, -0.10),
            (-0.14, 0.14),
            (-0.45, 0.42),
            (-0.70, 0.55),
            (-0.90, 0.2),
            (-0.3, -0.5),
        ]
    )
    shape = canvas.shape(mantle).within(body)
    canvas.fill(shape, paint, "back")
    canvas.fade(shape, darker(paint, 0.5), (-0.35, -0.1), (-0.05, 0.15), 0.45)
    _plumage(brush, shape, darker(paint, 0.5), "back plumage", (-0.15, -0.1))


def wing(brush: Brush) -> None:
    """Draws a folded wing with coverts, flight feathers and, if it has one, a bar."""
    canvas = brush.canvas
    droop = brush.scene.uniform("wing", -0.10, 0.12)
    paint = brush.colour(brush.traits["wing_colour"], "wing")
    hinge = (0.2, -0.05)
    outline = rotate(WING, droop, hinge)
    shape = canvas.shape(outline)
    canvas.fill(shape, paint, "wing")
    canvas.fade(shape, darker(paint, 0.5), (0.1, -0.1), (-0.7, 0.5), 0.65)
    lines = [
        rotate([(0.02 - 0.08 * k, 0.20 - 0.055 * k), (-0.80 + 0.045 * k, 0.52 - 0.045 * k)], droop, hinge)
        for k in range(5)
    ]
    canvas.fill(canvas.strokes(lines, 0.016).within(shape), lighter(paint, 0.35), "wing", 0.75)
    canvas.shade(shape, 1.0)
    bar = BARS.get(brush.traits["wing_bar"])
    if bar:
        stripe = canvas.shape(rotate(bar[1], droop, hinge)).within(shape)
        canvas.fill(stripe, brush.colour(bar[0], "bar"), "bar")
    canvas.ink(outline)


def head(brush: Brush, body: Shape) -> None:
    """Draws crown, face, crest, bill and eye, in this order."""
    canvas = brush.canvas
    paint = brush.colour(brush.traits["crown_colour"], "crown")
    hood = smooth(
        [
            (0.80, -0.44),
            (0.66, -0.36),
            (0.56, -0.24),
            (0.36, -0.20),
            (0.16, -0.30),
            (0.04, -0.42),
            (0.0, -0.8),
            (0.4, -1.0),
            (0.8, -0.8),
        ]
    )
    shape = canvas.shape(hood).within(body)
    canvas.fill(shape, paint, "crown")
    if brush.traits["crest"] == "pointed":
        crest = smooth(
            [(0.60, -0.74), (0.40, -0.90), (0.12, -1.12), (0.16, -0.86), (0.12, -0.62), (0.30, -0.62)], steps=6
        )
        canvas.fill(canvas.shape(crest), paint, "crest")
        canvas.ink(crest[:30], part="crest", closed=False)
    _face(brush, body)
    canvas.shade(shape, 0.8)
    bill(brush)
    _eye(brush)


def _face(brush: Brush, body: Shape) -> None:
    ground = brush.colour(brush.traits["crown_colour"], "crown")
    for name, outline in FACES[brush.traits["face"]]:
        plain = brush.traits["breast_colour"] if name == "breast" else name
        paint = brush.colour(plain, "breast" if name == "breast" else "face " + name)
        brush.canvas.mark([outline], body, paint, "face", ground)


def bill(brush: Brush) -> None:
    """Draws the upper and lower half of the bill with the gape between them."""
    name, long, deep = BILLS[brush.traits["bill"]]
    paint = brush.colour(name, "bill")
    x, y = 0.655, -0.50
    tip = (x + long, y + 0.05 + 0.1 * deep)
    outline = smooth(
        [
            (x, y - deep * 0.50),
            (x + long * 0.5, y - deep * 0.34),
            tip,
            (x + long * 0.45, y + deep * 0.42),
            (x, y + deep * 0.55),
        ],
        steps=5,
    )
    canvas = brush.canvas
    shape = canvas.shape(outline)
    canvas.fill(shape, paint, "bill")
    canvas.shade(shape)
    canvas.fill(canvas.strokes([[(x - 0.02, y + 0.03), tip]], 0.012).within(shape), darker(paint, 0.7), "bill")
    canvas.ink(outline, 0.9, part="bill")


def _eye(brush: Brush) -> None:
    canvas, (x, y) = brush.canvas, EYE
    canvas.fill(canvas.shape(ellipse(x, y, 0.078)), (150, 134, 118), "eye")
    canvas.fill(canvas.shape(ellipse(x, y, 0.064)), (22, 18, 20), "eye")
    glint = -1 if canvas.frame.flip else 1
    canvas.fill(
        canvas.shape(ellipse(x + 0.024 * glint * np.sign(canvas.light[0] or 1), y - 0.026, 0.021, n=12)),
        (255, 255, 255),
        "eye",
    )
