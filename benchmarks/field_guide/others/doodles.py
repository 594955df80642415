"""Freehand doodles: the subjects of a field guide, and others, as people draw them in notebooks and paint programs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from . import generator
from .papers import paper
from .pen import FILLS, Colour, Hand, Shape, draw, place
from .subjects import BRIGHT, LIVING, OTHERS

INKS: tuple[Colour, ...] = ((20, 20, 24), (38, 50, 120), (70, 66, 64), (90, 50, 30), (160, 30, 40), (30, 90, 60))
OVERSAMPLING = 2
SIZES = (160, 224, 256, 256, 320, 480)


def doodle(seed: int, index: int) -> Image.Image:
    """RGB, 120 to 640 pixels a side. Three subjects of four are living things."""
    rng = generator("doodles", seed, index)
    high = int(rng.choice(SIZES))
    wide = round(high * float(rng.choice([1, 1, 4 / 3, 3 / 4])))
    sheet = paper((wide * OVERSAMPLING, high * OVERSAMPLING), rng)
    hand, recolour = _hand(high, rng), _recolouring(rng)
    for centre, scale in _places(sheet.size, rng):
        subjects = LIVING if rng.random() < 0.75 else OTHERS
        turn, flip = rng.normal(0, 0.15), float(rng.choice([-1, 1]))
        for shape in subjects[rng.integers(len(subjects))](rng):
            turned = Shape(shape.points_N2 * np.array([flip, 1]), recolour(shape.fill))
            draw(sheet, place(turned, centre, scale, turn), hand, scale, rng)
    drawn = sheet.resize((wide, high), Image.Resampling.LANCZOS)
    return drawn.filter(ImageFilter.GaussianBlur(0.8)) if rng.random() < 0.15 else drawn


def _hand(high: int, rng: np.random.Generator) -> Hand:
    """A pen in proportion to the paper; now and then no outline at all, if there is a fill."""
    fill = FILLS[rng.integers(len(FILLS))]
    width = max(2, round(OVERSAMPLING * high * rng.choice([0.006, 0.012, 0.02])))
    outlined = fill not in ("flat", "shaded") or rng.random() < 0.8
    return Hand(
        ink=INKS[0] if rng.random() < 0.5 else INKS[rng.integers(len(INKS))],
        width=width if outlined else 0,
        wobble=rng.uniform(0.005, 0.04),
        passes=int(rng.choice([1, 1, 2, 3])),
        fill=fill,
        slip=float(rng.choice([0, 0, 3])),
    )


def _recolouring(rng: np.random.Generator) -> Callable[[Colour | None], Colour | None]:
    """Natural colours, each drawing a little different; or, for two drawings of five, whichever crayon came to hand."""
    shift = rng.integers(-18, 19, 3)
    crayons: dict[Colour, Colour] = {}

    def natural(colour: Colour | None) -> Colour | None:
        if colour is None:
            return None
        r, g, b = (int(v) for v in np.clip(np.array(colour) + shift, 0, 255))
        return r, g, b

    def any_crayon(colour: Colour | None) -> Colour | None:
        return None if colour is None else crayons.setdefault(colour, BRIGHT[rng.integers(len(BRIGHT))])

    return natural if rng.random() < 0.6 else any_crayon


def _places(size: tuple[int, int], rng: np.random.Generator) -> list[tuple[tuple[float, float], float]]:
    """Centre and half size, in pixels, of each subject: one large, or up to seven about the sheet."""
    wide, high = size
    if rng.random() < 0.65:
        centre = (wide * rng.uniform(0.45, 0.55), high * rng.uniform(0.45, 0.55))
        return [(centre, min(size) * rng.uniform(0.3, 0.46))]
    spots = rng.uniform(0.18, 0.82, (int(rng.integers(2, 8)), 2))
    return [((wide * float(x), high * float(y)), min(size) * rng.uniform(0.1, 0.22)) for x, y in spots]
