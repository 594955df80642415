"""Beetles from above, head up, with six jointed legs and two feelers."""

from __future__ import annotations

import numpy as np

from bioclip_x_field_guide.organisms.beetle_patterns import NECK_SPOTS, PATTERNS, SHOULDER
from bioclip_x_field_guide.painting.canvas import Shape
from bioclip_x_field_guide.painting.curves import blob, ellipse, leaf, ribbon, rotate, smooth
from bioclip_x_field_guide.painting.palette import darker, lighter, mix
from bioclip_x_field_guide.painting.scene import Brush, Stance

STANCE = Stance(tilt=50, scale=(0.36, 0.43), drift=0.03)
REGIONS = {
    "elytra_colour": (("elytra",),),
    "elytra_pattern": (("pattern",), ("elytra",)),
    "pronotum": (("pronotum",),),
    "antennae": (("antennae",),),
    "body_shape": (("elytra", "pattern", "pronotum"),),
    "jaws": (("jaws",), ("head",)),
    "legs": (("legs",),),
}
# half width and bottom of the wing cases, half width of the pronotum; head and legs stay where they are in all three
BODIES = {"round": (0.62, 0.70, 0.42), "oval": (0.48, 0.76, 0.40), "long": (0.35, 0.84, 0.29)}
TOP = -0.54
SKULL = 0.23
PRONOTA = {
    "black_white_corners": "black",
    "yellow_black_spots": "yellow",
    "orange_black_spots": "orange",
    "black": "black",
    "green": "bright_green",
    "bronze": "bronze",
    "chestnut_black": "black_brown",
    "blue_grey_black_spot": "blue_grey",
}
LEGS = {"black": "black", "green": "bright_green", "bronze": "bronze", "blue_grey": "blue_grey", "orange": "orange"}


def draw(brush: Brush) -> None:
    """Paints one beetle."""
    half, end, neck = BODIES[brush.traits["body_shape"]]
    half *= brush.size("width")
    _resting_place(brush)
    shadow = ellipse(0.05, 0.16, 0.62, 0.80)
    brush.canvas.fill(brush.canvas.shape(shadow), (30, 28, 34), None, 0.25)
    _legs(brush, 0.48 * brush.form.get("reach", 1.0))
    _antennae(brush, SKULL, TOP)
    _jaws(brush, SKULL, TOP)
    _head(brush, SKULL, TOP)
    _elytra(brush, half, end)
    _pronotum(brush, neck, TOP)


def _resting_place(brush: Brush) -> None:
    """Draws the ground: a leaf, a stone or a piece of bark."""
    canvas, scene = brush.canvas, brush.scene
    rng = scene.rng("resting place")
    kind, turn, share = (
        int(scene.uniform("place", 0, 3)),
        scene.uniform("place turn", -0.7, 0.7),
        scene.uniform("place tone", 0, 1),
    )
    if kind == 0:
        paint = mix((104, 148, 76), (150, 178, 104), share)
        outline = rotate(leaf(-1.5, 0, 3.0, 2.3, 0) * (1, 1), turn + np.pi / 2)
        ribs = [
            rotate([(x, 0), (x + 0.5, s * 0.75)], turn + np.pi / 2) for x in np.linspace(-1.2, 0.9, 6) for s in (-1, 1)
        ]
        ribs.append(rotate([(-1.5, 0), (1.45, 0)], turn + np.pi / 2))
    elif kind == 1:
        paint = mix((150, 146, 138), (186, 178, 164), share)
        outline = blob(0, 0.1, 1.3, rng, 0.18, 0.92)
        ribs = [
            np.array([(x, y), (x + 0.02 + 0.25 * long, y + 0.1 * long)])
            for x, y, long in rng.uniform((-1, -1, 0), (1, 1, 1), (44, 3)) ** (1, 1, 3)
        ]
    else:
        paint = mix((128, 104, 82), (160, 138, 112), share)
        outline = rotate(ribbon([(-2.2, 0.05), (0, 0), (2.2, -0.05)], (1.9, 1.75, 1.85)), turn * 0.5 + np.pi / 2)
        ribs = [
            rotate([(x, y), (x + 0.4, y + 0.03), (x + 0.7, y)], turn * 0.5 + np.pi / 2)
            for x, y in rng.uniform((-1.6, -0.85), (1.2, 0.85), (26, 2))
        ]
    shape = canvas.shape(outline)
    canvas.fill(shape, paint)
    canvas.fill(
        canvas.strokes(ribs, 0.02).within(shape), darker(paint, 0.35) if kind else lighter(paint, 0.35), None, 0.55
    )
    canvas.shade(shape, 0.7)


