"""A map of embeddings as it is drawn: once for each rank, the most frequent taxa in colour."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from bioclip_x.plugin import EmbeddingMap, Neighbours
from bioclip_x_plugins.reports.result_text import is_italic

SIZE: Final = 400.0
MARGIN: Final = 8.0
COLOURED: Final = 8
"""Taxa with a colour and a shape of their own: more cannot be told apart."""


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    words: str


@dataclass(frozen=True, slots=True)
class Cloud:
    """The images of one taxon. colour: 1 to COLOURED, 0 for all other taxa. name: "" for these."""

    name: str
    colour: int
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class Scatter:
    """The map at one rank. clouds: the others first, so that they lie below. n_others: taxa without a colour."""

    rank: str
    italic: bool
    clouds: tuple[Cloud, ...]
    n_others: int
    neighbours: Neighbours


def draw_scatters(drawn: EmbeddingMap) -> tuple[Scatter, ...]:
    x, y = _place(drawn.xy_m2)
    return tuple(_draw(drawn, rank, x, y) for rank in drawn.taxa_at)


def _draw(drawn: EmbeddingMap, rank: str, x: list[float], y: list[float]) -> Scatter:
    taxa = drawn.taxa_at[rank]
    counts = Counter(filter(None, taxa))
    chosen = [name for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:COLOURED]]
    clouds: dict[str, list[Dot]] = {"": [], **{name: [] for name in chosen}}
    for i, name in enumerate(taxa):
        dot = Dot(x[i], y[i], f"{name or 'no taxon at this rank'}: {drawn.sources[i]}")
        clouds[name if name in clouds else ""].append(dot)
    return Scatter(
        rank=rank,
        italic=is_italic(rank),
        clouds=tuple(Cloud(name, i, tuple(dots)) for i, (name, dots) in enumerate(clouds.items()) if dots),
        n_others=len(counts) - len(chosen),
        neighbours=drawn.neighbours[rank],
    )


def _place(xy_m2: npt.NDArray[np.float64]) -> tuple[list[float], list[float]]:
    """Fits the map into the square without stretching it."""
    low_2, high_2 = xy_m2.min(0), xy_m2.max(0)
    scale = (SIZE - 2 * MARGIN) / (float((high_2 - low_2).max()) or 1.0)
    placed_m2 = (SIZE / 2 + (xy_m2 - (low_2 + high_2) / 2) * scale).round(1)
    return placed_m2[:, 0].tolist(), placed_m2[:, 1].tolist()
