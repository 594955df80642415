"""Mushrooms in side view from slightly below, so that the gills are visible; cap up, foot down."""

from __future__ import annotations

import numpy as np

from bioclip_x_field_guide.painting.canvas import Shape
from bioclip_x_field_guide.painting.curves import Points, PointsLike, ellipse, leaf, ribbon, smooth
from bioclip_x_field_guide.painting.palette import darker, lighter, mix
from bioclip_x_field_guide.painting.scene import Brush, Stance

CAP = ("cap", "warts", "patches")
STANCE = Stance(tilt=9, scale=(0.40, 0.46), centre=(0.5, 0.51), drift=0.025)
REGIONS = {
    "cap_colour": (("cap",),),
    "cap_surface": (("warts", "patches"), CAP),
    "cap_shape": ((*CAP, "gills"),),
    "underside": (("gills",),),
    "stem_colour": (("stem", "foot"),),
    "ring": (("ring",), ("stem",)),
    "base": (("foot", "sac"), ("stem",)),
}
# shape: (half width, height above the rim, height of the rim, depth of the shape underside)
SHAPES = {
    "domed": (0.80, 0.56, -0.28, 0.18),
    "bell": (0.62, 0.74, -0.22, 0.15),
    "broad_flat": (0.95, 0.36, -0.34, 0.17),
    "bun": (0.84, 0.60, -0.20, 0.17),
    "tall_egg": (0.47, 1.0, 0.08, 0.10),
    "funnel": (0.80, 0.26, -0.52, 0.20),
}
UNDERSIDES = {
    "white_gills": "white",
    "pale_pores": "pale_yellow",
    "red_pores": "red",
    "yellow_ridges": "golden",
    "violet_gills": "violet",
    "yellow_gills": "lemon",
    "pink_gills": "pink",
    "black_gills": "black",
}
STEMS = {
    "white": "white",
    "pale_brown": "tan",
    "red_netted": "golden",
    "yellow": "golden",
    "violet": "violet",
    "orange_brown": "rust",
    "flushed_pink": "blush",
    "snakeskin": "cream",
}
# foot: how wide the stem is at the top, the middle and the bottom
FEET = {
    "even": (0.20, 0.20, 0.22),
    "sac": (0.21, 0.23, 0.28),
    "warty_bulb": (0.21, 0.24, 0.46),
    "rimmed_bulb": (0.20, 0.22, 0.40),
    "smooth_bulb": (0.22, 0.26, 0.46),
    "swollen": (0.36, 0.52, 0.62),
}


def draw(brush: Brush) -> None:
    """Paints one mushroom."""
    lean = brush.scene.uniform("lean", -0.10, 0.10)
    tuft(brush)
    if brush.traits["cap_shape"] == "funnel":
        foot = stem(brush, lean)
        underside(brush, lean)
    else:
        underside(brush, lean)
        foot = stem(brush, lean)
    cap(brush, lean)
    ring(brush, lean, foot)


def tuft(brush: Brush) -> None:
    """Draws grass and moss behind the foot."""
    rng = brush.scene.rng("tuft")
    canvas = brush.canvas
    canvas.fill(canvas.shape(ellipse(0, 0.95, 0.75, 0.10)), (46, 52, 34), None, 0.35)
    for x, height, bend, green in zip(
        rng.uniform(-0.8, 0.8, 13),
        rng.uniform(0.15, 0.42, 13),
        rng.uniform(-0.15, 0.15, 13),
        rng.uniform(0, 1, 13),
        strict=True,
    ):
        blade = ribbon(
            [(x, 1.0), (x + bend / 3, 1.0 - height * 0.6), (x + bend, 1.0 - height)], (0.05, 0.035, 0.0), steps=4
        )
        canvas.fill(canvas.shape(blade), mix((74, 104, 48), (136, 156, 76), float(green)))


