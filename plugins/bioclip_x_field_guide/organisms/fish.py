"""Fishes in profile, facing right before the flip."""

from __future__ import annotations

import numpy as np

from bioclip_x_field_guide.organisms.fish_patterns import PATTERNS
from bioclip_x_field_guide.painting.canvas import Shape
from bioclip_x_field_guide.painting.curves import Points, ellipse, ribbon, rotate, smooth
from bioclip_x_field_guide.painting.palette import darker, lighter
from bioclip_x_field_guide.painting.scene import Brush, Stance

STANCE = Stance(tilt=16, scale=(0.39, 0.46), drift=0.03)
REGIONS = {
    "body_colour": (("body",),),
    "pattern": (("marks",), ("body",)),
    "eye_band": (("eyeband",), ("head",)),
    "body_shape": (("body", "marks", "head"),),
    "fin_colour": (("fins",),),
    "tail_colour": (("tail",),),
    "snout": (("snout", "head"),),
}
# shape: outline of the body from the mouth over the back, then along the belly
BODIES = {
    "disc": (
        (0.79, 0.04),
        (0.62, -0.20),
        (0.34, -0.47),
        (-0.06, -0.60),
        (-0.42, -0.44),
        (-0.60, -0.12),
        (-0.60, 0.12),
        (-0.42, 0.44),
        (-0.06, 0.60),
        (0.34, 0.47),
        (0.62, 0.25),
    ),
    "oval": (
        (0.84, 0.02),
        (0.70, -0.20),
        (0.40, -0.38),
        (0.00, -0.43),
        (-0.40, -0.28),
        (-0.62, -0.13),
        (-0.62, 0.13),
        (-0.40, 0.28),
        (0.00, 0.42),
        (0.40, 0.37),
        (0.70, 0.20),
    ),
    "torpedo": (
        (1.02, 0.00),
        (0.84, -0.15),
        (0.50, -0.27),
        (0.05, -0.30),
        (-0.40, -0.20),
        (-0.66, -0.10),
        (-0.66, 0.10),
        (-0.40, 0.18),
        (0.05, 0.29),
        (0.50, 0.26),
        (0.84, 0.14),
    ),
}
EYES = {"disc": (0.48, -0.08), "oval": (0.58, -0.08), "torpedo": (0.78, -0.05)}
# patterns drawn for a body of half height 1
HEIGHTS = {"disc": 0.60, "oval": 0.43, "torpedo": 0.30}


def draw(brush: Brush) -> None:
    """Paints one fish."""
    kind = brush.traits["body_shape"]
    _tail(brush)
    _fins(brush, kind)
    outline = smooth(BODIES[kind])
    body = _body(brush, outline)
    _head(brush, body, kind)
    _pattern(brush, body, HEIGHTS[kind])
    _eye_band(brush, body, kind)
    brush.canvas.shade(body, 1.35)
    _scales(brush, body)
    brush.canvas.ink(outline, 1.2)
    _snout(brush, kind)
    _pectoral(brush)
    _eye(brush, EYES[kind])


def _ray_fin(brush: Brush, outline: Points, rays: list[list[tuple[float, float]]], name: str, part: str) -> None:
    canvas = brush.canvas
    paint = brush.colour(name, part)
    shape = canvas.shape(outline)
    canvas.fill(shape, paint, part)
    canvas.fill(canvas.strokes(rays, 0.010).within(shape), darker(paint, 0.55), part, 0.6)
    canvas.shade(shape, 0.7)
    canvas.ink(outline, part=part)


def _tail(brush: Brush) -> None:
    """Draws the tail, a fan or a fork, compressed at random towards the body."""
    beat = brush.scene.uniform("tail beat", 0.78, 1.05)
    swing = brush.scene.uniform("tail swing", -0.18, 0.18)
    fork = brush.form.get("fork", 0.2)
    corner, middle = (-1.02 - 0.14 * fork, 0.30 + 0.16 * fork), -1.06 + 0.62 * fork
    half = [(-0.54, 0.12), (-0.76, 0.20), corner, ((corner[0] + middle) / 2 - 0.02, corner[1] * 0.5)]
    fan = np.array([*[(x, -y) for x, y in half], (middle, 0.0), *reversed(half)])
    fan = rotate((fan - (-0.54, 0)) * (beat, 1) + (-0.54, 0), swing, (-0.54, 0))
    rays = [
        [tuple(q) for q in rotate([(-0.56, 0.06 * k), (-1.04, 0.16 * k)], swing, (-0.54, 0))] for k in (-2, -1, 0, 1, 2)
    ]
    _ray_fin(brush, smooth(fan, steps=5), rays, brush.traits["tail_colour"], "tail")


