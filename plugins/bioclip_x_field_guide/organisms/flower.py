"""Flowers: one large head facing the viewer, on a stem with leaves."""

from __future__ import annotations

import numpy as np

from bioclip_x_field_guide.organisms.foliage import LEAVES, Blade, petal
from bioclip_x_field_guide.painting.curves import Points, Warp, ellipse, ribbon, rotate, smooth
from bioclip_x_field_guide.painting.palette import RGB, darker, lighter, mix
from bioclip_x_field_guide.painting.scene import Brush, Stance

STANCE = Stance(tilt=9, scale=(0.41, 0.47), centre=(0.5, 0.52), drift=0.03)
PETALS = ("petals", "marks")
REGIONS = {
    "petal_colour": (("petals",),),
    "petal_form": (PETALS,),
    "petal_mark": (("marks",), ("petals",)),
    "centre": (("centre",),),
    "leaves": (("leaves",),),
}
HEAD = (0.0, -0.36)
# form: (number of petals, length, width, layers)
FORMS = {
    "four_crumpled": (4, 0.60, 0.92, 1),
    "five_notched": (5, 0.56, 0.52, 1),
    "five_rounded": (5, 0.56, 0.50, 1),
    "six_oval": (6, 0.60, 0.40, 1),
    "many_rays": (21, 0.58, 0.135, 1),
    "broad_rays": (17, 0.60, 0.20, 2),
    "drooping_rays": (13, 0.58, 0.17, 1),
    "fringed_florets": (10, 0.60, 0.26, 1),
    "six_pointed": (6, 0.62, 0.40, 1),
}
GREEN: RGB = (92, 132, 62)


def draw(brush: Brush) -> None:
    """Paints one flower."""
    nod = brush.scene.uniform("nod", 0.80, 1.0)
    bend = brush.scene.uniform("bend", -0.16, 0.16)
    _stem(brush, bend)
    _leaves(brush, bend)

    def warp(points: Points) -> Points:
        return np.asarray(points) * (1.0, nod) + HEAD

    _petals(brush, warp)
    _centre(brush, warp)


def _stem(brush: Brush, bend: float) -> None:
    canvas = brush.canvas
    line = ribbon([HEAD, (bend, 0.25), (bend * 0.5, 1.3)], (0.075, 0.085, 0.095))
    shape = canvas.shape(line)
    canvas.fill(shape, mix(GREEN, (120, 150, 84), brush.scene.uniform("stem green", 0, 0.6)), "stem")
    canvas.shade(shape)
    canvas.ink(line, 0.9)


def _leaves(brush: Brush, bend: float) -> None:
    """Draws leaves at fixed nodes of the stem."""
    canvas, kind = brush.canvas, brush.traits["leaves"]
    green = mix(GREEN, (60, 108, 66), brush.scene.uniform("leaf green", 0, 0.7))
    if kind == "greyish_lobed":
        green = mix(green, (176, 192, 190), 0.55)
    for k, side in enumerate((-1, 1)):
        lift = brush.scene.uniform(f"leaf {side}", -0.16, 0.16)
        at = (bend * (0.75 if k else 0.6), 0.52 + 0.12 * k)
        for outline, rib in _leaf(kind, side, lift, at):
            shape = canvas.shape(outline)
            canvas.fill(shape, green, "leaves")
            canvas.shade(shape, 0.9)
            canvas.fill(canvas.strokes([rib], 0.014).within(shape), lighter(green, 0.45), "leaves", 0.7)
            canvas.ink(outline, 0.9, part="leaves")


def _leaf(kind: str, side: int, lift: float, at: tuple[float, float]) -> list[Blade]:
    """Returns outlines with their ribs, rotated to their side of the stem."""
    if kind == "strap":
        line = [(0, 0.5), (0.16, 0.0), (0.30 + lift, -0.62)]
        return [(ribbon(line, (0.12, 0.13, 0.015)) * (side, 1) + at, np.array(line) * (side, 1) + at)]
    turn = lift - 0.35
    blades = LEAVES[kind]()
    return [(rotate(o, turn) * (side, 1) + at, rotate(rib, turn) * (side, 1) + at) for o, rib in blades]