def _legs(brush: Brush, half: float) -> None:
    canvas = brush.canvas
    paint = brush.colour(LEGS[brush.traits["legs"]], "legs")
    long = brush.size("leg_length")
    rows = (("front", -0.34, -0.46, -0.68), ("middle", 0.06, 0.06, 0.22), ("hind", 0.36, 0.56, 0.92))
    for side in (-1, 1):
        for name, root, knee, foot in rows:
            swing = brush.scene.uniform(f"leg {name} {side}", -0.14, 0.14)
            joint = (half + 0.26 * long, knee + swing * 0.5 * long)
            toe = (half + 0.36 * long, foot + swing)
            points = np.array([(half * 0.5, root), joint, toe]) * (side, 1)
            limb = ribbon([points[0], (points[0] + points[1]) / 2 + (0, -0.02), points[1]], (0.11, 0.11, 0.08), steps=4)
            shin = ribbon(
                [points[1], (points[1] + points[2]) / 2 + (0.03 * side, 0), points[2]], (0.085, 0.06, 0.045), steps=4
            )
            claw = ribbon([points[2], points[2] + (0.08 * side, 0.09 if foot > 0 else -0.09)], (0.045, 0.02), steps=4)
            canvas.fill(canvas.shape(limb, shin, claw), paint, "legs")
            canvas.ink(limb, 0.7, part="legs")
            canvas.ink(shin, 0.7, part="legs")


def _antennae(brush: Brush, skull: float, top: float) -> None:
    canvas, kind = brush.canvas, brush.traits["antennae"]
    dark = brush.colour("black_brown", "antennae")
    for side in (-1, 1):
        bend = brush.scene.uniform(f"feeler {side}", -0.08, 0.08)
        start = (skull * 0.6 * side, top - 0.10)
        if kind == "long_banded":
            path = [start, ((0.50 + bend) * side, -0.92), ((0.88 + bend) * side, -0.66), ((0.98 + bend) * side, 0.02)]
            feeler = ribbon(path, (0.065, 0.055, 0.045, 0.03), steps=10)
            canvas.fill(canvas.shape(feeler), brush.colour("sky_blue", "antennae"), "antennae")
            knots = smooth(path, False, 5)[1::2]
            canvas.fill(
                canvas.shape(*[ellipse(x, y, 0.058, n=10) for x, y in knots]),
                brush.colour("black", "antennae"),
                "antennae",
            )
            continue
        tip = {"thread": ((0.56 + bend) * side, top - 0.46)}.get(kind, ((0.44 + bend) * side, top - 0.28))
        path = [start, (tip[0] * 0.62, (start[1] + tip[1]) / 2 - 0.06), tip]
        canvas.fill(canvas.shape(ribbon(path, (0.045, 0.035, 0.035))), dark, "antennae")
        if kind == "fan":
            leaves = [
                ribbon(
                    [(tip[0] - 0.03 * side * k, tip[1]), (tip[0] + (0.15 - 0.06 * k) * side, tip[1] - 0.16)],
                    (0.035, 0.05),
                )
                for k in range(3)
            ]
            canvas.fill(canvas.shape(*leaves), brush.colour("chestnut", "antennae"), "antennae")
        elif kind in ("short_clubbed", "orange_clubs", "black_clubs"):
            paint, r = {"orange_clubs": ("orange", 0.135), "black_clubs": ("black", 0.135)}.get(
                kind, ("black_brown", 0.05)
            )
            club = ellipse(*tip, r, r * 0.75, -0.8 * side)
            canvas.fill(canvas.shape(club), brush.colour(paint, "antennae"), "antennae")
            canvas.ink(club, 0.7, part="antennae")


def _jaws(brush: Brush, skull: float, top: float) -> None:
    canvas, kind = brush.canvas, brush.traits["jaws"]
    for side in (-1, 1):
        gape = brush.scene.uniform("gape", -0.05, 0.05)
        if kind == "antlers":
            main = ribbon(
                [
                    (0.13 * side, top - 0.10),
                    ((0.36 + gape) * side, top - 0.28),
                    ((0.32 + gape) * side, top - 0.50),
                    ((0.14 + gape) * side, top - 0.60),
                ],
                (0.15, 0.13, 0.11, 0.03),
            )
            tooth = ribbon([((0.33 + gape) * side, top - 0.36), ((0.16 + gape) * side, top - 0.36)], (0.10, 0.02))
            fork = ribbon([((0.31 + gape) * side, top - 0.48), ((0.36 + gape) * side, top - 0.62)], (0.08, 0.02))
            paint = brush.colour("chestnut", "jaws")
            outlines = [main, tooth, fork]
        elif kind == "sickle":
            outlines = [
                ribbon(
                    [(0.13 * side, top - 0.15), ((0.19 + gape / 2) * side, top - 0.27), (0.04 * side, top - 0.35)],
                    (0.09, 0.075, 0.02),
                )
            ]
            paint = brush.colour("cream", "jaws")
        else:
            continue
        for outline in outlines:
            canvas.ink(outline, 1.6, part="jaws")
        shape = canvas.shape(*outlines)
        canvas.fill(shape, paint, "jaws")
        canvas.shade(shape)


