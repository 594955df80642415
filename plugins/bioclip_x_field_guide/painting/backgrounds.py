"""Painted habitats. Each is painted small and enlarged, so that it looks out of focus behind the organism."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from bioclip_x_field_guide.painting.curves import Points, blob, ellipse, leaf, ribbon, smooth
from bioclip_x_field_guide.painting.palette import RGB, mix
from bioclip_x_field_guide.painting.scene import Scene


class Sheet:
    """A small square image with coordinates 0..1."""

    def __init__(self, side: int, rng: np.random.Generator, top: RGB, bottom: RGB) -> None:
        self.rng, self.side = rng, side
        rows = np.linspace(0, 1, 7)[:, None, None]
        wash = (
            np.array(top) * (1 - rows)
            + np.array(bottom) * rows
            + rng.normal(0, 7, (7, 7, 1))
            + rng.normal(0, 3, (7, 7, 3))
        )
        small = Image.fromarray(np.clip(wash, 0, 255).astype(np.uint8))
        self.image = small.resize((side, side), Image.Resampling.BICUBIC)
        self.pen = ImageDraw.Draw(self.image)

    def fill(self, outline: Points, colour: RGB) -> None:
        """Fills an outline with a colour."""
        self.pen.polygon((outline * self.side).ravel().tolist(), fill=colour)

    def tone(self, a: RGB, b: RGB) -> RGB:
        """Returns a random mix of two colours."""
        return mix(a, b, float(self.rng.random()))

    def hill(self, height: float, colour: RGB, rough: float = 0.05) -> None:
        """Fills the ground below a wavy line."""
        xs = np.linspace(-0.1, 1.1, 7)
        line = smooth([(x, height + rough * d) for x, d in zip(xs, self.rng.uniform(-1, 1, 7), strict=True)], False)
        self.fill(np.vstack([line, [(1.2, 1.2), (-0.2, 1.2)]]), colour)

    def grass(self, count: int, ground: float, a: RGB, b: RGB, height: tuple[float, float] = (0.15, 0.4)) -> None:
        """Draws blades of grass."""
        for _ in range(count):
            x, y, h, bend = self.rng.uniform((-0.05, ground, height[0], -0.10), (1.05, 1.1, height[1], 0.10))
            self.fill(
                ribbon([(x, y), (x + bend * 0.3, y - h * 0.6), (x + bend, y - h)], (0.022, 0.016, 0.0), steps=4),
                self.tone(a, b),
            )

    def leaves(self, count: int, box: tuple[float, float, float, float], a: RGB, b: RGB, length: float = 0.16) -> None:
        """Scatters leaves in a box (left, top, right, bottom)."""
        for _ in range(count):
            x, y, turn, size = self.rng.uniform((box[0], box[1], 0, 0.6), (box[2], box[3], 6.28, 1.2))
            self.fill(leaf(x, y, length * size, length * size * 0.55, turn), self.tone(a, b))

    def stones(self, count: int, ground: float, a: RGB, b: RGB, radius: tuple[float, float] = (0.04, 0.12)) -> None:
        """Draws rounded stones with a lit top."""
        for _ in range(count):
            x, y, r = self.rng.uniform((0, ground, radius[0]), (1, 1.02, radius[1]))
            colour = self.tone(a, b)
            outline = blob(x, y, r, self.rng, 0.14, 0.65)
            self.fill(outline, mix(colour, (30, 30, 40), 0.25))
            self.fill((outline - (x, y)) * 0.86 + (x - r * 0.06, y - r * 0.08), colour)

    def discs(
        self, count: int, box: tuple[float, float, float, float], a: RGB, b: RGB, radius: tuple[float, float]
    ) -> None:
        """Draws round dabs: blossoms, berries, bokeh."""
        for _ in range(count):
            x, y, r = self.rng.uniform((box[0], box[1], radius[0]), (box[2], box[3], radius[1]))
            self.fill(ellipse(x, y, r, n=14), self.tone(a, b))


def meadow(s: Sheet) -> None:
    """Tall grass with far blossoms under a pale sky."""
    s.hill(0.52, s.tone((150, 182, 110), (176, 196, 122)), 0.03)
    s.discs(14, (0, 0.5, 1, 0.95), (240, 220, 120), (226, 170, 190), (0.010, 0.024))
    s.grass(34, 0.8, (84, 126, 60), (150, 178, 84), (0.2, 0.55))


def woodland_floor(s: Sheet) -> None:
    """Trunks, then moss and fallen leaves."""
    for x in s.rng.uniform(0, 1, 5):
        w = s.rng.uniform(0.03, 0.08)
        s.fill(
            np.array([(x, -0.1), (x + w, -0.1), (x + w * 1.1, 0.75), (x - w * 0.1, 0.75)]),
            s.tone((88, 84, 70), (132, 124, 104)),
        )
    s.hill(0.66, s.tone((82, 98, 56), (104, 112, 62)), 0.04)
    s.hill(0.82, s.tone((70, 82, 46), (92, 84, 52)), 0.03)
    s.leaves(16, (0, 0.74, 1, 1.0), (150, 104, 54), (116, 112, 56), 0.12)


def coral_reef(s: Sheet) -> None:
    """Blue water with coral heads and bubbles."""
    for x in s.rng.uniform(-0.1, 1, 4):
        s.fill(np.array([(x, -0.1), (x + 0.07, -0.1), (x + 0.26, 0.9), (x + 0.08, 0.9)]), (112, 188, 212))
    for _ in range(4):
        x, h = s.rng.uniform((0, 0.12), (1, 0.34))
        colour = s.tone((196, 128, 150), (150, 120, 170))
        for _ in range(4):
            tip = (x + s.rng.uniform(-0.14, 0.14), 0.98 - h * s.rng.uniform(0.7, 1.0))
            s.fill(ribbon([(x, 1.05), ((x + tip[0]) / 2, 1 - h * 0.4), tip], (0.05, 0.04, 0.025), steps=4), colour)
    s.stones(7, 0.90, (170, 150, 140), (120, 130, 140), (0.06, 0.14))
    s.discs(9, (0, 0, 1, 0.8), (190, 226, 238), (220, 242, 248), (0.006, 0.02))


def river(s: Sheet) -> None:
    """Green water over pebbles with swaying weed."""
    for y in s.rng.uniform(0.05, 0.8, 9):
        x = s.rng.uniform(-0.2, 0.8)
        s.fill(ribbon([(x, y), (x + 0.2, y + 0.02), (x + 0.45, y)], (0.0, 0.016, 0.0), steps=4), (164, 196, 186))
    s.grass(12, 0.95, (72, 118, 72), (110, 146, 84), (0.25, 0.6))
    s.stones(15, 0.86, (134, 132, 118), (164, 152, 128))


def garden(s: Sheet) -> None:
    """Large soft leaves and round blossoms."""
    s.leaves(26, (-0.1, 0, 1, 1), (92, 136, 76), (146, 178, 104), 0.32)
    s.discs(9, (0, 0.05, 1, 1), (228, 160, 176), (238, 206, 150), (0.025, 0.05))


def hedge(s: Sheet) -> None:
    """Sky behind twigs and small leaves."""
    for _ in range(6):
        x, y, bend = s.rng.uniform((-0.1, 0, -0.3), (1, 1, 0.3))
        s.fill(
            ribbon([(x - 0.4, y), (x, y + bend * 0.3), (x + 0.5, y + bend)], (0.022, 0.016, 0.006), steps=5),
            s.tone((128, 108, 90), (104, 88, 74)),
        )
    s.leaves(30, (-0.05, 0, 1, 1), (118, 156, 88), (170, 190, 120), 0.13)


def heath(s: Sheet) -> None:
    """Low heather in mauve under a wide sky."""
    s.hill(0.50, s.tone((150, 138, 150), (160, 150, 140)), 0.03)
    s.hill(0.66, s.tone((140, 112, 128), (128, 120, 96)), 0.03)
    s.grass(16, 0.85, (110, 108, 70), (146, 130, 84), (0.1, 0.3))
    s.discs(46, (0, 0.62, 1, 1), (178, 116, 164), (150, 104, 150), (0.008, 0.020))


def pine_forest(s: Sheet) -> None:
    """Straight reddish trunks, needles on sand."""
    for x in s.rng.uniform(0, 1, 6):
        w = s.rng.uniform(0.03, 0.07)
        s.fill(np.array([(x, -0.1), (x + w, -0.1), (x + w, 0.8), (x, 0.8)]), s.tone((150, 104, 76), (112, 92, 78)))
    for _ in range(8):
        x, y = s.rng.uniform((0, -0.05), (1, 0.35))
        for t in np.linspace(0.2, 2.9, 7):
            s.fill(
                ribbon([(x, y), (x + 0.10 * np.cos(t), y + 0.10 * np.sin(t))], (0.012, 0.004), steps=2),
                s.tone((60, 98, 74), (92, 122, 86)),
            )
    s.hill(0.74, s.tone((164, 138, 100), (140, 118, 84)), 0.03)
    s.grass(14, 0.95, (150, 112, 70), (120, 96, 62), (0.04, 0.10))


def mountain(s: Sheet) -> None:
    """Far peaks, scree and short turf."""
    for base, colour in ((0.50, (172, 186, 204)), (0.58, (146, 160, 176))):
        peaks = [(x, base - s.rng.uniform(0.02, 0.30) * (i % 2)) for i, x in enumerate(np.linspace(-0.1, 1.1, 8))]
        s.fill(np.array([*peaks, (1.2, 1.2), (-0.2, 1.2)]), colour)
    s.hill(0.66, s.tone((138, 154, 104), (156, 162, 118)), 0.04)
    s.stones(10, 0.72, (160, 158, 152), (186, 180, 170))
    s.grass(14, 0.95, (110, 138, 76), (140, 156, 90), (0.08, 0.2))


def seashore(s: Sheet) -> None:
    """Sea, sand and pebbles."""
    s.hill(0.42, (128, 172, 190), 0.005)
    for y in s.rng.uniform(0.45, 0.58, 4):
        x = s.rng.uniform(-0.2, 0.7)
        s.fill(ribbon([(x, y), (x + 0.2, y - 0.01), (x + 0.4, y)], (0.0, 0.014, 0.0), steps=4), (214, 230, 232))
    s.hill(0.62, s.tone((222, 204, 164), (208, 188, 150)), 0.03)
    s.stones(13, 0.70, (176, 164, 148), (140, 136, 134), (0.02, 0.08))


SKY: RGB = (206, 222, 232)
HABITATS: dict[str, tuple[Callable[[Sheet], None], RGB, RGB]] = {
    "meadow": (meadow, (208, 224, 226), (140, 172, 96)),
    "woodland_floor": (woodland_floor, (164, 178, 136), (96, 104, 64)),
    "coral_reef": (coral_reef, (126, 200, 222), (44, 116, 168)),
    "river": (river, (140, 180, 168), (84, 124, 108)),
    "garden": (garden, (176, 200, 150), (120, 156, 96)),
    "hedge": (hedge, SKY, (196, 214, 190)),
    "heath": (heath, (214, 218, 226), (140, 112, 130)),
    "pine_forest": (pine_forest, (190, 200, 180), (150, 130, 96)),
    "mountain": (mountain, (184, 208, 230), (150, 160, 116)),
    "seashore": (seashore, (196, 220, 234), (220, 204, 170)),
}


def paint(habitat: str, scene: Scene, side: int) -> Image.Image:
    """Paints a habitat as a square RGB image of `side` pixels."""
    draw, top, bottom = HABITATS[habitat]
    sheet = Sheet(max(64, side * 2 // 3), scene.rng("background"), top, bottom)
    draw(sheet)
    return sheet.image.reduce(2).resize((side, side), Image.Resampling.BICUBIC)
