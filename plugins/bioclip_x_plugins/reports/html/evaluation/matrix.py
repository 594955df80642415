"""A confusion matrix as it is drawn: rows and columns follow the tree, with a box for each taxon above."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bioclip_x.plugin import ConfusionMatrix, TaxonGroup
from bioclip_x_plugins.reports.result_text import is_italic

CELL: Final = 10
"""Side of a cell, in units of the drawing."""
LETTER: Final = 4.4
"""Width of a letter of a label, in the same units, on average."""
LONGEST: Final = 36
"""Letters of a label; longer ones are cut, and whole in the cells' words."""
FOLDED: Final = 60
"""Most rows of the matrix that is shown at first."""
MOST_CELLS: Final = 5000
"""Cells drawn, at most: those of the most images. The file beside the page has all."""
MOST_LISTED: Final = 10
LEVELS: Final = 5
NONE: Final = "no taxon at this rank"


@dataclass(frozen=True, slots=True)
class Cell:
    """x, y: its corner. level: 1 to LEVELS, by its share of the row's images. words: all it says."""

    x: float
    y: float
    level: int
    is_right: bool
    count: int
    words: str


@dataclass(frozen=True, slots=True)
class Label:
    """A name at a row, or at a column."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Box:
    """Rows and columns of a taxon above. is_outer: of the higher of two ranks."""

    at: float
    size: float
    name: str
    is_outer: bool


@dataclass(frozen=True, slots=True)
class Confused:
    """A taxon and what it was named instead: `count` of its `of` images."""

    taxon: str
    named: str
    count: int
    of: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """left, top: of the cells. rows, columns: of them. width, height: of the whole drawing.

    outer: the rank of the outer boxes, whose names stand at the right; "" where there are none. inner: of the others.
    """

    rank: str
    italic: bool
    left: float
    top: float
    rows: int
    columns: int
    width: float
    height: float
    cells: tuple[Cell, ...]
    row_labels: tuple[Label, ...]
    column_labels: tuple[Label, ...]
    boxes: tuple[Box, ...]
    inner: str
    outer: str
    confused: tuple[Confused, ...]
    n_confusions: int
    n_hidden: int
    n_images: int
    n_right: int
    unlabelled: int


def draw_matrix(matrix: ConfusionMatrix) -> Matrix:
    rows = len(matrix.taxa)
    names = (*matrix.taxa, NONE)
    columns = rows + bool((matrix.predicted_k == rows).any())
    of = [0] * rows
    for row, count in zip(matrix.true_k.tolist(), matrix.count_k.tolist()):
        of[row] += count
    triples = list(zip(matrix.true_k.tolist(), matrix.predicted_k.tolist(), matrix.count_k.tolist()))
    by_count = sorted(triples, key=lambda one: -one[2])
    wrong = [one for one in by_count if one[0] != one[1]]
    inner, outer = choose_group_ranks(matrix.groups, rows)
    outer_names = [cut(group.name) for group in matrix.groups if group.rank == outer]
    left = LETTER * max((len(cut(name)) for name in matrix.taxa), default=0) + 6
    top = LETTER * max((len(cut(name)) for name in names[:columns]), default=0) + 6
    return Matrix(
        rank=matrix.rank,
        italic=is_italic(matrix.rank),
        left=round(left, 1),
        top=round(top, 1),
        rows=rows,
        columns=columns,
        width=round(left + CELL * columns + LETTER * max(map(len, outer_names), default=0) + 10, 1),
        height=round(top + CELL * rows + 4, 1),
        cells=tuple(_draw_cell(*one, of[one[0]], names) for one in sorted(by_count[:MOST_CELLS])),
        row_labels=_label(matrix.taxa),
        column_labels=_label(names[:columns]),
        boxes=tuple(
            Box(CELL * group.start, CELL * (group.stop - group.start), cut(group.name), group.rank == outer)
            for group in matrix.groups
            if group.rank in (inner, outer) and group.rank
        ),
        inner=inner,
        outer=outer,
        confused=tuple(Confused(names[a], names[b], count, of[a]) for a, b, count in wrong[:MOST_LISTED]),
        n_confusions=len(wrong),
        n_hidden=max(0, len(triples) - MOST_CELLS),
        n_images=matrix.n_images,
        n_right=matrix.n_right,
        unlabelled=matrix.unlabelled,
    )


def choose_fold(matrices: Sequence[ConfusionMatrix]) -> int:
    """The one to show first: the finest of at most FOLDED rows, else the coarsest."""
    return max((i for i, one in enumerate(matrices) if len(one.taxa) <= FOLDED), default=0)


def choose_group_ranks(groups: Sequence[TaxonGroup], rows: int) -> tuple[str, str]:
    """The two ranks above whose taxa are boxed: the nearest that has fewer taxa than there are rows, and the highest that
    has more than one. "" for those that do not exist; both are never the same."""
    ranks: dict[str, int] = {}
    for group in groups:
        ranks[group.rank] = ranks.get(group.rank, 0) + 1
    telling = [rank for rank, number in ranks.items() if 1 < number < rows]
    outer = telling[0] if telling else ""
    inner = telling[-1] if len(telling) > 1 and ranks[telling[-1]] > ranks[outer] else ""
    return inner, outer


def cut(name: str) -> str:
    """
    >>> cut("a" * 40)
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…'
    """
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def _draw_cell(row: int, column: int, count: int, of: int, names: Sequence[str]) -> Cell:
    level = max(1, math.ceil(LEVELS * count / of))
    what = "named right" if row == column else f"named {names[column]}" if column < len(names) - 1 else f"{NONE} named"
    return Cell(CELL * column, CELL * row, level, row == column, count, f"{names[row]}: {what}, {count} of {of} images")


def _label(names: Sequence[str]) -> tuple[Label, ...]:
    return tuple(Label(CELL * (i + 0.5), cut(name)) for i, name in enumerate(names))
