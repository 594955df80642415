"""What people doodle: each subject as shapes, the hindmost first, in natural colours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .pen import Colour, Shape

Rng = np.random.Generator
BROWN, GREEN, CREAM, BLACK, WHITE = (122, 82, 48), (74, 140, 66), (240, 226, 196), (40, 36, 40), (248, 246, 240)
RED, ORANGE, YELLOW, BLUE, PINK, GREY, VIOLET = (
    (204, 44, 40), (232, 130, 40), (244, 206, 66), (64, 118, 190), (232, 140, 170), (128, 128, 130), (126, 84, 160),
)  # fmt: skip
BRIGHT = (RED, ORANGE, YELLOW, BLUE, PINK, VIOLET, WHITE)


def oval(x: float, y: float, rx: float, ry: float, fill: Colour | None, turn: float = 0.0, part: float = 1.0) -> Shape:
    """An ellipse, or the `part` of it that begins at the right and goes over the top."""
    angle = -np.linspace(0, 2 * np.pi * part, 60)
    across, down = rx * np.cos(angle), ry * np.sin(angle)
    points = np.stack(
        [x + across * np.cos(turn) - down * np.sin(turn), y + across * np.sin(turn) + down * np.cos(turn)], 1
    )
    return Shape(points, fill)


def through(*corners: tuple[float, float], fill: Colour | None = None, smooth: bool = True) -> Shape:
    """A line through points, closed where there is a fill; rounded at the corners where smooth (Chaikin's cutting)."""
    points = np.array([*corners, corners[0]] if fill else corners, dtype=float)
    for _ in range(3 if smooth else 0):
        cut = np.stack([0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]], 1).reshape(
            -1, 2
        )
        points = np.concatenate([points[:1], cut, points[-1:]])
    at, dense = np.arange(len(points)), np.linspace(0, len(points) - 1, 80)
    return Shape(np.stack([np.interp(dense, at, points[:, axis]) for axis in (0, 1)], 1), fill)


def one(rng: Rng, colours: tuple[Colour, ...]) -> Colour:
    return colours[rng.integers(len(colours))]


def flower(rng: Rng) -> list[Shape]:
    petals, colour, radius = int(rng.integers(4, 10)), one(rng, BRIGHT), rng.uniform(0.2, 0.34)
    stem = [through((0, 0), (rng.uniform(-0.2, 0.2), 0.5), (0, 1))]
    leaves = [oval(s * 0.25, 0.6, 0.24, 0.09, GREEN, -s * 0.5) for s in (-1, 1)]
    turns = np.arange(petals) * 2 * np.pi / petals
    head = [oval(0.36 * np.cos(t), -0.35 + 0.36 * np.sin(t), radius, radius / 2, colour, t) for t in turns]
    return [*stem, *leaves, *head, oval(0, -0.35, 0.17, 0.17, one(rng, (YELLOW, BROWN, ORANGE)))]


def tulip(rng: Rng) -> list[Shape]:
    colour = one(rng, BRIGHT)
    cup = through(
        (-0.3, -0.8),
        (-0.35, -0.1),
        (0, 0.1),
        (0.35, -0.1),
        (0.3, -0.8),
        (0.12, -0.5),
        (0, -0.85),
        (-0.12, -0.5),
        fill=colour,
        smooth=False,
    )
    leaf = through((0, 0.9), (-0.45, 0.3), (-0.4, -0.1), (-0.1, 0.5), fill=GREEN)
    return [through((0, 0), (0, 1)), leaf, cup]


def fish(rng: Rng) -> list[Shape]:
    colour, depth = one(rng, (ORANGE, BLUE, YELLOW, GREY, RED, PINK)), rng.uniform(0.25, 0.5)
    tail = through((0.55, 0), (1, -0.4), (0.88, 0), (1, 0.4), fill=colour, smooth=False)
    fin = through((-0.2, -depth * 0.9), (0.2, -depth - 0.3), (0.35, -depth * 0.6), fill=colour)
    stripes = [
        through((x, -depth * 0.8), (x + 0.08, 0), (x, depth * 0.8))
        for x in rng.choice([-0.2, 0, 0.2, 0.4], 2, replace=False)
    ]
    eye = [oval(-0.5, -0.08, 0.08, 0.08, WHITE), oval(-0.5, -0.08, 0.03, 0.03, BLACK)]
    return [
        fin,
        tail,
        oval(0, 0, 0.72, depth, colour),
        *stripes,
        *eye,
        through((-0.7, 0.1), (-0.55, 0.15), (-0.5, 0.1)),
    ]