def stem(brush: Brush, lean: float) -> tuple[float, float, float]:
    """Draws the stem with its foot, and returns its widths."""
    canvas, base = brush.canvas, brush.traits["base"]
    thick = brush.size("stem_width")
    top, middle, bottom = (w * thick for w in FEET[base])
    paint = brush.colour(STEMS[brush.traits["stem_colour"]], "stem")
    outline = smooth(_stem_outline(lean, top, middle, bottom), steps=6)
    shape = canvas.shape(outline)
    canvas.fill(shape, paint, "stem")
    _stem_markings(brush, shape, lean)
    canvas.shade(shape, 1.0)
    canvas.ink(outline, part="stem")
    _foot(brush, base, bottom, thick)
    return top, middle, bottom


def _stem_outline(lean: float, top: float, middle: float, bottom: float) -> Points:
    left = [
        (lean - top / 2, -0.42),
        (lean * 0.6 - top / 2, 0.05),
        (-middle / 2, 0.5),
        (-bottom / 2, 0.82),
        (-bottom * 0.3, 0.97),
    ]
    return np.array(
        left + [(2 * (lean if y < -0.4 else lean * 0.6 if y < 0.1 else 0) - x, y) for x, y in reversed(left)]
    )


def _stem_markings(brush: Brush, shape: Shape, lean: float) -> None:
    """Draws fibres, a net or a snakeskin pattern."""
    canvas, kind = brush.canvas, brush.traits["stem_colour"]
    rng = brush.scene.rng("stem marks")
    if kind == "red_netted":
        mesh = [[(s * (k * 0.13 - 1.4), -0.5), (s * (k * 0.13 - 0.3), 1.0)] for k in range(22) for s in (-1, 1)]
        canvas.fill(canvas.strokes(mesh, 0.045).within(shape), brush.colour("red", "stem marks"), "stem")
        return
    if kind == "snakeskin":
        rows = [(r, c) for r in range(15) for c in range(-3, 4)]
        patches = [
            ellipse(c * 0.10 + (r % 2) * 0.05 + rng.uniform(-0.01, 0.01), -0.3 + r * 0.09, 0.042, 0.026, n=8)
            for r, c in rows
        ]
        canvas.fill(canvas.shape(*patches).within(shape), brush.colour("brown", "stem marks"), "stem")
        return
    fibres = [[(lean * 0.5 + x, -0.3), (x + bend, 0.3), (x * 1.3, 0.9)] for x, bend in rng.uniform(-0.12, 0.12, (6, 2))]
    canvas.fill(canvas.strokes([smooth(f, False, 4) for f in fibres], 0.010).within(shape), (92, 70, 60), None, 0.25)


def _foot(brush: Brush, base: str, bottom: float, thick: float) -> None:
    canvas = brush.canvas
    if base == "sac":
        rng = brush.scene.rng("sac")
        torn = [
            (x, 0.60 + 0.07 * (i % 2) + 0.03 * rng.uniform(-1, 1))
            for i, x in enumerate(np.linspace(-0.27, 0.27, 6) * thick)
        ]
        outline = smooth(
            [*torn, (0.33 * thick, 0.82), (0.22 * thick, 1.0), (-0.22 * thick, 1.0), (-0.33 * thick, 0.82)], steps=5
        )
        _part(brush, outline, brush.colour("white", "sac"), "sac", 1.3)
        inside = smooth([(-0.25 * thick, 0.63), (0, 0.70), (0.25 * thick, 0.63)], False, 5)
        canvas.ink(inside, 0.9, False, alpha=0.5, part="sac")
    elif base == "warty_bulb":
        for y, half in ((0.64, bottom * 0.37), (0.73, bottom * 0.44), (0.82, bottom * 0.47)):
            warts = [
                ellipse(x, y + 0.03 * (1 - (x / half) ** 2), 0.034, 0.026, n=10) for x in np.linspace(-half, half, 7)
            ]
            _parts(brush, warts, lighter(brush.colour("cream", "foot"), 0.3), "foot")
    elif base == "rimmed_bulb":
        rim = ribbon([(-bottom * 0.56, 0.66), (0, 0.715), (bottom * 0.56, 0.66)], (0.03, 0.075, 0.03))
        _part(brush, rim, brush.colour("white", "foot"), "foot")


