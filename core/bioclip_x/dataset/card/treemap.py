"""A map of a tree: boxes whose areas are numbers of images.

The layout is the squarified treemap (Bruls, Huizing & van Wijk 2000, "Squarified Treemaps"): boxes are put in rows along the
shorter side of what is left, and a row is closed where a further box would make its worst ratio of sides worse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

LETTER: Final = 0.58
"""Mean width of a letter, in font sizes."""


class Box(NamedTuple):
    x: float
    y: float
    width: float
    height: float

    @property
    def area(self) -> float:
        return self.width * self.height


@dataclass(frozen=True)
class Node:
    """A taxon. images: of it and all below. name: "" for what is identified no further. children: the largest first, none or as
    many images in all as this has. pooled: the number of small taxa that it stands for, 0 for one taxon."""

    name: str
    rank: str
    images: int
    children: tuple[Node, ...] = ()
    pooled: int = 0


@dataclass(frozen=True)
class Tile:
    """A node's place. path: the nodes from below the root to it."""

    path: tuple[Node, ...]
    box: Box

    @property
    def node(self) -> Node:
        return self.path[-1]


@dataclass(frozen=True)
class Label:
    """A text in the middle of a box. size: of the font."""

    tile: Tile
    text: str
    size: float


def squarify(values: Sequence[float], box: Box) -> list[Box]:
    """Divides a box into one for each value, in areas proportional to the values.

    values: positive, the largest first.
    """
    scale = box.area / sum(values) if values else 0.0
    areas = [value * scale for value in values]
    boxes: list[Box] = []
    while len(boxes) < len(areas):
        start = end = len(boxes)
        side, total, worst = min(box.width, box.height), 0.0, float("inf")
        while end < len(areas):
            ratio = _find_worst_ratio(areas[start], areas[end], total + areas[end], side)
            if ratio > worst:
                break
            total, worst, end = total + areas[end], ratio, end + 1
        row, box = _split_off_row(areas[start:end], total, box, is_last=end == len(areas))
        boxes += row
    return boxes


def _find_worst_ratio(largest: float, smallest: float, total: float, side: float) -> float:
    """Returns the largest ratio of sides in a row of boxes of this total area along a side."""
    if not (side and total and smallest):
        return 1.0  # too small to be seen
    thickness = total / side
    return max(largest / thickness**2, thickness**2 / smallest)


def _split_off_row(areas: Sequence[float], total: float, box: Box, *, is_last: bool) -> tuple[list[Box], Box]:
    """Lays boxes along the shorter side, and returns them with what is left of the box."""
    x, y, width, height = box
    side, depth = min(width, height), max(width, height)
    thickness = depth if is_last else min(total / side if side else 0.0, depth)
    row, at = [], 0.0
    for area in areas:
        length = area / total * side if total else 0.0
        row.append(Box(x, y + at, thickness, length) if width >= height else Box(x + at, y, length, thickness))
        at += length
    rest = (
        Box(x + thickness, y, width - thickness, height)
        if width >= height
        else Box(x, y + thickness, width, height - thickness)
    )
    return row, rest


def lay_out(root: Node, box: Box) -> Iterator[Tile]:
    """Yields the tiles of all nodes below the root; those of children lie in their parent's."""
    return _lay_out((), root, box)


def _lay_out(path: tuple[Node, ...], node: Node, box: Box) -> Iterator[Tile]:
    for child, part in zip(node.children, squarify([child.images for child in node.children], box)):
        yield Tile((*path, child), part)
        yield from _lay_out((*path, child), child, part)


def choose_labels(tiles: Sequence[Tile], *, smallest: float = 9, largest: float = 21) -> list[Label]:
    """Chooses names that do not overlap: of a taxon, or of taxa in it where those that have room fill most of its box.

    tiles: as `lay_out` yields them. smallest, largest: font sizes.
    """
    labels, _, end = _choose(tiles, 0, smallest, largest) if tiles else ([], 0.0, 0)
    while end < len(tiles):
        more, _, end = _choose(tiles, end, smallest, largest)
        labels += more
    return labels


def _choose(tiles: Sequence[Tile], at: int, smallest: float, largest: float) -> tuple[list[Label], float, int]:
    """Returns the labels in the tile at this place, the area of the boxes that they name, and the place after its last child."""
    tile, place = tiles[at], at + 1
    below: list[Label] = []
    covered = 0.0
    while place < len(tiles) and len(tiles[place].path) > len(tile.path):
        labels, area, place = _choose(tiles, place, smallest, largest)
        below += labels
        covered += area
    own = _fit(tile, smallest, largest)
    if own and covered < tile.box.area / 2:
        return [own], tile.box.area, place
    return below, covered, place


def _fit(tile: Tile, smallest: float, largest: float) -> Label | None:
    node, box = tile.node, tile.box
    if not node.name:
        return None
    size = min(largest, box.height * 0.45, (box.width - 8) / (LETTER * len(node.name)))
    return Label(tile, node.name, size) if size >= smallest else None


def prune(node: Node, least: int) -> Node:
    """Returns the tree with smaller taxa pooled, in each taxon above them."""
    kept = [prune(child, least) for child in node.children if child.images >= least and not child.pooled]
    small = [child for child in node.children if child.images < least or child.pooled]
    if not any(child.name for child in kept):
        return Node(node.name, node.rank, node.images, pooled=node.pooled)
    if small:
        pooled = sum(child.pooled or bool(child.name) for child in small)
        kept.append(Node("", small[0].rank, sum(child.images for child in small), pooled=pooled))
    return Node(node.name, node.rank, node.images, tuple(sorted(kept, key=lambda child: -child.images)), node.pooled)