def bird(rng: Rng) -> list[Shape]:
    colour, belly = one(rng, (BLUE, BROWN, RED, GREY, YELLOW, BLACK)), one(rng, (CREAM, WHITE, YELLOW, ORANGE))
    legs = [through((x, 0.4), (x, 0.8), (x - 0.14, 0.84)) for x in (-0.05, 0.12)]
    tail = through((0.45, 0.1), (1, -0.05), (0.95, 0.2), (0.45, 0.3), fill=colour, smooth=False)
    body = [
        oval(0.05, 0.1, 0.52, 0.36, colour, 0.2),
        oval(-0.08, 0.2, 0.3, 0.22, belly),
        oval(-0.42, -0.28, 0.27, 0.25, colour),
    ]
    beak = through((-0.67, -0.34), (-0.95, -0.24), (-0.66, -0.18), fill=ORANGE, smooth=False)
    wing = through((-0.1, -0.05), (0.4, -0.1), (0.7, 0.2), (0.2, 0.3), fill=colour)
    return [*legs, tail, *body, beak, wing, oval(-0.48, -0.34, 0.05, 0.05, BLACK)]


def mushroom(rng: Rng) -> list[Shape]:
    cap, high = one(rng, (RED, BROWN, ORANGE, CREAM, VIOLET)), rng.uniform(0.45, 0.85)
    stem = through((-0.15, -0.1), (-0.2, 0.9), (0.2, 0.9), (0.15, -0.1), fill=CREAM)
    dots = [
        oval(x, -0.1 - high * y, 0.09, 0.08, WHITE) for x, y in ((-0.4, 0.3), (0.05, 0.65), (0.45, 0.25), (-0.08, 0.2))
    ]
    top = oval(0, 0, 0.75, high, cap, part=0.5)
    ring = [through((-0.2, 0.25), (0, 0.33), (0.2, 0.25))] if rng.random() < 0.5 else []
    closed = Shape(np.concatenate([top.points_N2, top.points_N2[:1]]), cap)
    return [stem, *ring, closed, *(dots if rng.random() < 0.6 else [])]


def butterfly(rng: Rng) -> list[Shape]:
    fore, hind, spot = one(rng, BRIGHT), one(rng, BRIGHT), one(rng, (BLACK, WHITE, YELLOW, BLUE))
    wings = [oval(s * 0.36, 0.35, 0.36, 0.3, hind, s * 0.6) for s in (-1, 1)]
    wings += [oval(s * 0.48, -0.3, 0.5, 0.36, fore, -s * 0.6) for s in (-1, 1)]
    spots = [oval(s * 0.55, -0.38, 0.12, 0.12, spot) for s in (-1, 1)]
    feelers = [through((0, -0.5), (s * 0.1, -0.8), (s * 0.3, -0.95)) for s in (-1, 1)]
    return [*wings, *spots, oval(0, 0.05, 0.07, 0.55, BLACK), *feelers]


def beetle(rng: Rng) -> list[Shape]:
    colour = one(rng, (RED, GREEN, BROWN, BLUE, BLACK))
    legs = [through((0, y), (s * 0.6, y - 0.08), (s * 0.75, y + 0.15)) for y in (-0.2, 0.15, 0.5) for s in (-1, 1)]
    dots = [oval(s * x, y, 0.1, 0.1, BLACK) for s in (-1, 1) for x, y in ((0.2, -0.05), (0.25, 0.4))]
    feelers = [through((s * 0.1, -0.7), (s * 0.25, -0.95)) for s in (-1, 1)]
    body = [oval(0, -0.5, 0.3, 0.26, BLACK), oval(0, 0.2, 0.5, 0.62, colour), through((0, -0.4), (0, 0.8))]
    return [*legs, *feelers, *body, *(dots if rng.random() < 0.7 else [])]