def _petals(brush: Brush, warp: Warp) -> None:
    canvas, form = brush.canvas, brush.traits["petal_form"]
    count, length, width, layers = FORMS[form]
    length *= brush.size("petal_length")
    start = brush.scene.uniform("petal turn", 0, 2 * np.pi)
    paint = brush.colour(brush.traits["petal_colour"], "petals")
    rng = brush.scene.rng("petals")
    for layer in range(layers):
        order = [*range(0, count, 2), *range(1, count, 2)]
        for k in order:
            turn = start + (k + 0.5 * layer) * 2 * np.pi / count
            one = rotate(petal(form, length * (1 - 0.10 * layer), width, rng), turn)
            outline = warp(_hung(one, form, turn))
            shape = canvas.shape(outline)
            tone = lighter(paint, 0.12) if (k + layer) % 2 else paint
            canvas.fill(shape, tone, "petals")
            far = rotate([(length, 0)], turn)
            canvas.fade(shape, darker(paint, 0.45), _at(warp, far * 0.75), _at(warp, far * 0.1), 0.5)
            if count < 8:
                canvas.shade(shape, 0.7)
                veins = [
                    warp(rotate([(0.1, 0.02 * v), (length * 0.85, width * 0.30 * v)], turn)) for v in (-1, -0.4, 0.4, 1)
                ]
                canvas.fill(canvas.strokes(veins, 0.010).within(shape), darker(paint, 0.4), "petals", 0.35)
            _mark(brush, warp, turn, length, width, outline)
            canvas.ink(outline, 0.9, part="petals")


def _hung(piece: Points, form: str, turn: float) -> Points:
    """Places a petal, or a piece of one; drooping forms hang down."""
    hung: Points = piece * (0.86, 0.72) + (0, 0.20 + 0.10 * np.sin(turn)) if form == "drooping_rays" else piece
    return hung


def _at(warp: Warp, point: Points) -> tuple[float, float]:
    x, y = warp(point)[0]
    return float(x), float(y)


def _mark(brush: Brush, warp: Warp, turn: float, length: float, width: float, outline: Points) -> None:
    """Paints the mark of one petal: a blotch at the base, a coloured tip or a pale eye."""
    canvas, kind, colour = brush.canvas, brush.traits["petal_mark"], brush.traits["petal_colour"]
    if kind == "black_blotch":
        piece, name = ellipse(length * 0.42, 0, length * 0.22, width * 0.24), "black"
    elif kind == "pink_tips":
        piece, name = (
            ellipse(length * 1.02, 0, length * 0.22, width * 1.2),
            "pink" if colour == "magenta" else "magenta",
        )
    elif kind == "white_eye":
        piece, name = ellipse(length * 0.30, 0, length * 0.30, width * 0.40), "white"
    elif kind == "deep_yellow_eye":
        piece, name = (
            ellipse(length * 0.36, 0, length * 0.26, width * 0.26),
            "orange" if colour == "yellow" else "golden",
        )
    else:
        return
    ground = brush.colour(colour, "petals")
    within = canvas.shape(outline)
    placed = warp(_hung(rotate(piece, turn), brush.traits["petal_form"], turn))
    canvas.mark([placed], within, brush.colour(name, "marks"), "marks", ground)


def _centre(brush: Brush, warp: Warp) -> None:
    kind = brush.traits["centre"]
    rng = brush.scene.rng("centre")
    if kind in ("yellow_disc", "brown_disc", "orange_cone"):
        _disc(brush, warp, kind, rng)
    elif kind in ("black_stamens", "yellow_stamens", "pale_stamens", "violet_stamens"):
        _stamens(brush, warp, kind, rng)
    elif kind in ("trumpet", "red_rimmed_cup"):
        _crown(brush, warp, kind)
    else:
        _piece(brush, warp, ellipse(0, 0, 0.06), "yellow" if kind == "small_yellow_eye" else "pale_yellow")


