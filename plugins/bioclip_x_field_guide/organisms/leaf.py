"""Leaves of trees, upright on their twig, with a bud on one side and the fruit on the other."""

from __future__ import annotations

import numpy as np

from bioclip_x_field_guide.organisms.leaf_blades import Blade, blade
from bioclip_x_field_guide.organisms.leaf_twigs import bud, fruit, stalk, twig
from bioclip_x_field_guide.painting.canvas import Shape
from bioclip_x_field_guide.painting.curves import ellipse, ribbon, smooth
from bioclip_x_field_guide.painting.palette import RGB, darker, lighter
from bioclip_x_field_guide.painting.scene import Brush, Stance

BLADE = ("blade", "edge", "tip", "veins", "surface")
STANCE = Stance(tilt=14, scale=(0.40, 0.45), centre=(0.5, 0.535), drift=0.025)
REGIONS = {
    "shape": (BLADE,),
    "margin": (("edge",),),
    "tip": (("tip",),),
    "colour": (("blade", "edge", "tip"),),
    "surface": (("surface",), ("blade",)),
    "veins": (("veins",), ("blade",)),
    "stalk": (("stalk",),),
    "bud": (("bud",),),
    "fruit": (("fruit",), ("spur",)),
}
COLOURS = {
    "green": "leaf_green",
    "dark_green": "dark_leaf_green",
    "yellow": "yellow",
    "orange": "orange",
    "scarlet": "scarlet",
    "copper": "copper",
}
VEINS = {"pale": (250, 246, 206), "dark": (22, 64, 34)}


def draw(brush: Brush) -> None:
    """Paints one leaf."""
    traits = brush.traits
    paint = brush.colour(COLOURS[traits["colour"]], "blade")
    form = blade(traits["shape"], traits["margin"], traits["tip"])
    twig(brush)
    bud(brush)
    stalk(brush, paint, form.compound)
    shape = _blade(brush, form, paint)
    _veins(brush, form, shape, paint)
    _claim(brush, form, shape)
    SURFACES[traits["surface"]](brush, form, shape)
    fruit(brush)


def _blade(brush: Brush, form: Blade, paint: RGB) -> Shape:
    """Paints the blade: every piece is shaded, its right half darker, and outlined. Returns the whole stencil."""
    canvas = brush.canvas
    canvas.fill(canvas.shape(*[p + np.array([0.03, 0.05]) for p in form.pieces]), (34, 32, 30), None, 0.30)
    for outline in form.pieces:
        shape = canvas.shape(outline)
        canvas.fill(shape, paint, "blade")
        canvas.fade(shape, darker(paint, 0.45), (0.1, -0.3), (0.1, 0.55), 0.40)
        canvas.fade(shape, lighter(paint, 0.5), (0.0, -0.2), (-0.4, -0.9), 0.30)
        if not form.compound:
            half = canvas.shape([(0, -1.4), (1.4, -1.4), (1.4, 1.4), (0, 1.4)]).within(shape)
            canvas.fill(half, darker(paint, 0.6), None, 0.14)
        canvas.shade(shape, 0.9)
        canvas.ink(outline, 1.1, part="blade")
    return canvas.shape(*form.pieces)


def _claim(brush: Brush, form: Blade, shape: Shape) -> None:
    """Assigns pixels to the parts edge and tip, without painting."""
    canvas = brush.canvas
    canvas.fill(canvas.strokes(form.pieces, 0.10, True).within(shape), (0, 0, 0), "edge", 0.0)
    canvas.fill(canvas.shape(*form.tips).within(shape), (0, 0, 0), "tip", 0.0)
    if brush.traits["veins"] != "faint":
        canvas.fill(canvas.strokes(form.veins[:1], 0.05).within(shape), (0, 0, 0), "veins", 0.0)