def _part(brush: Brush, outline: PointsLike, paint: tuple[int, int, int], part: str, strength: float = 1.0) -> Shape:
    """Draws a filled, shaded and outlined piece."""
    shape = brush.canvas.shape(outline)
    brush.canvas.fill(shape, paint, part)
    brush.canvas.shade(shape, strength)
    brush.canvas.ink(outline, part=part)
    return shape


def _parts(
    brush: Brush, outlines: list[Points], paint: tuple[int, int, int], part: str, within: Shape | None = None
) -> None:
    """Draws many small pieces, each with a soft rim below."""
    canvas = brush.canvas
    if not outlines:
        return
    rims = canvas.shape(*[o + np.array([0.008, 0.014]) for o in outlines])
    pieces = canvas.shape(*outlines)
    canvas.fill(rims if within is None else rims.within(within), darker(paint, 0.55), part)
    canvas.fill(pieces if within is None else pieces.within(within), paint, part)


def _measures(brush: Brush) -> tuple[float, float, float, float]:
    """Returns half width, height, rim and depth of the cap."""
    half, height, rim, depth = SHAPES[brush.traits["cap_shape"]]
    return half * brush.size("cap_width"), height * brush.size("cap_height"), rim, depth


def cap(brush: Brush, lean: float) -> None:
    """Draws the dome with its surface."""
    canvas = brush.canvas
    half, height, rim, _ = _measures(brush)
    outline = _cap_outline(brush.traits["cap_shape"], lean, rim, half, height, brush.scene.rng("rim"))
    shape = canvas.shape(outline)
    paint = brush.colour(brush.traits["cap_colour"], "cap")
    canvas.fill(shape, paint, "cap")
    canvas.fade(shape, darker(paint, 0.45), (lean, rim - height * 0.5), (lean, rim + 0.05), 0.5)
    canvas.fade(shape, lighter(paint, 0.5), (lean, rim - height * 0.3), (lean, rim - height * 1.1), 0.35)
    canvas.shade(shape, 1.2)
    _surface(brush, shape, lean, rim, half, height)
    _gloss(brush, shape, lean, rim, half, height)
    canvas.ink(outline, 1.2, part="cap")


def underside(brush: Brush, lean: float) -> None:
    """Draws gills or pores: an ellipse below the rim, or the outside of the funnel."""
    canvas, kind = brush.canvas, brush.traits["underside"]
    half, _, rim, depth = _measures(brush)
    paint = brush.colour(UNDERSIDES[kind], "gills")
    under = ellipse(lean, rim, half * 0.97, depth, n=36)
    if brush.traits["cap_shape"] == "funnel":
        left = [(lean - half, rim), (lean - half * 0.55, rim + 0.34), (lean * 0.7 - 0.10, 0.25)]
        under = smooth([*left, (lean * 0.7 + 0.10, 0.25), (lean + half * 0.55, rim + 0.34), (lean + half, rim)])
    shape = canvas.shape(under)
    funnel = brush.traits["cap_shape"] == "funnel"
    canvas.fill(shape, paint, "gills")
    if kind.endswith("pores"):
        rng = brush.scene.rng("pores")
        dots = [ellipse(lean + x * half, rim + y * 0.14, 0.014, 0.010, n=6) for x, y in rng.uniform(-1, 1, (90, 2))]
        canvas.fill(canvas.shape(*dots).within(shape), darker(paint, 0.45), "gills")
    else:
        ridges = kind == "yellow_ridges"
        spread = np.linspace(-1, 1, 11 if ridges else 27)
        end = (lean * 0.7, 0.35) if funnel else (lean, rim + 0.02)
        lines = [
            [
                (end[0] + s * 0.10, end[1]),
                (lean + s * half * 1.05, rim + (0.0 if funnel else 0.26 * np.sqrt(max(0.0, 1 - s * s)))),
            ]
            for s in spread
        ]
        canvas.fill(
            canvas.strokes(lines, 0.040 if ridges else 0.012).within(shape),
            darker(paint, 0.5) if kind != "black_gills" else lighter(paint, 0.35),
            "gills",
        )
    canvas.fade(shape, (40, 30, 50), (lean, rim + 0.16), (lean, rim - 0.02), 0.4)
    canvas.ink(under, part="gills")


