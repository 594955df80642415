"""A hand that is not steady: shapes are put on paper with wobbling outlines, and filled in flat, in scribbles or shaded.

Legend: N points of a shape, x to the right and y downwards; a subject fits into -1 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
Points = NDArray[np.float64]
FILLS = ("none", "flat", "flat", "scribbled", "shaded")


@dataclass(frozen=True, slots=True)
class Shape:
    """points_N2: float64 [N, 2]. fill: its natural colour, None for a line that encloses nothing."""

    points_N2: Points
    fill: Colour | None = None


@dataclass(frozen=True, slots=True)
class Hand:
    """How somebody draws. wobble: in units of the subject. width: of the pen, in pixels, 0 for no outline. passes: how
    often a line is gone over. fill: one of FILLS. slip: how far the fill misses its outline, in pixels."""

    ink: Colour
    width: int
    wobble: float
    passes: int
    fill: str
    slip: float


def place(shape: Shape, centre: tuple[float, float], scale: float, turn: float) -> Shape:
    """The shape on the paper: pixels in place of units. turn: radians."""
    cos, sin = np.cos(turn), np.sin(turn)
    return Shape(shape.points_N2 @ np.array([[cos, sin], [-sin, cos]]) * scale + np.array(centre), shape.fill)


def draw(paper: Image.Image, shape: Shape, hand: Hand, scale: float, rng: np.random.Generator) -> None:
    """Fills a placed shape and goes round it, onto `paper`."""
    points_N2 = _wobbled(shape.points_N2, hand.wobble * scale, rng)
    if shape.fill is not None and hand.fill != "none":
        _fill(paper, points_N2 + rng.normal(0, 1, 2) * hand.slip, shape.fill, hand, rng)
    if hand.width and (shape.fill is None or hand.ink != shape.fill):
        for _ in range(hand.passes):
            _stroke(paper, _wobbled(points_N2, hand.wobble * scale / 2, rng), hand, rng)


def _wobbled(points_N2: Points, amount: float, rng: np.random.Generator) -> Points:
    """Pushed about by slow waves of random phase, as a hand wanders."""
    along_N1 = np.linspace(0, 2 * np.pi, len(points_N2))[:, None]
    waves = [np.sin(k * along_N1 + rng.uniform(0, 2 * np.pi, 2)) / k for k in (1, 2, 3, 5, 8)]
    return np.asarray(points_N2 + amount * np.sum(waves, axis=0))


def _stroke(paper: Image.Image, points_N2: Points, hand: Hand, rng: np.random.Generator) -> None:
    pen = ImageDraw.Draw(paper)
    width = max(1, round(hand.width * rng.uniform(0.75, 1.25)))
    path = [(float(x), float(y)) for x, y in points_N2]
    pen.line(path, fill=hand.ink, width=width, joint="curve")
    for x, y in (path[0], path[-1]):
        pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=hand.ink)


def _fill(paper: Image.Image, points_N2: Points, colour: Colour, hand: Hand, rng: np.random.Generator) -> None:
    mask = Image.new("L", paper.size, 0)
    ImageDraw.Draw(mask).polygon([(float(x), float(y)) for x, y in points_N2], fill=255)
    box = mask.getbbox()
    if box is None:
        return
    if hand.fill == "scribbled":
        mask = ImageChops.darker(mask, _scribble(paper.size, box, hand.width, rng))
    paper.paste(colour, (0, 0), mask)
    if hand.fill == "shaded":
        _shade(paper, mask, box)


def _scribble(
    size: tuple[int, int], box: tuple[int, int, int, int], width: int, rng: np.random.Generator
) -> Image.Image:
    """A zigzag over the box: 255 where the crayon went."""
    left, top, right, bottom = box
    step = max(3, 2 * width) * rng.uniform(0.8, 1.3)
    slant = rng.uniform(0, bottom - top + 1)
    levels = np.arange(top - slant, bottom + slant, step)
    ends = [
        (right if k % 2 else left, level + (-slant if k % 2 else 0) + rng.normal(0, 1))
        for k, level in enumerate(levels)
    ]
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).line(
        [(float(x), float(y)) for x, y in ends], fill=255, width=round(step * 0.6) + 1, joint="curve"
    )
    return mask


def _shade(paper: Image.Image, mask: Image.Image, box: tuple[int, int, int, int]) -> None:
    """Darker towards the lower right edge: the shape's own blurred mask, moved."""
    reach = max(2, (box[2] - box[0] + box[3] - box[1]) // 10)
    lit = ImageChops.offset(mask.filter(ImageFilter.GaussianBlur(reach)), -reach, -reach)
    shadow = ImageChops.darker(mask, ImageChops.invert(lit)).point(lambda v: v * 0.6)
    paper.paste((20, 10, 30), (0, 0), shadow)