def _head(brush: Brush, skull: float, top: float) -> None:
    canvas = brush.canvas
    name = {
        "green": "bright_green",
        "bronze": "bronze",
        "blue_grey_black_spot": "blue_grey",
        "orange_black_spots": "orange",
        "yellow_black_spots": "yellow",
    }.get(brush.traits["pronotum"], "black")
    outline = smooth(
        [
            (-skull, top + 0.10),
            (-skull * 0.85, top - 0.08),
            (-skull * 0.4, top - 0.17),
            (skull * 0.4, top - 0.17),
            (skull * 0.85, top - 0.08),
            (skull, top + 0.10),
        ],
        steps=5,
    )
    shape = canvas.shape(outline)
    canvas.fill(shape, brush.colour(name, "pronotum"), "head")
    canvas.shade(shape, 1.2)
    canvas.ink(outline, part="head")
    bulge = 0.085 if brush.traits["jaws"] == "sickle" else 0.06
    eyes = [ellipse(skull * 0.86 * side, top - 0.04, bulge, bulge * 1.2) for side in (-1, 1)]
    canvas.fill(canvas.shape(*eyes), (24, 20, 22), "head")
    canvas.fill(
        canvas.shape(*[ellipse(x * skull * 0.86 + 0.02, top - 0.07, 0.02, n=8) for x in (-1, 1)]),
        (230, 230, 225),
        "head",
    )


def _elytra(brush: Brush, half: float, end: float) -> None:
    canvas = brush.canvas
    paint = brush.colour(brush.traits["elytra_colour"], "elytra")
    right = [
        (0.0, SHOULDER - 0.03),
        (half * 0.60, SHOULDER - 0.02),
        (half * 0.94, SHOULDER + 0.18),
        (half, 0.20),
        (half * 0.86, end - 0.26),
        (half * 0.48, end - 0.03),
        (0, end),
    ]
    outline = smooth([*right, *[(-x, y) for x, y in reversed(right[1:-1])]])
    shape = canvas.shape(outline)
    canvas.fill(shape, paint, "elytra")
    kind = brush.traits["elytra_pattern"]
    if kind != "plain":
        name, outlines = PATTERNS[kind](half, end)
        canvas.mark(outlines, shape, brush.colour(name, "pattern"), "pattern", paint)
    canvas.shade(shape, 1.25)
    seam = canvas.strokes([[(0, SHOULDER), (0, end)]], 0.018)
    canvas.fill(seam.within(shape), darker(paint, 0.75), None, 0.85)
    _shine(brush, shape, half)
    canvas.ink(outline, 1.2)
    w = 0.035 if brush.traits["body_shape"] == "round" else 0.065
    scutellum = smooth([(-w, SHOULDER - 0.02), (w, SHOULDER - 0.02), (0, SHOULDER + 1.8 * w)], steps=4)
    canvas.fill(canvas.shape(scutellum), darker(paint, 0.6), "elytra")


def _shine(brush: Brush, shape: Shape, half: float) -> None:
    """Draws two highlights, as on lacquer."""
    canvas = brush.canvas
    x = 0.42 * half * (-1 if canvas.frame.flip else 1) * (1 if canvas.light[0] > 0 else -1)
    canvas.fill(
        canvas.shape(ellipse(x, -0.02, half * 0.13, 0.13, 0.25 * np.sign(x))).within(shape), (255, 255, 255), None, 0.38
    )
    canvas.fill(canvas.shape(ellipse(-x, 0.0, half * 0.06, 0.08)).within(shape), (255, 255, 255), None, 0.18)


def _pronotum(brush: Brush, neck: float, top: float) -> None:
    canvas, kind = brush.canvas, brush.traits["pronotum"]
    low = SHOULDER - 0.005
    y = (top + low) / 2
    front = [(-neck * 0.62, top), (0, top - 0.03), (neck * 0.62, top), (neck, y)]
    outline = smooth(
        [*front, (neck * 0.96, low - 0.01), (0, low + 0.02), (-neck * 0.96, low - 0.01), (-neck, y)], steps=6
    )
    shape = canvas.shape(outline)
    canvas.fill(shape, brush.colour(PRONOTA[kind], "pronotum"), "pronotum")
    if kind in NECK_SPOTS:
        name, outlines = NECK_SPOTS[kind](neck, top, y)
        canvas.fill(canvas.shape(*outlines).within(shape), brush.colour(name, "pronotum spots"), "pronotum")
    canvas.shade(shape, 1.2)
    canvas.ink(outline, 1.1, part="pronotum")
