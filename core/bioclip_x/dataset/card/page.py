"""card.html: the card as one page without scripts or requests, with a map of the taxa."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from bioclip_x.dataset.card.facts import MAP_RANKS, STATUSES, Facts
from bioclip_x.dataset.card.treemap import Box, Label, Node, Tile, choose_labels, lay_out, prune
from bioclip_x.dataset.card.wording import (
    OUTCOME_MEANINGS,
    PLURALS,
    describe_attribution,
    describe_pictures,
    list_parts,
    name_range,
)
from bioclip_x.messages import escape_shown

COLOURS: Final = 8
"""Groups of taxa with a colour of their own; the others share one."""
WIDE: Final = Box(0, 0, 1104, 660)
NARROW: Final = Box(0, 0, 360, 560)
NARROW_TILES: Final = 250
"""As `facts.TILES`, of the map for phones."""
OUTLINE_TAXA: Final = 200
"""A taxon is in the list of taxa if this part of the images is of it."""
BORDERED: Final = 4
"""Ranks from the top whose taxa are framed on the map."""


@dataclass(frozen=True)
class Mark:
    """A box on the map. css: its classes. title: shown by pointing at it."""

    box: Box
    css: str
    title: str = ""


@dataclass(frozen=True)
class Map:
    """A drawing. leaves: fill it. frames: around higher taxa, the lowest first. labels: with the colours below them."""

    css: str
    box: Box
    leaves: tuple[Mark, ...]
    frames: tuple[Mark, ...]
    labels: tuple[tuple[Label, str], ...]


def format_page(facts: Facts) -> str:
    rank = choose_colour_rank(facts.tree)
    colours = choose_colours(facts.tree, rank)
    maps = (
        make_map("wide", facts.tree, WIDE, rank, colours),
        make_map("narrow", prune(facts.tree, max(1, facts.used // NARROW_TILES)), NARROW, rank, colours),
    )
    groups = {node.name: node.images for node in _list_at_rank(facts.tree, rank) if node.name in colours}
    legend = [(name, f"c{colour}", groups[name]) for name, colour in colours.items()]
    if rest := facts.used - sum(groups.values()):
        legend.append((f"other {PLURALS[rank]}, or identified no further", "c0", rest))
    page: str = _load_template().render(
        facts=facts,
        description=describe_pictures(facts),
        attribution=describe_attribution(facts),
        meanings=OUTCOME_MEANINGS,
        statuses=STATUSES,
        maps=maps,
        legend=legend,
        rank=rank,
        outline=prune(facts.tree, max(1, facts.used // OUTLINE_TAXA)),
        n_conflicts=sum(one.conflicts for one in facts.sources),
        list_parts=list_parts,
        name_range=name_range,
        plurals=PLURALS,
    )
    return page


def make_map(css: str, tree: Node, box: Box, rank: str, colours: Mapping[str, int]) -> Map:
    tiles = list(lay_out(tree, box))
    leaves = tuple(
        Mark(tile.box, _choose_css(tile, rank, colours), describe_tile(tile, tree.images))
        for tile in tiles
        if not tile.node.children
    )
    frames = [tile for tile in tiles if len(tile.path) <= BORDERED and tile.node.children and tile.box.area > 500]
    frames.sort(key=lambda tile: -len(tile.path))
    labels = tuple((one, _choose_css(one.tile, rank, colours)) for one in choose_labels(tiles))
    return Map(css, box, leaves, tuple(Mark(one.box, f"f{len(one.path)}") for one in frames), labels)


def choose_colour_rank(tree: Node) -> str:
    """Returns the highest rank that divides the images well: at least four taxa with 2 % of them; else the one that has most."""
    large = {
        rank: sum(1 for node in _list_at_rank(tree, rank) if node.name and node.images * 50 >= tree.images)
        for rank in MAP_RANKS
    }
    return next((rank for rank, number in large.items() if number >= 4), max(large, key=lambda rank: large[rank]))


def choose_colours(tree: Node, rank: str) -> dict[str, int]:
    """Returns the numbers, from 1, of the colours of the largest taxa of a rank, the largest first."""
    images: dict[str, int] = {}
    for node in _list_at_rank(tree, rank):
        if node.name:
            images[node.name] = images.get(node.name, 0) + node.images
    largest = sorted(images, key=lambda name: -images[name])[:COLOURS]
    return {name: colour for colour, name in enumerate(largest, 1)}


def _list_at_rank(node: Node, rank: str) -> Iterable[Node]:
    for child in node.children:
        if child.rank == rank:
            yield child
        else:
            yield from _list_at_rank(child, rank)


def _choose_css(tile: Tile, rank: str, colours: Mapping[str, int]) -> str:
    """Returns the classes of a colour, and of one of three tints, by which neighbours just below the coloured taxa differ."""
    colour = next((colours.get(node.name, 0) for node in tile.path if node.rank == rank), 0)
    below = MAP_RANKS.index(rank) + 1
    is_tinted = len(tile.path) > below and not tile.path[below].pooled
    tint = tile.path[below - 1].children.index(tile.path[below]) % 3 if is_tinted else 0
    return f"c{colour} t{tint}" if tint else f"c{colour}"


def describe_tile(tile: Tile, total: int) -> str:
    """Names the taxon and those above it, with its images."""
    node = tile.node
    above = [one.name for one in tile.path[:-1] if one.name]
    name = node.name or (f"{node.pooled:,} other {PLURALS[node.rank]}" if node.pooled else "identified no further")
    share = f"{node.images / total:.2%}" if total else ""
    return f"{' › '.join([*above, name])}: {node.images:,} images, {share}"


def _find_share(value: float, of: float) -> str:
    """Returns a width in per cent."""
    return f"{100 * value / of:.4g}%" if of else "0%"


def _abbreviate(number: int) -> str:
    """Returns a power of two in few characters.

    >>> [_abbreviate(2**power) for power in (9, 10, 14, 20)]
    ['512', '1k', '16k', '1M']
    """
    return next((f"{number >> bits}{unit}" for bits, unit in ((20, "M"), (10, "k")) if number >> bits), str(number))


def _find_most(values: Sequence[float]) -> float:
    return max(values, default=0)


@cache
def _load_template() -> Any:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    folder = files(__package__) / "templates"
    environment = Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=escape_shown,
    )
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.globals.update(share=_find_share, most=_find_most, abbreviate=_abbreviate)
    return environment.get_template("card.html")
