"""Images of HTML, taken by headless Chromium: many tiles on one sheet, as starting the browser is what takes time."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SHEET_HEIGHT = 7000
"""Pixels: higher sheets than 16,384 are cut off."""
TIMEOUT_S = 120
HEAD = "<!doctype html><meta charset=utf-8><style>*{margin:0}.tile{overflow:hidden;position:relative}iframe{border:0}</style>"


@dataclass(frozen=True, slots=True)
class Tile:
    """html: what fills it; it may refer to files by their file:// addresses. width, height: in pixels."""

    html: str
    width: int
    height: int


def find() -> str | None:
    """The browser's path, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def shots(browser: str, tiles: Sequence[Tile]) -> Iterator[Image.Image]:
    """RGBA, one a tile and in their order; transparent where nothing is painted."""
    with tempfile.TemporaryDirectory() as folder:
        for batch in _sheets(tiles):
            sheet = _shoot(browser, batch, Path(folder))
            top = 0
            for tile in batch:
                yield sheet.crop((0, top, tile.width, top + tile.height))
                top += tile.height


def _sheets(tiles: Sequence[Tile]) -> Iterator[list[Tile]]:
    batch: list[Tile] = []
    for tile in tiles:
        if batch and sum(t.height for t in batch) + tile.height > SHEET_HEIGHT:
            yield batch
            batch = []
        batch.append(tile)
    if batch:
        yield batch


def _shoot(browser: str, batch: Sequence[Tile], folder: Path) -> Image.Image:
    """Raises RuntimeError, with what Chromium said, where it writes no image."""
    page, picture = folder / "sheet.html", folder / "sheet.png"
    picture.unlink(missing_ok=True)
    size = "width:{0.width}px;height:{0.height}px"
    divisions = [f'<div class=tile style="{size.format(tile)}">{tile.html}</div>' for tile in batch]
    page.write_text(HEAD + "\n".join(divisions), "utf-8")
    window = f"{max(tile.width for tile in batch)},{sum(tile.height for tile in batch)}"
    ran = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1",
         "--default-background-color=00000000", f"--user-data-dir={folder / 'profile'}", f"--window-size={window}",
         f"--screenshot={picture}", page.as_uri()],
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    if not picture.exists():
        raise RuntimeError(f"expected {browser} to write a screenshot; it said: {ran.stderr.strip()[-500:]}")
    return Image.open(picture).convert("RGBA")
