"""Outlines as arrays of points: splines, ellipses, ribbons; float64 `[N, 2]`, x to the right and y downwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.float64]
PointsLike: TypeAlias = Points | Sequence[Sequence[float]]
Warp: TypeAlias = Callable[[Points], Points]


def smooth(points: PointsLike, closed: bool = True, steps: int = 7) -> Points:
    """Returns a Catmull-Rom spline `[M, 2]` through `points` `[N, 2]`."""
    p = np.asarray(points, dtype=np.float64)
    ends = (p[-1], p[0], p[1]) if closed else (2 * p[0] - p[1], 2 * p[-1] - p[-2], p[-1])
    q = np.vstack([ends[0], p, ends[1], ends[2]]) if closed else np.vstack([ends[0], p, ends[1]])
    a, b, c, d = q[:-3, None], q[1:-2, None], q[2:-1, None], q[3:, None]
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    flat: Points = curve.reshape(-1, 2)
    return flat if closed else np.vstack([flat, p[-1:]])


def ellipse(x: float, y: float, rx: float, ry: float | None = None, turn: float = 0.0, n: int = 26) -> Points:
    """Returns an ellipse about (x, y). turn: radians, clockwise on the page."""
    t = np.linspace(0, 2 * np.pi, n, endpoint=False)
    upright = np.stack([rx * np.cos(t), (rx if ry is None else ry) * np.sin(t)], axis=1)
    placed: Points = rotate(upright, turn) + np.array([x, y])
    return placed


def blob(x: float, y: float, r: float, rng: np.random.Generator, rough: float = 0.2, squash: float = 1.0) -> Points:
    """Returns a rounded irregular patch of radius about `r`."""
    t = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    radius = r * (1 + rough * rng.uniform(-1, 1, 8))
    return smooth(np.stack([x + radius * np.cos(t), y + squash * radius * np.sin(t)], axis=1), steps=4)


def rotate(points: PointsLike, turn: float, about: tuple[float, float] = (0.0, 0.0)) -> Points:
    """Rotates points by `turn` radians about a centre."""
    c, s = np.cos(turn), np.sin(turn)
    centre = np.asarray(about)
    turned: Points = (np.asarray(points, dtype=np.float64) - centre) @ np.array([[c, s], [-s, c]]) + centre
    return turned


def scaled(points: PointsLike, factor: float, about: tuple[float, float]) -> Points:
    """Scales points by `factor` about a centre."""
    centre = np.asarray(about)
    drawn: Points = (np.asarray(points, dtype=np.float64) - centre) * factor + centre
    return drawn


def mirrored(points: PointsLike) -> Points:
    """Mirrors points left to right."""
    return np.asarray(points, dtype=np.float64) * (-1.0, 1.0)


def ribbon(points: PointsLike, widths: Sequence[float] | float, steps: int = 7) -> Points:
    """Returns the outline of a smooth stroke along `points`; its full width is interpolated from `widths`."""
    line = smooth(points, closed=False, steps=steps)
    steepness = np.gradient(line, axis=0)
    normal = np.stack([-steepness[:, 1], steepness[:, 0]], axis=1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    knots = np.atleast_1d(np.asarray(widths, dtype=np.float64))
    half = np.interp(np.linspace(0, 1, len(line)), np.linspace(0, 1, len(knots)), knots)[:, None] / 2
    return np.vstack([line + normal * half, (line - normal * half)[::-1]])


def leaf(x: float, y: float, length: float, width: float, turn: float) -> Points:
    """Returns a pointed leaf from (x, y) in the direction `turn` (0 = to the right)."""
    outline = smooth([(0, 0), (0.3, -0.42), (0.7, -0.34), (1, 0), (0.7, 0.34), (0.3, 0.42)], steps=5)
    placed: Points = rotate(outline * (length, width), turn) + np.array([x, y])
    return placed