def _fin_colours(brush: Brush) -> tuple[str, str]:
    """Returns the colours of the lower fins and of the dorsal fin."""
    name = brush.traits["fin_colour"]
    return ("red", "olive") if name == "red_below" else (name, name)


def _fins(brush: Brush, kind: str) -> None:
    """Draws dorsal, anal and pelvic fin; a trout has a short dorsal fin and an adipose fin behind it."""
    h, lift = HEIGHTS[kind], brush.scene.uniform("fins", 0.85, 1.12)
    name, top = _fin_colours(brush)
    high = (0.13 if kind == "torpedo" else 0.20) * lift
    back, low = (_short_fins if kind == "torpedo" else _long_fins)(h, high)
    if kind == "torpedo":
        fatty = [
            (-0.40, -h * 0.60),
            (-0.50, -h * 0.62 - high * 0.7),
            (-0.58, -h * 0.52 - high * 0.6),
            (-0.50, -h * 0.4),
        ]
        _ray_fin(brush, smooth(fatty, steps=5), [[(-0.4, -h), (-0.5, -h * 0.5)]], top, "fins")
    pelvic = [(0.36, h * 0.75), (0.22, h * 0.95 + high * 0.9), (0.10, h + high * 0.8), (0.14, h * 0.8)]
    rays = [[(0.26 - 0.1 * k, -h * 0.7), (0.20 - 0.115 * k, -h - high * 1.2)] for k in range(8)]
    _ray_fin(brush, back, rays, top, "fins")
    _ray_fin(brush, low, [[(-0.1 * k, h * 0.6), (-0.06 - 0.12 * k, h + high)] for k in range(5)], name, "fins")
    rays = [[(0.3 - 0.06 * k, h * 0.7), (0.22 - 0.05 * k, h + high)] for k in range(3)]
    _ray_fin(brush, smooth(pelvic, steps=5), rays, name, "fins")


def _short_fins(h: float, high: float) -> tuple[Points, Points]:
    back = [(0.22, -h * 0.90), (0.16, -h - high * 1.2), (-0.02, -h - high), (-0.14, -h * 0.85), (0.04, -h * 0.8)]
    low = [(-0.24, h * 0.70), (-0.36, h * 0.62 + high), (-0.46, h * 0.55 + high * 0.9), (-0.42, h * 0.5)]
    return smooth(back, steps=5), smooth(low, steps=5)


def _long_fins(h: float, high: float) -> tuple[Points, Points]:
    crest = [(0.34, -h * 0.78), (0.24, -h * 0.9 - high * 0.6), (-0.02, -h * 0.98 - high)]
    crest += [(-0.34, -h * 0.66 - high * 1.05), (-0.56, -h * 0.40 - high * 0.75)]
    low = [(0.02, h * 0.86), (-0.14, h * 0.9 + high * 0.7), (-0.40, h * 0.62 + high), (-0.56, h * 0.38 + high * 0.6)]
    back = smooth([*crest, (-0.52, -h * 0.25), (-0.2, -h * 0.6), (0.1, -h * 0.8)], steps=5)
    return back, smooth([*low, (-0.50, h * 0.2), (-0.2, h * 0.6)], steps=5)


def _body(brush: Brush, outline: Points) -> Shape:
    canvas = brush.canvas
    paint = brush.colour(brush.traits["body_colour"], "body")
    body = canvas.shape(outline)
    canvas.fill(body, paint, "body")
    canvas.fade(body, lighter(paint, 0.65), (0, 0.0), (0, 0.45), 0.38)
    canvas.fade(body, darker(paint, 0.5), (0, -0.05), (0, -0.5), 0.4)
    return body


