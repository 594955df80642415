"""Charts in many styles, drawn with matplotlib: of numbers made up, for their looks."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from . import generator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rng = np.random.Generator
STYLES = ("default", "classic", "ggplot", "bmh", "dark_background", "fivethirtyeight", "grayscale", "Solarize_Light2")
MAPS = ("viridis", "magma", "terrain", "YlGn", "coolwarm", "Set3", "gist_earth", "Blues")
TAXA = ("Aves", "Fungi", "Insecta", "Rosaceae", "Fagus", "Parus", "Salmo", "Apis", "Boletus", "Quercus")
SIZES = ((6.4, 4.8), (5, 5), (8, 4), (4, 3), (3.2, 3.2), (4, 6))


def chart(seed: int, index: int) -> Image.Image:
    """RGB, about 250 to 800 pixels a side. Needs matplotlib. The kinds take turns, so a dozen has one of each."""
    import matplotlib
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rng = generator("charts", seed, index)
    matplotlib.rcdefaults()
    with style.context(STYLES[rng.integers(len(STYLES))]):
        figure = Figure(figsize=SIZES[rng.integers(len(SIZES))], dpi=int(rng.choice([80, 100])), layout="tight")
        FigureCanvasAgg(figure)
        kind = KINDS[index % len(KINDS)]
        axes = figure.add_subplot(projection="polar" if kind is radar else None)
        kind(axes, rng)
        if rng.random() < 0.6:
            axes.set_title(f"{one(rng, TAXA)}, {rng.integers(1950, 2026)}")
        if rng.random() < 0.3:
            axes.set_axis_off()
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png")
    return Image.open(drawn).convert("RGB")


def one(rng: Rng, among: tuple[str, ...]) -> str:
    return among[rng.integers(len(among))]


def some(rng: Rng, least: int = 3, most: int = 8) -> list[str]:
    return [str(name) for name in rng.choice(TAXA, int(rng.integers(least, most)), replace=False)]


def colours(rng: Rng, n: int) -> Any:
    """n colours of one of MAPS, or None for the style's own: the first of these for two charts of five."""
    from matplotlib import colormaps

    return colormaps[one(rng, MAPS)](np.linspace(0.1, 0.9, n)) if rng.random() < 0.4 else None


def bars(axes: Axes, rng: Rng) -> None:
    names = some(rng)
    values, across = rng.gamma(3, 8, len(names)), rng.random() < 0.4
    (axes.barh if across else axes.bar)(names, values, color=colours(rng, len(names)))
    axes.tick_params(axis="x", rotation=0 if across else 60)


def stacked(axes: Axes, rng: Rng) -> None:
    names, below = some(rng, 2, 5), np.zeros(6)
    for name in names:
        values = rng.gamma(3, 5, 6)
        axes.bar(np.arange(6), values, bottom=below, label=name)
        below = below + values
    axes.legend()


def lines(axes: Axes, rng: Rng) -> None:
    for name in some(rng, 1, 6):
        walk = np.cumsum(rng.normal(0.1, 1, 40))
        axes.plot(walk, label=name, marker=one(rng, ("", "o", ".", "s")), linestyle=one(rng, ("-", "--", ":")))
    axes.legend(loc="upper left")
    axes.grid(bool(rng.random() < 0.5))


def area(axes: Axes, rng: Rng) -> None:
    names = some(rng, 2, 6)
    axes.stackplot(np.arange(20), rng.gamma(4, 2, (len(names), 20)), labels=names, colors=colours(rng, len(names)))
    axes.legend(loc="upper left")


def pie(axes: Axes, rng: Rng) -> None:
    names = some(rng)
    ring = {"width": 0.4} if rng.random() < 0.4 else {}
    axes.pie(rng.gamma(2, 3, len(names)) + 1, labels=names, colors=colours(rng, len(names)), wedgeprops=ring)


def scatter(axes: Axes, rng: Rng) -> None:
    for name in some(rng, 1, 5):
        x, y = rng.normal(rng.uniform(-3, 3, 2), rng.uniform(0.3, 1.2), (60, 2)).T
        axes.scatter(x, y, s=rng.uniform(5, 200, 60) if rng.random() < 0.5 else 20, alpha=0.7, label=name)
    axes.set_xlabel("length / mm")
    axes.set_ylabel("mass / g")


def heat_map(axes: Axes, rng: Rng) -> None:
    names = some(rng, 4, 9)
    axes.imshow(rng.random((len(names), len(names))), cmap=one(rng, MAPS))
    axes.set_yticks(np.arange(len(names)), names)


def boxes(axes: Axes, rng: Rng) -> None:
    names = some(rng)
    samples = [rng.normal(rng.uniform(0, 5), rng.uniform(0.5, 2), 50) for _ in names]
    if rng.random() < 0.5:
        axes.violinplot(samples, showmedians=True)
    else:
        axes.boxplot(samples, patch_artist=bool(rng.random() < 0.5))
    axes.set_xticks(np.arange(1, len(names) + 1), names, rotation=45)


def histogram(axes: Axes, rng: Rng) -> None:
    for _ in range(int(rng.integers(1, 4))):
        axes.hist(rng.normal(rng.uniform(-2, 2), 1, 400), bins=30, alpha=0.6, edgecolor="black")


def radar(axes: Axes, rng: Rng) -> None:
    turns = np.linspace(0, 2 * np.pi, 7)
    for _ in range(2):
        values = rng.uniform(0.3, 1, 6)
        axes.fill(turns, [*values, values[0]], alpha=0.5)


def land(axes: Axes, rng: Rng) -> None:
    """A relief map with a coast, and finds on it."""
    x, y = np.meshgrid(np.linspace(0, 12, 120), np.linspace(40, 52, 120))
    waves = rng.uniform(0.2, 1.4, (9, 2)) * rng.choice([-1, 1], (9, 2))
    height = sum(
        np.sin(a * x + b * y + p) / (abs(a) + abs(b)) for (a, b), p in zip(waves, rng.uniform(0, 6, 9), strict=True)
    )
    axes.contourf(x, y, height, levels=14, cmap=one(rng, ("terrain", "gist_earth", "YlGn")))
    axes.contour(x, y, height, levels=[0], colors="black", linewidths=0.8)
    axes.scatter(rng.uniform(0, 12, 30), rng.uniform(40, 52, 30), c="red", s=14, edgecolors="white", linewidths=0.5)


def regions(axes: Axes, rng: Rng) -> None:
    """A map of districts in shades: each point belongs to the nearest of thirty seats."""
    grid = np.stack(np.meshgrid(np.arange(160), np.arange(160)), -1)[..., None, :]
    nearest = ((grid - rng.uniform(0, 160, (30, 2))) ** 2).sum(-1).argmin(-1)
    axes.imshow(rng.random(30)[nearest], cmap=one(rng, MAPS))
    axes.contour(nearest, levels=np.arange(30) + 0.5, colors="white", linewidths=0.6)


KINDS: tuple[Callable[[Axes, Rng], None], ...] = (
    bars, lines, pie, scatter, heat_map, boxes, land, regions, histogram, stacked, area, radar,
)  # fmt: skip
