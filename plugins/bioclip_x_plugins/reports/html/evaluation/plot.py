"""A plot of fractions as it is drawn: a series for each run, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bioclip_x.plugin import CurvePoint
from bioclip_x_plugins.reports.result_text import pluralise

WIDTH: Final = 360.0
HEIGHT: Final = 250.0
LEFT: Final = 46.0
RIGHT: Final = 12.0
TOP: Final = 10.0
BOTTOM: Final = 44.0
COLOURS: Final = 8
"""Colours and shapes of series; from the ninth on they repeat."""


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A point, and its interval from y `low` to y `high`. words: all it says."""

    x: float
    y: float
    low: float
    high: float
    words: str


@dataclass(frozen=True, slots=True)
class Series:
    """colour: 1 to COLOURS. line: the points joined, as the path of an SVG."""

    name: str
    colour: int
    line: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """x0, x1, y0, y1: the frame. diagonal: where x and y are equal, as the path of an SVG; "" for none."""

    title: str
    x_title: str
    y_title: str
    x0: float
    x1: float
    y0: float
    y1: float
    width: float
    height: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    series: tuple[Series, ...]
    diagonal: str


def draw_plot(
    title: str,
    x_title: str,
    y_title: str,
    curves: Sequence[tuple[str, Sequence[CurvePoint]]],
    *,
    x_labels: Sequence[tuple[float, str]],
    x_range: tuple[float, float],
    diagonal: bool = False,
    apart: float = 0.0,
) -> Plot:
    """curves: name and points of each series. x_labels: position and text of the ticks. x_range: left and right end.

    apart: units between the points of two series that have the same x, so that their intervals can be told apart.
    """
    x0, x1, y0, y1 = LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM, TOP

    def place_x(x: float) -> float:
        return x0 + (x - x_range[0]) / ((x_range[1] - x_range[0]) or 1) * (x1 - x0)

    def place_y(y: float) -> float:
        return y0 + y * (y1 - y0)

    series = []
    for i, (name, points) in enumerate(curves):
        shift = apart * (i - (len(curves) - 1) / 2)
        marks = tuple(
            Mark(
                round(place_x(point.x) + shift, 2),
                round(place_y(point.value), 2),
                round(place_y(point.value if point.low is None else point.low), 2),
                round(place_y(point.value if point.high is None else point.high), 2),
                _say(name if len(curves) > 1 else "", point),
            )
            for point in points
        )
        line = "M" + "L".join(f"{mark.x} {mark.y}" for mark in marks) if len(marks) > 1 else ""
        series.append(Series(name, i % COLOURS + 1, line, marks))
    return Plot(
        title, x_title, y_title, x0, x1, y0, y1, WIDTH, HEIGHT,
        x_ticks=tuple(Tick(round(place_x(x), 2), text) for x, text in x_labels),
        y_ticks=tuple(Tick(round(place_y(y), 2), f"{y:.0%}") for y in (0, 0.25, 0.5, 0.75, 1)),
        series=tuple(series),
        diagonal=f"M{place_x(0)} {place_y(0)}L{place_x(1)} {place_y(1)}" if diagonal else "",
    )  # fmt: skip


def format_fraction(value: float | None, low: float | None, high: float | None) -> str:
    """
    >>> format_fraction(0.984, 0.971, 0.992), format_fraction(0.5, None, None), format_fraction(None, None, None)
    ('98.4% [97.1, 99.2]', '50.0%', '–')
    """
    if value is None:
        return "–"
    interval = "" if low is None or high is None else f" [{low * 100:.1f}, {high * 100:.1f}]"
    return f"{value * 100:.1f}%{interval}"


def _say(name: str, point: CurvePoint) -> str:
    of = f", {pluralise(point.of, 'image', 'images')}" if point.of else ""
    value = format_fraction(point.value, point.low, point.high)
    return f"{name + ': ' if name else ''}{point.label}: {value}{of}"