def _piece(brush: Brush, warp: Warp, outline: Points, name: str) -> None:
    canvas = brush.canvas
    shape = canvas.shape(warp(outline))
    canvas.fill(shape, brush.colour(name, "centre " + name), "centre")
    canvas.shade(shape, 1.2)
    canvas.ink(warp(outline), 0.9, part="centre")


def _disc(brush: Brush, warp: Warp, kind: str, rng: np.random.Generator) -> None:
    """Draws a dome of tiny florets in a spiral."""
    name, r = {
        "yellow_disc": ("golden", 0.19),
        "brown_disc": ("dark_brown", 0.28),
        "orange_cone": ("orange_red", 0.25),
    }[kind]
    rise = 0.88 if kind != "orange_cone" else 0.95
    _piece(brush, warp, ellipse(0, -0.04 if kind == "orange_cone" else 0, r, r * rise), name)
    paint = brush.colour(name, "centre " + name)
    k = np.arange(1, 70)
    radius, angle = r * 0.95 * np.sqrt(k / 70), k * 2.39996
    dots = [
        ellipse(x, y * rise - (0.04 if kind == "orange_cone" else 0), 0.017, n=6)
        for x, y in np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    ]
    dot = darker(paint, 0.55) if kind == "yellow_disc" else mix(paint, (240, 170, 60), 0.6)
    brush.canvas.fill(brush.canvas.shape(*[warp(d) for d in dots]), dot, "centre")


def _stamens(brush: Brush, warp: Warp, kind: str, rng: np.random.Generator) -> None:
    """Draws a boss with a ring of stamens."""
    thread, boss = {
        "black_stamens": ("black", "olive"),
        "yellow_stamens": ("yellow", "olive"),
        "pale_stamens": ("pale_yellow", "olive"),
        "violet_stamens": ("lilac", "green"),
    }[kind]
    canvas = brush.canvas
    angles = np.linspace(0, 2 * np.pi, 26, endpoint=False) + rng.uniform(-0.08, 0.08, 26)
    reach = rng.uniform(0.14, 0.23, 26)
    heads = np.stack([reach * np.cos(angles), reach * np.sin(angles)], 1)
    paint = brush.colour(thread, "centre " + thread)
    canvas.fill(canvas.strokes([warp(np.array([(0, 0), h])) for h in heads], 0.012), darker(paint, 0.3), "centre")
    canvas.fill(
        canvas.shape(*[warp(ellipse(x + 0.006, y + 0.008, 0.030, n=8)) for x, y in heads]), darker(paint, 0.6), "centre"
    )
    canvas.fill(canvas.shape(*[warp(ellipse(x, y, 0.026, n=8)) for x, y in heads]), paint, "centre")
    _piece(brush, warp, ellipse(0, 0, 0.085), boss)


def _crown(brush: Brush, warp: Warp, kind: str) -> None:
    """Draws the cup of a daffodil, long or short."""
    r = 0.27 if kind == "trumpet" else 0.17
    frill = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radius = r * (1 + 0.08 * np.cos(frill * 12))
    rim = smooth(np.stack([radius * np.cos(frill), radius * np.sin(frill)], 1), steps=3)
    _piece(brush, warp, rim, "golden" if kind == "trumpet" else "scarlet")
    _piece(brush, warp, ellipse(0, 0.01, r * 0.72), "golden" if kind == "trumpet" else "yellow")
    canvas = brush.canvas
    shape = canvas.shape(warp(ellipse(0, 0.02, r * (0.62 if kind == "trumpet" else 0.4))))
    canvas.fill(shape, (176, 104, 20) if kind == "trumpet" else (140, 150, 70), "centre", 0.7)
    canvas.fill(
        canvas.shape(*[warp(ellipse(0.045 * np.cos(t), 0.045 * np.sin(t), 0.025, n=8)) for t in np.arange(6)]),
        (250, 220, 110),
        "centre",
    )