def _head(brush: Brush, body: Shape, kind: str) -> None:
    """Draws the edge of the gill cover; the region in front of it is the head."""
    canvas, (x, _) = brush.canvas, EYES[kind]
    front = canvas.shape([(x - 0.16, -1), (x - 0.16, 1), (1.2, 1), (1.2, -1)]).within(body)
    part = canvas.parts.setdefault("head", len(canvas.parts) + 1)
    canvas.labels.paste(part, front.corner, front.mask)
    gill = smooth([(x - 0.12, -0.20), (x - 0.23, 0.0), (x - 0.14, 0.22)], False)
    canvas.fill(
        canvas.strokes([gill], 0.018).within(body),
        darker(brush.colour(brush.traits["body_colour"], "body"), 0.6),
        None,
        0.6,
    )


def _scales(brush: Brush, body: Shape) -> None:
    """Draws rows of small faint arcs."""
    lines = []
    for row in range(-4, 5):
        for col in range(-5, 5):
            x, y = col * 0.11 + 0.055 * (row % 2), row * 0.095
            lines.append([(x + 0.02, y - 0.042), (x - 0.022, y), (x + 0.02, y + 0.042)])
    brush.canvas.fill(brush.canvas.strokes(lines, 0.009).within(body), (40, 34, 48), None, 0.14)


def _pattern(brush: Brush, body: Shape, h: float) -> None:
    kind = brush.traits["pattern"]
    ground = brush.colour(brush.traits["body_colour"], "body")
    if kind != "plain":
        for name, outlines in PATTERNS[kind](h, brush.scene.rng("pattern")):
            brush.canvas.mark(outlines, body, brush.colour(name, "marks"), "marks", ground)


def _eye_band(brush: Brush, body: Shape, kind: str) -> None:
    canvas, (x, y) = brush.canvas, EYES[kind]
    if brush.traits["eye_band"] == "black_band":
        band = ribbon([(x - 0.10, -0.6), (x, y), (x - 0.04, 0.6)], (0.12, 0.17, 0.12))
        canvas.mark(
            [band], body, brush.colour("black", "eyeband"), "eyeband", brush.colour(brush.traits["body_colour"], "body")
        )


def _snout(brush: Brush, kind: str) -> None:
    canvas = brush.canvas
    x, y = BODIES[kind][0]
    paint = brush.colour(brush.traits["body_colour"], "body")
    if brush.traits["snout"] == "pointed":
        outline = smooth(
            [
                (x - 0.16, y - 0.145),
                (x + 0.00, y - 0.055),
                (x + 0.12, y - 0.03),
                (x + 0.13, y + 0.03),
                (x + 0.00, y + 0.065),
                (x - 0.16, y + 0.145),
            ],
            steps=5,
        )
        shape = canvas.shape(outline)
        canvas.fill(shape, paint, "snout")
        canvas.shade(shape, 0.8)
        canvas.ink(outline[4:27], 1.0, False, part="snout")
    else:
        canvas.fill(
            canvas.strokes([smooth([(x + 0.0, y + 0.03), (x - 0.07, y + 0.07), (x - 0.14, y + 0.06)], False)], 0.020),
            darker(paint, 0.75),
            "snout",
        )


def _pectoral(brush: Brush) -> None:
    swing = brush.scene.uniform("pectoral", -0.35, 0.35)
    outline = rotate(
        smooth([(0.28, 0.07), (0.18, 0.02), (0.07, 0.05), (0.04, 0.14), (0.12, 0.18), (0.24, 0.14)], steps=5),
        swing,
        (0.28, 0.1),
    )
    rays = [[tuple(q) for q in rotate([(0.26, 0.10), (0.0, 0.04 + 0.06 * k)], swing, (0.28, 0.1))] for k in range(3)]
    _ray_fin(brush, outline, rays, _fin_colours(brush)[0], "fins")


def _eye(brush: Brush, at: tuple[float, float]) -> None:
    canvas, (x, y) = brush.canvas, at
    for paint, r in (((40, 34, 36), 0.082), ((240, 214, 130), 0.070), ((16, 14, 18), 0.046)):
        canvas.fill(canvas.shape(ellipse(x, y, r)), paint, "eye")
    canvas.fill(canvas.shape(ellipse(x + 0.018, y - 0.022, 0.018, n=10)), (255, 255, 255), "eye")