def _cap_outline(kind: str, lean: float, rim: float, half: float, height: float, rng: np.random.Generator) -> Points:
    """Returns the dome, whose lower edge bows up like the near rim of a plate above eye level."""
    edge = 0.015
    wave = rng.uniform(-0.02, 0.02, 5)
    if kind == "funnel":
        top = [(-1, 0), (-0.6, -0.42 + wave[0]), (-0.1, -0.30), (0.35, -0.36 + wave[1]), (0.75, -0.34), (1, 0)]
        low = [(0.7, 0.34 + 3 * wave[2]), (0.3, 0.42), (-0.2, 0.36 + 3 * wave[3]), (-0.65, 0.40)]
        return smooth([(lean + x * half, rim + y * height * 1.1) for x, y in top + low])
    profile = {
        "domed": [(-1.0, 0), (-0.90, 0.38), (-0.62, 0.78), (-0.2, 0.98)],
        "bell": [(-1.0, 0), (-0.80, 0.26), (-0.55, 0.66), (-0.2, 0.97)],
        "broad_flat": [(-1.0, 0), (-0.82, 0.38), (-0.42, 0.62), (-0.14, 0.96)],
        "bun": [(-1.0, 0.02), (-1.0, 0.36), (-0.74, 0.78), (-0.25, 0.99)],
        "tall_egg": [(-1.0, 0), (-1.05, 0.35), (-0.86, 0.74), (-0.35, 0.98)],
    }[kind]
    left = [(lean + x * half, rim - y * height + edge) for x, y in profile]
    right = [(2 * lean - x, y) for x, y in reversed(left)]
    dip = -0.10 if kind != "tall_egg" else -0.05
    low = [
        (lean + half * x, rim + edge + dip * (1 - x * x) * 0.6 + w)
        for x, w in zip((0.55, 0.0, -0.55), wave[:3] * 0.4, strict=True)
    ]
    return smooth([*left, *right, *low])


def _surface(brush: Brush, shape: Shape, lean: float, rim: float, half: float, height: float) -> None:
    """Draws warts, patches, scales or streaks on a lattice that thins out towards the rim."""
    kind = brush.traits["cap_surface"]
    rng = brush.scene.rng("surface")
    shifts = rng.uniform((-0.03, -0.02), (0.03, 0.02), (len(LATTICE), 2))
    spots = [(lean + half * x + dx, rim - height * y + dy) for (x, y), (dx, dy) in zip(LATTICE, shifts, strict=True)]
    crown = (lean, rim - height)
    if kind == "white_warts":
        _parts(brush, [_wart(x, y, rng, 0.068) for x, y in spots], brush.colour("white", "warts"), "warts", shape)
    elif kind == "grey_patches":
        flakes = [_wart(x, y, rng, 0.078) for x, y in spots[::2] + spots[1:9:2]]
        _parts(brush, flakes, brush.colour("pale_grey", "warts"), "patches", shape)
    elif kind == "brown_scales":
        twice = [(x + d, y + 1.4 * d) for x, y in spots for d in (0.0, 0.07)]
        scales = [leaf(x, y, 0.13, 0.075, np.pi / 2 + (lean - x) * 0.9) for x, y in twice]
        scales.append(ellipse(lean, rim - height * 0.88, half * 0.2, height * 0.15))
        _parts(brush, scales, brush.colour("brown", "warts"), "warts", shape)
    elif kind == "shaggy":
        thrice = [(x + dx, y + dy) for x, y in spots for dx, dy in ((0.0, 0.0), (-0.05, 0.11), (0.05, 0.06))]
        flakes = [leaf(x, y, 0.17, 0.10, np.pi / 2 + (x - lean) * 0.6) for x, y in thrice]
        _parts(brush, flakes, brush.colour("cream", "warts"), "warts", shape)
        disc = brush.canvas.shape(ellipse(*crown, half * 0.5, height * 0.12)).within(shape)
        brush.canvas.fill(disc, brush.colour("tan", "warts"), "warts")
    elif kind == "fine_streaks":
        _streaks(brush, shape, crown, half, height)