def _veins(brush: Brush, form: Blade, shape: Shape, paint: RGB) -> None:
    canvas, kind = brush.canvas, brush.traits["veins"]
    lines = [smooth(line, False, 4) for line in form.veins]
    if kind == "faint":
        canvas.fill(canvas.strokes(lines, 0.010).within(shape), darker(paint, 0.6), None, 0.35)
        return
    ink = VEINS[kind]
    if sum(abs(a - b) for a, b in zip(ink, paint, strict=True)) < 200:
        rim = darker(paint, 0.75) if kind == "pale" else lighter(paint, 0.7)
        canvas.fill(canvas.strokes(lines, 0.052).within(shape), rim, "veins")
    canvas.fill(canvas.strokes(lines, 0.030).within(shape), ink, "veins")


def _matte(brush: Brush, form: Blade, shape: Shape) -> None:
    """Draws nothing."""


def _glossy(brush: Brush, form: Blade, shape: Shape) -> None:
    """Draws highlights, as on lacquer."""
    if form.compound:
        gleams = [ellipse(x - 0.04, y - 0.03, 0.055, 0.10, 0.4, n=12) for x, y in form.spots]
    else:
        gleams = [ribbon([(s * 0.12, 0.16), (s * 0.22, -0.14), (s * 0.17, -0.50)], (0.03, 0.13, 0.02)) for s in (-1, 1)]
    brush.canvas.fill(brush.canvas.shape(*gleams).within(shape), (255, 255, 255), "surface", 0.72)


def _tar_spots(brush: Brush, form: Blade, shape: Shape) -> None:
    """Draws the black spots of a fungus, each with a yellow ring."""
    canvas = brush.canvas
    sizes = brush.scene.rng("tar spots").uniform(0.065, 0.09, len(form.spots))
    for grow, paint in ((1.45, brush.colour("pale_yellow", "tar ring")), (1.0, (22, 20, 22))):
        spots = [ellipse(x, y, r * grow, r * grow * 0.9, n=14) for (x, y), r in zip(form.spots, sizes, strict=True)]
        canvas.fill(canvas.shape(*spots).within(shape), paint, "surface")


def _galls(brush: Brush, form: Blade, shape: Shape) -> None:
    """Draws small pinkish-red galls."""
    canvas = brush.canvas
    sizes = brush.scene.rng("galls").uniform(0.08, 0.10, len(form.spots))
    for (x, y), r in list(zip(form.spots, sizes, strict=True))[:5]:
        ball = ellipse(x, y, float(r), n=16)
        whole = canvas.shape(ball)
        canvas.fill(whole, brush.colour("rose_red", "galls"), "surface")
        canvas.shade(whole, 1.4)
        canvas.fill(canvas.shape(ellipse(x - 0.02, y - 0.03, 0.022, n=8)), (255, 238, 226), "surface")
        canvas.ink(ball, 0.9, part="surface")


def _mines(brush: Brush, form: Blade, shape: Shape) -> None:
    """Draws the winding whitish tracks of leaf-mining larvae, with a brown line of droppings."""
    canvas = brush.canvas
    swings = brush.scene.rng("mines").uniform(-0.05, 0.05, (len(form.spots), 2))
    ways = [
        [(x - 0.05, y + 0.17), (x + 0.08 + a, y + 0.08), (x - 0.07, y), (x + 0.06 + b, y - 0.09), (x, y - 0.17)]
        for (x, y), (a, b) in zip(form.spots, swings, strict=True)
    ]
    tracks = canvas.shape(*[ribbon(way, (0.03, 0.06, 0.085)) for way in ways]).within(shape)
    canvas.fill(
        canvas.shape(*[ribbon(way, (0.06, 0.09, 0.12)) for way in ways]).within(shape), (120, 78, 44), "surface"
    )
    canvas.fill(tracks, (250, 246, 230), "surface")
    lines = canvas.strokes([smooth(way, False, 4) for way in ways], 0.016)
    canvas.fill(lines.within(shape), (132, 92, 54), "surface")


SURFACES = {"matte": _matte, "glossy": _glossy, "tar_spots": _tar_spots, "galls": _galls, "mines": _mines}
