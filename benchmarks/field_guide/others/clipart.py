"""Drawings by other hands, each cut out and laid on a ground: white, coloured, or a painted one of the doodles'."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from . import generator
from .chromium import Tile, shots
from .origins import Collection
from .papers import grain, meadow, tinted, wash, water, white

CUT_OUT = 384
"""Pixels a side that SVG drawings are rendered at."""
LEAST = 48
"""A cut-out smaller than this, in pixels, is a drawing that could not be rendered."""
EMOJI_SIZE = 109
"""The one size that bitmap fonts of emoji have."""
GROUNDS = (white, white, tinted, tinted, meadow, water, wash)
SIZES = (192, 256, 256, 384, 512)


def clipart(collection: Collection, browser: str | None, seed: int, count: int) -> Iterator[tuple[str, Image.Image]]:
    """The names of `count` drawings, in a random order, and the images: RGB, square.

    A collection of fewer is gone through again, on other grounds. SVG drawings are left out where there is no browser.
    """
    order = generator(collection.name, seed, 0).permutation(len(collection.drawings))
    names = [collection.drawings[i] for i in order]
    names = [name for name in names if browser or not _is_svg(name)]
    found = list(islice(cut_outs(collection, names, browser), count))
    for index in range(count if found else 0):
        name, drawing = found[index % len(found)]
        yield name, _laid(drawing, generator(collection.name, seed, index + 1))


def cut_outs(collection: Collection, names: list[str], browser: str | None) -> Iterator[tuple[str, Image.Image]]:
    """RGBA, trimmed; SVG drawings that Chromium cannot render are passed over."""
    vector = [name for name in names if _is_svg(name)]
    tiles = [_tile(collection.base / name) for name in vector]
    rendered = zip(vector, shots(browser, tiles) if browser else (), strict=False)
    plain = ((name, _plain(collection, name)) for name in names if not _is_svg(name))
    for name, drawing in (pair for pairs in (plain, rendered) for pair in pairs):
        box = drawing.getchannel("A").getbbox()
        if box and max(box[2] - box[0], box[3] - box[1]) >= LEAST:
            yield name, drawing.crop(box)


def _is_svg(name: str) -> bool:
    return name.lower().endswith(".svg")


def _tile(file: Path) -> Tile:
    """As a background: a damaged file then paints nothing, where an <img> would paint the sign for one."""
    background = f"background:url('{file.resolve().as_uri()}') center/contain no-repeat"
    return Tile(f'<div style="width:100%;height:100%;{background}"></div>', CUT_OUT, CUT_OUT)


def _plain(collection: Collection, name: str) -> Image.Image:
    """RGBA: an emoji, or a PNG file."""
    if collection.font is None:
        return Image.open(collection.base / name).convert("RGBA")
    glyph = Image.new("RGBA", (EMOJI_SIZE * 2, EMOJI_SIZE * 2))
    font = ImageFont.truetype(collection.font, EMOJI_SIZE)
    ImageDraw.Draw(glyph).text((EMOJI_SIZE // 4, EMOJI_SIZE // 4), name, font=font, embedded_color=True)
    return glyph


def _laid(drawing: Image.Image, rng: np.random.Generator) -> Image.Image:
    """On a ground, filling 55 to 95% of it; every third ground has grain."""
    side = int(rng.choice(SIZES))
    ground = GROUNDS[rng.integers(len(GROUNDS))]((2 * side, 2 * side), rng).resize(
        (side, side), Image.Resampling.LANCZOS
    )
    if rng.random() < 1 / 3:
        ground = grain(ground, rng.uniform(1, 4), rng)
    scale = side * rng.uniform(0.55, 0.95) / max(drawing.size)
    fitted = drawing.resize([max(1, round(v * scale)) for v in drawing.size], Image.Resampling.LANCZOS)
    ground.paste(fitted, ((side - fitted.width) // 2, (side - fitted.height) // 2), fitted)
    return ground