def _streaks(brush: Brush, shape: Shape, crown: tuple[float, float], half: float, height: float) -> None:
    """Draws fibres from the middle of the cap to its rim."""
    paint = darker(brush.colour(brush.traits["cap_colour"], "cap"), 0.5)
    x, y = crown
    ways = [[(x + 0.1 * s, y), (x + s * half * 0.7, y + height * 0.4), (x + s * half, y + height)] for s in SPREAD]
    lines = [smooth(way, False, 5) for way in ways]
    brush.canvas.fill(brush.canvas.strokes(lines, 0.011).within(shape), paint, "patches", 0.55)


SPREAD = np.linspace(-1, 1, 17)
LATTICE = (
    (-0.78, 0.18),
    (-0.45, 0.16),
    (-0.1, 0.14),
    (0.25, 0.16),
    (0.6, 0.15),
    (0.86, 0.2),
    (-0.66, 0.42),
    (-0.3, 0.42),
    (0.08, 0.42),
    (0.42, 0.42),
    (0.72, 0.42),
    (-0.48, 0.68),
    (-0.12, 0.68),
    (0.24, 0.70),
    (0.54, 0.66),
    (-0.22, 0.90),
    (0.14, 0.92),
)


def _wart(x: float, y: float, rng: np.random.Generator, r: float) -> Points:
    a, b, c = rng.uniform(0.8, 1.2, 3)
    return smooth(
        [(x - r * a, y), (x - r * 0.2, y - r * 0.8 * b), (x + r * c, y - 0.01), (x + r * 0.2, y + r * 0.7 * a)], steps=4
    )


def _gloss(brush: Brush, shape: Shape, lean: float, rim: float, half: float, height: float) -> None:
    """Draws a faint highlight on the lamp's side, through which warts remain visible."""
    side = (-1 if brush.canvas.frame.flip else 1) * brush.canvas.light[0]
    spot = ellipse(lean + half * 0.45 * side, rim - height * 0.68, half * 0.20, height * 0.09, 0.5 * side)
    brush.canvas.fill(brush.canvas.shape(spot).within(shape), (255, 255, 250), None, 0.28)


def ring(brush: Brush, lean: float, foot: tuple[float, float, float]) -> None:
    """Draws a hanging skirt or a loose narrow ring, always at the same height."""
    kind, w = brush.traits["ring"], (foot[0] + foot[1]) / 2
    x = lean * 0.45
    if kind in ("white_skirt", "yellow_skirt"):
        frill = brush.scene.rng("skirt").uniform(-0.02, 0.02, 5)
        low = [
            (x + w * k, 0.33 + f + 0.03 * (1 - abs(k))) for k, f in zip((1.0, 0.5, 0.0, -0.5, -1.0), frill, strict=True)
        ]
        outline = smooth([(x - w * 0.5, 0.14), (x, 0.16), (x + w * 0.5, 0.14), *low], steps=5)
        _part(brush, outline, brush.colour(kind.partition("_")[0], "ring"), "ring", 1.2)
        pleats = [[(x + w * 0.45 * k, 0.18), (x + w * 0.8 * k, 0.32)] for k in (-0.8, -0.4, 0.0, 0.4, 0.8)]
        brush.canvas.fill(brush.canvas.strokes(pleats, 0.010), (90, 76, 70), "ring", 0.5)
    elif kind == "loose_ring":
        _part(
            brush,
            ribbon([(x - w * 0.85, 0.28), (x, 0.345), (x + w * 0.85, 0.28)], (0.07, 0.12, 0.07)),
            brush.colour("cream", "ring"),
            "ring",
        )
