"""The surroundings of a leaf: twig, stalk, a bud at the left and a fruit at the right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bioclip_x_field_guide.organisms.leaf_blades import FOOT
from bioclip_x_field_guide.painting.canvas import Shape
from bioclip_x_field_guide.painting.curves import Points, PointsLike, ellipse, leaf, ribbon, rotate, smooth
from bioclip_x_field_guide.painting.palette import RGB, darker, lighter, mix
from bioclip_x_field_guide.painting.scene import Brush

STALKS: dict[str, RGB] = {
    "green": (112, 150, 66),
    "red": (196, 34, 40),
    "yellow": (244, 214, 84),
    "eared": (112, 150, 66),
    "downy": (112, 150, 66),
}
AXIL = (-0.40, 0.90)
SPUR = (0.60, 0.90)


def piece(brush: Brush, outline: PointsLike, paint: RGB, part: str, strength: float = 1.1) -> Shape:
    """Draws a filled, shaded and outlined piece."""
    shape = brush.canvas.shape(outline)
    brush.canvas.fill(shape, paint, part)
    brush.canvas.shade(shape, strength)
    brush.canvas.ink(outline, 0.9, part=part)
    return shape


def twig(brush: Brush) -> None:
    """Draws the twig from edge to edge and the short spur that bears the fruit."""
    canvas, scene = brush.canvas, brush.scene
    slope = scene.uniform("twig", -0.07, 0.07)
    bark = mix((104, 82, 62), (142, 120, 98), scene.uniform("bark", 0, 1))
    spur = ribbon([(SPUR[0] - 0.16, 0.95), SPUR, (SPUR[0] + 0.03, 0.80)], (0.075, 0.06, 0.05))
    line = ribbon([(-1.7, 1.04 + slope), (-0.4, 0.96), (0.4, 0.95), (1.7, 1.0 - slope)], (0.12, 0.11, 0.10, 0.075))
    for outline, part in ((spur, "spur"), (line, None)):
        shape = canvas.shape(outline)
        canvas.fill(shape, bark, part)
        canvas.shade(shape)
        canvas.ink(outline, 0.9, part=part or "twig")
    warts = [ellipse(x, 0.965, 0.016, 0.010, n=6) for x in scene.rng("lenticels").uniform(-1, 1, 14)]
    canvas.fill(canvas.shape(*warts), lighter(bark, 0.45))


def stalk(brush: Brush, blade: RGB, compound: bool) -> None:
    """Draws the stalk from the twig to the blade; in a compound leaf it continues between the leaflets."""
    canvas, kind = brush.canvas, brush.traits["stalk"]
    x = brush.scene.uniform("stalk", -0.07, 0.07)
    top = [(0.0, -0.40), (0.0, 0.10)] if compound and brush.traits["shape"] == "pinnate" else [(0.0, 0.26)]
    way = [*top, FOOT, (x * 0.5, 0.70), (x, 0.94)]
    if kind == "downy":
        hair = brush.scene.rng("down").uniform(0.06, 0.10, (22, 2))
        base = np.linspace(0.44, 0.90, 22)
        lines = [[(x * (y - 0.44) * 2, y), (x * (y - 0.44) * 2 + s * out[0], y - 0.03)]
                 for y, out in zip(base, hair, strict=True) for s in (-1, 1)]  # fmt: skip
        canvas.fill(canvas.strokes(lines, 0.020), (250, 248, 240), "stalk")
    outline = ribbon(way, (0.06, 0.08, 0.085, 0.10))
    piece(brush, outline, STALKS[kind], "stalk")
    if kind == "eared":
        for s in (-1, 1):
            ear = smooth([(0.0, 0.44), (s * 0.10, 0.38), (s * 0.21, 0.46), (s * 0.20, 0.60), (s * 0.08, 0.62)], steps=5)
            piece(brush, ear, lighter(blade, 0.12), "stalk")


def bud(brush: Brush) -> None:
    """Draws one or more buds on the upper side of the twig."""
    kind, (x, y) = brush.traits["bud"], AXIL
    lean = brush.scene.uniform("bud", -0.22, 0.10)
    for dx, turn, length, width in BUDS[kind][1]:
        foot = np.array([x + dx, y + 0.03])
        outline = rotate(leaf(0, 0, length, width, -np.pi / 2), lean + turn) + foot
        paint = brush.colour(BUDS[kind][0], "bud")
        shape = piece(brush, outline, paint, "bud", 1.3)
        scales = [rotate([(s * 0.15, -length * k), (0, -length * (k - 0.18))], lean + turn) + foot
                  for k in (0.45, 0.75) for s in (-1, 1)]  # fmt: skip
        tone = lighter(paint, 0.5) if kind in ("black", "sticky") else darker(paint, 0.6)
        brush.canvas.fill(brush.canvas.strokes(scales, 0.016).within(shape), tone, "bud")
        if kind == "sticky":
            gleam = rotate([(-0.03, -length * 0.55)], lean + turn)[0] + foot
            brush.canvas.fill(
                brush.canvas.shape(ellipse(gleam[0], gleam[1], 0.022, 0.055, lean)), (255, 250, 240), "bud"
            )
        if kind == "downy":
            hairs = [[p, p + (p - (x, y - 0.12)) * 0.28] for p in outline[::2]]
            brush.canvas.fill(brush.canvas.strokes(hairs, 0.014), (252, 250, 246), "bud")


# bud: colour and its pieces as (shift, turn, length, width)
BUDS: dict[str, tuple[str, tuple[tuple[float, float, float, float], ...]]] = {
    "clustered": ("brown", ((-0.09, -0.55, 0.24, 0.17), (0.09, 0.55, 0.24, 0.17), (0.0, 0.0, 0.30, 0.20))),
    "black": ("black", ((0.0, 0.0, 0.30, 0.34),)),
    "spindle": ("tan", ((0.0, 0.0, 0.54, 0.17),)),
    "green": ("bright_green", ((0.0, 0.0, 0.32, 0.28),)),
    "red": ("red", ((0.0, 0.0, 0.32, 0.28),)),
    "downy": ("pale_grey", ((0.0, 0.0, 0.30, 0.24),)),
    "sticky": ("dark_brown", ((0.0, 0.0, 0.42, 0.38),)),
}


def fruit(brush: Brush) -> None:
    """Draws the fruit on its spur; it may hang in front of the blade."""
    FRUITS[brush.traits["fruit"]](brush, brush.scene.uniform("fruit", -0.12, 0.12))


def _none(brush: Brush, swing: float) -> None:
    """Leaves the spur bare."""


def _acorns(brush: Brush, places: list[tuple[float, float]]) -> None:
    for x, y in places:
        nut = smooth(
            [(x - 0.10, y), (x - 0.095, y - 0.16), (x, y - 0.27), (x + 0.095, y - 0.16), (x + 0.10, y)], steps=5
        )
        piece(brush, nut, brush.colour("golden", "acorn"), "fruit", 1.3)
        cup = smooth(
            [(x - 0.135, y - 0.04), (x, y - 0.01), (x + 0.135, y - 0.04), (x + 0.09, y + 0.10), (x - 0.09, y + 0.10)]
        )
        piece(brush, cup, brush.colour("brown", "cup"), "fruit", 1.2)


def _stalked_acorns(brush: Brush, swing: float) -> None:
    forks = [(SPUR[0] - 0.14 + swing * 0.5, 0.52), (SPUR[0] + 0.16 + swing * 0.5, 0.44)]
    lines = [
        smooth([(SPUR[0] + 0.03, 0.82), (0.5 * (SPUR[0] + x) + 0.02, 0.68), (x, y + 0.08)], False) for x, y in forks
    ]
    brush.canvas.fill(brush.canvas.strokes(lines, 0.042), (96, 120, 52), "fruit")
    _acorns(brush, forks)


def _stalkless_acorns(brush: Brush, swing: float) -> None:
    _acorns(brush, [(SPUR[0] - 0.12, 0.82), (SPUR[0] + 0.18, 0.82)])


def _wing(length: float, width: float, turn: float, at: tuple[float, float]) -> Points:
    """Draws a wing of a maple samara."""
    shape = [(0, -0.02), (0.35, -0.32), (0.8, -0.5), (1.0, -0.1), (0.8, 0.28), (0.35, 0.12)]
    return rotate(smooth(np.array(shape) * (length, width), steps=5), turn) + at


def _paired_keys(brush: Brush, swing: float) -> None:
    at = (SPUR[0] + 0.04 + swing * 0.3, 0.50)
    brush.canvas.fill(brush.canvas.strokes([[(SPUR[0] + 0.03, 0.82), at]], 0.03), (112, 130, 60), "fruit")
    for s in (-1, 1):
        wing = _wing(0.46, 0.30, -0.5 + swing, (0.0, 0.0)) * (s, 1) + at
        shape = piece(brush, wing, brush.colour("tan", "key"), "fruit", 0.8)
        ribs = [np.array([(0, 0), (s * 0.42, -0.10 - 0.05 * k)]) + at for k in range(4)]
        brush.canvas.fill(brush.canvas.strokes(ribs, 0.012).within(shape), (120, 88, 54), "fruit")
        piece(brush, ellipse(at[0] + s * 0.07, at[1] - 0.01, 0.085, 0.07), brush.colour("olive", "seed"), "fruit", 1.3)


def _hanging_keys(brush: Brush, swing: float) -> None:
    top = (SPUR[0] + 0.06, 0.30)
    brush.canvas.fill(brush.canvas.strokes([[(SPUR[0] + 0.03, 0.82), top]], 0.03), (112, 130, 60), "fruit")
    for k, turn in enumerate((-0.75, 0.75, -0.38, 0.38, 0.0)):
        key = leaf(*top, 0.56, 0.16, np.pi / 2 + turn + swing)
        piece(brush, key, brush.colour("olive" if k % 2 else "tan", f"key {k}"), "fruit", 0.8)


def _red_berries(brush: Brush, swing: float) -> None:
    places = ((-0.13, 0.62), (0.16, 0.60), (0.02, 0.70), (-0.07, 0.47), (0.10, 0.45), (0.02, 0.57))
    lines = [[(SPUR[0] + 0.03, 0.84), (SPUR[0] + x, y)] for x, y in places]
    brush.canvas.fill(brush.canvas.strokes(lines, 0.022), (110, 92, 60), "fruit")
    for x, y in places:
        at = (SPUR[0] + x + swing * 0.3, y)
        piece(brush, ellipse(*at, 0.088, n=18), brush.colour("red", "berries"), "fruit", 1.5)
        brush.canvas.fill(
            brush.canvas.shape(ellipse(at[0] - 0.025, at[1] - 0.03, 0.022, n=8)), (255, 232, 220), "fruit"
        )


def _catkin(brush: Brush, swing: float) -> None:
    line = [(SPUR[0] + 0.03, 0.86), (SPUR[0] + 0.02 + swing, 0.60), (SPUR[0] + 0.06 + swing, 0.26)]
    shape = piece(brush, ribbon(line, (0.05, 0.19, 0.18, 0.07)), brush.colour("olive", "catkin"), "fruit", 1.3)
    path = smooth(line, False, 7)
    rows = [path[k] + np.array([(s * 0.11, -0.03), (0, 0.03)]) for k in range(len(path)) for s in (-1, 1)]
    brush.canvas.fill(brush.canvas.strokes(rows, 0.016).within(shape), (92, 66, 40), "fruit")


def _spiny_husk(brush: Brush, swing: float) -> None:
    at, r = np.array([SPUR[0] + 0.05 + swing * 0.2, 0.60]), 0.19
    brush.canvas.fill(brush.canvas.strokes([np.array([(SPUR[0] + 0.03, 0.84), at])], 0.045), (112, 100, 60), "fruit")
    around = np.linspace(0, 2 * np.pi, 15, endpoint=False)
    ways = np.stack([np.cos(around), np.sin(around)], axis=1)
    brush.canvas.fill(
        brush.canvas.strokes([np.stack([at + w * r * 0.8, at + w * r * 1.45]) for w in ways], 0.028),
        (62, 54, 30),
        "fruit",
    )
    piece(brush, ellipse(at[0], at[1], r), brush.colour("olive", "husk"), "fruit", 1.2)
    slit = smooth(at + np.array([(-0.03, -0.16), (0.075, -0.06), (0.05, 0.13), (-0.075, 0.06)]), steps=5)
    piece(brush, slit, brush.colour("chestnut", "nut"), "fruit", 1.4)


def _nutlets(brush: Brush, swing: float) -> None:
    strap = leaf(SPUR[0] - 0.02, 0.84, 0.62, 0.20, -np.pi / 2 + 0.35 + swing)
    piece(brush, strap, brush.colour("pale_yellow", "strap"), "fruit", 0.8)
    start = (SPUR[0] + 0.06, 0.60)
    for x, y in ((-0.17, 0.52), (0.02, 0.72), (-0.02, 0.46)):
        at = (SPUR[0] + x + swing * 0.3, y)
        brush.canvas.fill(brush.canvas.strokes([[start, at]], 0.022), (96, 110, 52), "fruit")
        piece(brush, ellipse(*at, 0.075, n=16), brush.colour("pale_grey", "nutlets"), "fruit", 1.3)


def _plum_seed(brush: Brush, swing: float) -> None:
    at = (SPUR[0] + 0.06 + swing * 0.4, 0.56)
    brush.canvas.fill(brush.canvas.strokes([[(SPUR[0] + 0.03, 0.84), at]], 0.035), (140, 130, 60), "fruit")
    piece(brush, ellipse(*at, 0.20, 0.22), brush.colour("ochre", "seed"), "fruit", 1.5)
    brush.canvas.fill(brush.canvas.shape(ellipse(at[0] - 0.06, at[1] - 0.08, 0.04, n=10)), (255, 248, 226), "fruit")


FRUITS: dict[str, Callable[[Brush, float], None]] = {
    "none": _none, "stalked_acorns": _stalked_acorns, "stalkless_acorns": _stalkless_acorns,
    "paired_keys": _paired_keys, "hanging_keys": _hanging_keys, "red_berries": _red_berries, "catkin": _catkin,
    "spiny_husk": _spiny_husk, "nutlets": _nutlets, "plum_seed": _plum_seed,
}  # fmt: skip