def leaf(rng: Rng) -> list[Shape]:
    blade = through(
        (0, -1),
        (0.5, -0.3),
        (0.4, 0.4),
        (0, 0.7),
        (-0.4, 0.4),
        (-0.5, -0.3),
        fill=one(rng, (GREEN, ORANGE, RED, BROWN)),
    )
    veins = [through((0, y), (s * 0.3, y - 0.2)) for y in (-0.3, 0, 0.3) for s in (-1, 1)]
    return [blade, through((0, -0.8), (0.03, 0.2), (0, 1)), *veins]


def snail(rng: Rng) -> list[Shape]:
    turns = np.linspace(0, 5 * np.pi, 80)
    spiral = Shape(np.stack([0.1 + 0.03 * turns * np.cos(turns), -0.1 + 0.03 * turns * np.sin(turns)], 1))
    body = through((-0.9, 0.1), (-0.7, 0.5), (1, 0.55), (0.5, 0.3), (-0.5, 0.3), fill=one(rng, (CREAM, GREY, YELLOW)))
    return [
        body,
        oval(0.1, -0.1, 0.5, 0.48, one(rng, (BROWN, ORANGE, PINK))),
        spiral,
        through((-0.85, 0.1), (-0.95, -0.3)),
    ]


def tree(rng: Rng) -> list[Shape]:
    crown = [oval(x, y, 0.4, 0.36, GREEN) for x, y in ((-0.32, -0.2), (0.32, -0.2), (0, -0.5))]
    fruits = [oval(x, y, 0.06, 0.06, RED) for x, y in rng.uniform(-0.4, 0.1, (4, 2))]
    trunk = through((-0.1, 0), (-0.16, 1), (0.16, 1), (0.1, 0), fill=BROWN, smooth=False)
    return [trunk, *crown, *fruits]


def stick_figure(rng: Rng) -> list[Shape]:
    reach = rng.uniform(-0.4, 0.4, 2)
    arms = [through((0, -0.2), (s * 0.3, -0.1), (s * 0.55, r)) for s, r in zip((-1, 1), reach, strict=True)]
    legs = [through((0, 0.35), (s * 0.3, 1)) for s in (-1, 1)]
    face = [oval(s * 0.1, -0.7, 0.03, 0.04, BLACK) for s in (-1, 1)]
    return [
        through((0, -0.4), (0, 0.35)),
        *arms,
        *legs,
        oval(0, -0.65, 0.26, 0.26, CREAM),
        *face,
        through((-0.1, -0.55), (0, -0.5), (0.1, -0.55)),
    ]


def house(rng: Rng) -> list[Shape]:
    wall = through((-0.6, -0.1), (-0.6, 0.8), (0.6, 0.8), (0.6, -0.1), fill=one(rng, BRIGHT), smooth=False)
    roof = through((-0.75, -0.1), (0, -0.8), (0.75, -0.1), fill=one(rng, (RED, BROWN, GREY)), smooth=False)
    door = through((-0.15, 0.8), (-0.15, 0.3), (0.15, 0.3), (0.15, 0.8), fill=BROWN, smooth=False)
    windows = [
        through((x, 0.05), (x, 0.25), (x + 0.2, 0.25), (x + 0.2, 0.05), fill=BLUE, smooth=False) for x in (-0.48, 0.28)
    ]
    return [wall, roof, door, *windows]


def sun(rng: Rng) -> list[Shape]:
    rays = np.arange(int(rng.integers(8, 15)))
    turns = rays * 2 * np.pi / len(rays)
    lines = [through((0.6 * np.cos(t), 0.6 * np.sin(t)), (np.cos(t), np.sin(t))) for t in turns]
    return [*lines, oval(0, 0, 0.48, 0.48, YELLOW)]


def scribble(rng: Rng) -> list[Shape]:
    return [through(*(tuple(p) for p in rng.uniform(-1, 1, (int(rng.integers(6, 16)), 2)))) for _ in range(2)]


LIVING: tuple[Callable[[Rng], list[Shape]], ...] = (
    flower,
    tulip,
    fish,
    bird,
    mushroom,
    butterfly,
    beetle,
    leaf,
    snail,
    tree,
)
OTHERS: tuple[Callable[[Rng], list[Shape]], ...] = (stick_figure, house, sun, scribble)
