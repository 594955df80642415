"""Screenshots of web pages, by headless Chromium, at the sizes of screens, windows and telephones."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from PIL import Image

from . import generator
from .chromium import Tile, shots
from .pages import page

WINDOWS = ((1280, 800), (1024, 768), (800, 600), (640, 480), (390, 844), (500, 500))


def screenshots(browser: str, seed: int, count: int) -> Iterator[Image.Image]:
    """RGB, `count` of them. Every page has a frame of its own, as large as its window."""
    yield from (shot.convert("RGB") for shot in shots(browser, [_tile(seed, index) for index in range(count)]))


def _tile(seed: int, index: int) -> Tile:
    rng = generator("screenshots", seed, index)
    width, height = WINDOWS[rng.integers(len(WINDOWS))]
    frame = f'<iframe scrolling=no width={width} height={height} srcdoc="{escape(page(index, rng))}"></iframe>'
    return Tile(frame, width, height)
