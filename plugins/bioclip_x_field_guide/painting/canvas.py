"""A supersampled drawing surface that records, for every pixel, which part of the organism was painted there last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

from bioclip_x_field_guide.painting.curves import Points, PointsLike, rotate
from bioclip_x_field_guide.painting.palette import INK, RGB

SUPERSAMPLE = 3
SHADOW: RGB = (38, 30, 56)
GLOW: RGB = (255, 250, 228)


@dataclass(frozen=True)
class Frame:
    """The transform from the organism's coordinates (about -1..1) to the image's (0..1)."""

    x: float
    y: float
    scale: float
    turn: float
    flip: bool

    def pixels(self, points: PointsLike, side: int) -> Points:
        """Converts organism coordinates `[N, 2]` to pixels of a square of `side` pixels."""
        p = np.asarray(points, dtype=np.float64) * ((-1.0 if self.flip else 1.0), 1.0)
        placed: Points = rotate(p, self.turn) * (self.scale * side) + np.array([self.x, self.y]) * side
        return placed


@dataclass(frozen=True)
class Shape:
    """A stencil: an "L" image and the position of its upper left corner."""

    corner: tuple[int, int]
    mask: Image.Image

    def within(self, other: Shape) -> Shape:
        """Returns the intersection with another stencil."""
        left, top = self.corner
        window = (other.corner[0] - left, other.corner[1] - top)
        box = (-window[0], -window[1], self.mask.width - window[0], self.mask.height - window[1])
        return Shape(self.corner, ImageChops.darker(self.mask, other.mask.crop(box)))

    def without(self, other: Shape) -> Shape:
        """Returns the difference from another stencil."""
        x, y = other.corner[0] - self.corner[0], other.corner[1] - self.corner[1]
        rest = self.mask.copy()
        rest.paste(0, (x, y), other.mask)
        return Shape(self.corner, rest)


class Canvas:
    """Paints stencils and records their parts. light: unit vector towards the lamp."""

    def __init__(self, background: Image.Image, frame: Frame, light: tuple[float, float]) -> None:
        self.image = background
        self.frame = frame
        self.light = light
        self.side = background.width
        self.labels = Image.new("L", background.size, 0)
        self.parts: dict[str, int] = {}

    @property
    def unit(self) -> float:
        """Pixels per unit of the organism's coordinates."""
        return self.frame.scale * self.side

    def shape(self, *outlines: PointsLike) -> Shape:
        """Makes the stencil of filled outlines, in organism coordinates."""
        placed = [self.frame.pixels(o, self.side) for o in outlines]
        return self._stencil(placed)

    def _stencil(self, placed: Sequence[Points]) -> Shape:
        if not placed:
            return Shape((0, 0), Image.new("L", (1, 1), 0))
        low = np.clip(np.floor(np.min([p.min(axis=0) for p in placed], axis=0)) - 1, 0, self.side - 1).astype(int)
        high = np.clip(np.ceil(np.max([p.max(axis=0) for p in placed], axis=0)) + 2, low + 1, self.side).astype(int)
        mask = Image.new("L", (int(high[0] - low[0]), int(high[1] - low[1])), 0)
        pen = ImageDraw.Draw(mask)
        for p in placed:
            pen.polygon((p - low).ravel().tolist(), fill=255)
        return Shape((int(low[0]), int(low[1])), mask)

    def strokes(self, lines: Iterable[PointsLike], width: float, closed: bool = False) -> Shape:
        """Makes the stencil of lines of `width` organism units (at least two supersampled pixels)."""
        placed = [self.frame.pixels(line, self.side) for line in lines]
        thick = max(2, round(width * self.unit))
        reach = np.array([thick + 1, thick + 1])
        low = np.clip(np.floor(np.min([p.min(axis=0) for p in placed], axis=0)) - reach, 0, self.side - 1).astype(int)
        high = np.clip(np.ceil(np.max([p.max(axis=0) for p in placed], axis=0)) + reach, low + 1, self.side).astype(int)
        mask = Image.new("L", (int(high[0] - low[0]), int(high[1] - low[1])), 0)
        pen = ImageDraw.Draw(mask)
        for p in placed:
            ends = np.vstack([p, p[:2]]) if closed else p
            pen.line((ends - low).ravel().tolist(), fill=255, width=thick)
        return Shape((int(low[0]), int(low[1])), mask)

    def fill(self, shape: Shape, colour: RGB, part: str | None = None, alpha: float = 1.0) -> None:
        """Paints a stencil, and assigns its pixels to `part`."""
        mask = shape.mask if alpha >= 1 else shape.mask.point([round(v * alpha) for v in range(256)])
        self.image.paste(colour, shape.corner, mask)
        if part is not None:
            self.labels.paste(self.parts.setdefault(part, len(self.parts) + 1), shape.corner, shape.mask)

    def mark(self, outlines: Sequence[PointsLike], within: Shape, colour: RGB, part: str, ground: RGB) -> None:
        """Paints pieces of a pattern, with a visible rim if the ground has nearly their colour."""
        shape = self.shape(*outlines).within(within)
        self.fill(shape, colour, part)
        if max(abs(a - b) for a, b in zip(colour, ground, strict=True)) < 40:
            dark = sum(ground) < 380
            rim = self.strokes(outlines, 0.012, True).within(within)
            self.fill(rim, (150, 146, 150) if dark else (150, 140, 136), part)

    def fade(
        self, shape: Shape, colour: RGB, start: tuple[float, float], end: tuple[float, float], alpha: float = 1.0
    ) -> None:
        """Washes a colour over a stencil, with opacity from 0 at `start` to `alpha` at `end` (organism coordinates)."""
        a, b = self.frame.pixels([start, end], self.side)
        way = (b - a) / max(float((b - a) @ (b - a)), 1e-9)
        w, h = shape.mask.size
        grid_x, grid_y = (np.linspace(0, n, 24) + c for n, c in zip((w, h), shape.corner, strict=True))
        opacity = np.clip((grid_x[None, :] - a[0]) * way[0] + (grid_y[:, None] - a[1]) * way[1], 0, 1)
        self._wash(shape, colour, opacity * alpha)

    def _wash(self, shape: Shape, colour: RGB, opacity: NDArray[np.float64]) -> None:
        """Pastes a colour through a stencil times a small map of opacities `[h, w]` in 0..1."""
        soft = Image.fromarray((np.clip(opacity, 0, 1) * 255).astype(np.uint8)).resize(
            shape.mask.size, Image.Resampling.BILINEAR
        )
        self.image.paste(colour, shape.corner, ImageChops.multiply(soft, shape.mask))

    def shade(self, shape: Shape, strength: float = 1.0) -> None:
        """Shades a part like a pillow: light on the lamp's side, shadow on the other."""
        small = shape.mask.resize((28, 28), Image.Resampling.BOX)
        height = _blur(np.asarray(small, dtype=np.float64) / 255)
        slope_y, slope_x = np.gradient(height)
        w, h = shape.mask.size
        longest = max(w, h)
        lit = -(slope_x * longest / w * self.light[0] + slope_y * longest / h * self.light[1]) * 4.2
        self._wash(shape, SHADOW, np.clip(-lit, 0, 1) * 0.5 * strength)
        self._wash(shape, GLOW, np.clip(lit, 0, 1) * 0.42 * strength)

    def ink(
        self,
        outline: PointsLike,
        width: float = 1.0,
        closed: bool = True,
        colour: RGB = INK,
        alpha: float = 0.8,
        part: str = "ink",
    ) -> None:
        """Draws a thin outline. width: relative to the pen width of the image."""
        self.fill(self.strokes([outline], width * 0.0065 * self.side / self.unit, closed), colour, part, alpha)

    def masks(self, size: int) -> dict[str, NDArray[np.bool_]]:
        """Returns the visible pixels of every painted part, bool `[size, size]`; "organism" is their union."""
        step = self.side // size
        masks = {part: self._compute_coverage([n], step) >= 0.3 for part, n in self.parts.items()}
        masks["organism"] = self._compute_coverage(range(1, 256), step) >= 0.5
        return masks

    def _compute_coverage(self, numbers: Iterable[int], step: int) -> NDArray[np.float64]:
        """Returns the fraction of every final pixel that belongs to parts of these numbers, 0..1."""
        table = np.zeros(256, dtype=np.uint8)
        table[list(numbers)] = 255
        coverage: NDArray[np.float64] = np.asarray(self.labels.point(table.tolist()).reduce(step)) / 255
        return coverage


def _blur(field: NDArray[np.float64]) -> NDArray[np.float64]:
    """Blurs a small map `[n, n]` with a wide Gaussian kernel along each axis."""
    n = field.shape[0]
    reach = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    kernel = np.exp(-0.5 * (reach / (n * 0.13)) ** 2)
    kernel /= kernel.sum(axis=1).max()
    blurred: NDArray[np.float64] = kernel @ field @ kernel.T
    return blurred
