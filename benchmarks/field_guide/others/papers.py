"""What is drawn on: white and coloured paper, notebooks, grounds painted as a sky over a meadow, water, a wash."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .pen import Colour

Rng = np.random.Generator
Size = tuple[int, int]
TINTS: tuple[Colour, ...] = (
    (250, 244, 214), (214, 232, 246), (226, 242, 214), (250, 220, 224), (234, 222, 246),
    (196, 164, 120), (120, 170, 110), (96, 150, 190), (60, 66, 76), (236, 190, 90), (206, 92, 84),
)  # fmt: skip
SKIES: tuple[Colour, ...] = ((150, 200, 236), (206, 226, 240), (246, 214, 180), (176, 206, 190), (90, 110, 160))
GROUNDS: tuple[Colour, ...] = ((112, 160, 84), (150, 130, 84), (84, 120, 70), (200, 184, 130), (110, 90, 70))
WATERS: tuple[Colour, ...] = ((70, 140, 180), (40, 100, 130), (110, 180, 190))


def paper(size: Size, rng: Rng) -> Image.Image:
    """RGB of `size`, one of KINDS; half of them have the grain of paper or of a photograph of it."""
    sheet = KINDS[rng.integers(len(KINDS))](size, rng)
    return grain(sheet, rng.uniform(1, 7), rng) if rng.random() < 0.5 else sheet


def grain(image: Image.Image, amount: float, rng: Rng) -> Image.Image:
    """Grey noise of `amount` steps of 8-bit colour, softened to two pixels."""
    noise = rng.normal(0, amount * 2, (image.height // 2 + 1, image.width // 2 + 1))
    fine = np.kron(noise, np.ones((2, 2)))[: image.height, : image.width, None]
    return Image.fromarray(np.clip(np.asarray(image) + fine, 0, 255).astype(np.uint8))


def white(size: Size, rng: Rng) -> Image.Image:
    return Image.new("RGB", size, (255, 255, 255) if rng.random() < 0.6 else (250, 248, 240))


def tinted(size: Size, rng: Rng) -> Image.Image:
    return Image.new("RGB", size, TINTS[rng.integers(len(TINTS))])


def ruled(size: Size, rng: Rng) -> Image.Image:
    """A notebook: lines or squares, with a margin."""
    sheet = Image.new("RGB", size, (252, 250, 242))
    pen, step = ImageDraw.Draw(sheet), round(size[1] / rng.uniform(9, 18))
    for y in range(step, size[1], step):
        pen.line([(0, y), (size[0], y)], fill=(176, 200, 224), width=2)
    if rng.random() < 0.5:
        for x in range(step, size[0], step):
            pen.line([(x, 0), (x, size[1])], fill=(176, 200, 224), width=2)
    pen.line([(size[0] // 7, 0), (size[0] // 7, size[1])], fill=(226, 130, 130), width=3)
    return sheet


def blend(size: Size, top: Colour, bottom: Colour) -> Image.Image:
    """From one colour above to another below."""
    return Image.composite(
        Image.new("RGB", size, bottom), Image.new("RGB", size, top), Image.linear_gradient("L").resize(size)
    )


def meadow(size: Size, rng: Rng) -> Image.Image:
    """A sky, hills and grass."""
    sky, ground = SKIES[rng.integers(len(SKIES))], GROUNDS[rng.integers(len(GROUNDS))]
    sheet = blend(size, sky, (244, 240, 226)) if rng.random() < 0.5 else Image.new("RGB", size, sky)
    pen = ImageDraw.Draw(sheet)
    for depth in (0.5, 0.65, 0.8):
        xs = np.linspace(0, size[0], 40)
        ys = size[1] * (depth + 0.05 * np.sin(xs / size[0] * rng.uniform(3, 9) + rng.uniform(0, 6)))
        shade: Colour = tuple(round(v * (1.5 - depth)) for v in ground)  # type: ignore[assignment]
        hill = [(0.0, float(size[1])), *zip(xs.tolist(), ys.tolist(), strict=True), (float(size[0]), float(size[1]))]
        pen.polygon(hill, fill=shade)
    for x, y in rng.uniform((0, 0.7), (1, 1), (60, 2)) * np.array(size):
        pen.line([(x, y), (x + rng.normal(0, 8), y - size[1] * 0.05)], fill=(70, 110, 50), width=3)
    return sheet


def water(size: Size, rng: Rng) -> Image.Image:
    """Darker with depth, with bubbles and weeds."""
    colour = WATERS[rng.integers(len(WATERS))]
    deep: Colour = tuple(v // 2 for v in colour)  # type: ignore[assignment]
    sheet = blend(size, colour, deep)
    pen = ImageDraw.Draw(sheet)
    for x, y in rng.uniform(0, 1, (8, 2)) * np.array(size):
        r = size[1] * rng.uniform(0.01, 0.03)
        pen.ellipse((x - r, y - r, x + r, y + r), outline=(220, 240, 246), width=3)
    for x in rng.uniform(0, size[0], 6):
        pen.line([(x + 12 * np.sin(k), size[1] * (1 - 0.04 * k)) for k in range(10)], fill=(40, 110, 80), width=9)
    return sheet


def wash(size: Size, rng: Rng) -> Image.Image:
    """Watercolour: blots of related colours, run into one another."""
    base = np.array(TINTS[rng.integers(len(TINTS))])
    noise = rng.normal(0, 24, (6, 6, 1)) + rng.normal(0, 7, (6, 6, 3))
    blots = np.clip(base + noise, 0, 255).astype(np.uint8)
    return Image.fromarray(blots).resize(size, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(6))


KINDS: tuple[Callable[[Size, Rng], Image.Image], ...] = (
    white,
    white,
    tinted,
    tinted,
    ruled,
    meadow,
    meadow,
    water,
    wash,
)
