"""Where the cells, boxes and names of a confusion matrix are drawn."""

from __future__ import annotations

import numpy as np

from bioclip_x.records import ConfusionMatrix, TaxonGroup
from bioclip_x_plugins.reports.html.evaluation.matrix import (
    CELL,
    Confused,
    choose_fold,
    choose_group_ranks,
    draw_matrix,
)
from plugins.reports.html.evaluation.conftest import make_matrix


def test_cells_stand_at_their_row_and_column() -> None:
    drawn = draw_matrix(make_matrix())
    cells = [(cell.y // CELL, cell.x // CELL, cell.count, cell.level, cell.is_right) for cell in drawn.cells]
    assert cells == [(0, 0, 3, 4, True), (0, 1, 1, 2, False), (1, 3, 1, 5, False), (2, 2, 2, 5, True)]
    assert (drawn.rows, drawn.columns) == (3, 4)  # one column is of images without an answer at the rank
    assert (drawn.n_right, drawn.n_images, drawn.unlabelled) == (5, 7, 1)
    assert drawn.confused == (
        Confused("Paridae", "Turdidae", 1, 4),
        Confused("Turdidae", "no taxon at this rank", 1, 1),
    )
    assert [(box.at, box.size, box.name, box.is_outer) for box in drawn.boxes] == [
        (0, 2 * CELL, "Passeriformes", True),
        (2 * CELL, CELL, "Anseriformes", True),
    ]


def test_without_unnamed_images_the_matrix_is_square() -> None:
    matrix = ConfusionMatrix("", ("cat", "dog"), (), np.array([0, 1]), np.array([1, 1]), np.array([2, 2]), 0)
    drawn = draw_matrix(matrix)
    assert (drawn.rows, drawn.columns, drawn.outer, drawn.inner) == (2, 2, "", "")


def test_boxes_are_of_ranks_that_tell_something() -> None:
    groups = [TaxonGroup("kingdom", "Animalia", 0, 4)]
    groups += [TaxonGroup("order", name, i, i + 2) for i, name in ((0, "a"), (2, "b"))]
    groups += [TaxonGroup("family", name, i, j) for i, j, name in ((0, 2, "c"), (2, 3, "d"), (3, 4, "e"))]
    assert choose_group_ranks(groups, 4) == ("family", "order")
    assert choose_group_ranks(groups[:3], 4) == ("", "order")
    assert choose_group_ranks(groups[:1], 4) == ("", "")


def test_the_finest_rank_that_can_be_read_is_shown_first() -> None:
    def of(rows: int) -> ConfusionMatrix:
        none = np.zeros(0, np.int64)
        return ConfusionMatrix("", tuple(map(str, range(rows))), (), none, none, none, 0)

    assert choose_fold([of(3), of(60), of(61)]) == 1
    assert choose_fold([of(100), of(200)]) == 0
