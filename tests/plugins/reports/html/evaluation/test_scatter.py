"""Which taxa of a map have a colour, and where its marks are drawn."""

from __future__ import annotations

import numpy as np

from bioclip_x.records import EmbeddingMap, Neighbours
from bioclip_x_plugins.reports.html.evaluation.scatter import COLOURED, MARGIN, SIZE, draw_scatters


def test_the_most_frequent_taxa_have_colours() -> None:
    names = (*(f"taxon {i}" for i in range(10) for _ in range(i + 1)), "")
    xy_m2 = np.stack([np.arange(len(names)), np.arange(len(names)) % 5], 1).astype(float)
    nothing = Neighbours(None, None, None, 0, None)
    (drawn,) = draw_scatters(EmbeddingMap("m", "", 99, names, xy_m2, {"genus": names}, {"genus": nothing}))
    others, *coloured = drawn.clouds
    assert (others.name, others.colour, len(others.dots)) == ("", 0, 1 + 2 + 1)  # taxa 0 and 1, and one without
    assert [(cloud.name, cloud.colour, len(cloud.dots)) for cloud in coloured] == [
        (f"taxon {9 - i}", i + 1, 10 - i) for i in range(COLOURED)
    ]
    assert drawn.n_others == 2 and drawn.italic


def test_a_map_is_not_stretched() -> None:
    xy_m2 = np.array([(0.0, 0.0), (4.0, 1.0), (2.0, 0.5)])
    nothing = Neighbours(None, None, None, 0, None)
    (drawn,) = draw_scatters(EmbeddingMap("m", "", 3, ("a", "b", "c"), xy_m2, {"": ("x",) * 3}, {"": nothing}))
    dots = [(dot.x, dot.y) for cloud in drawn.clouds for dot in cloud.dots]
    width = SIZE - 2 * MARGIN
    assert dots == [(MARGIN, SIZE / 2 - width / 8), (SIZE - MARGIN, SIZE / 2 + width / 8), (SIZE / 2, SIZE / 2)]
