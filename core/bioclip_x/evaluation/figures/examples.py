"""Which images to show of those that one run has right and another has not.

Legend: n images.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Ints


def choose_examples(is_candidate_n: npt.NDArray[np.bool_], class_n: Ints, most: int, seed: int = 0) -> Ints:
    """Draws at most `most` of the candidates at random, of as many classes as possible: rows, int64.

    One image of each class comes before a second of any. Drawn, not picked: examples picked by confidence or by eye flatter
    one side.
    """
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(is_candidate_n))
    by_class = np.argsort(class_n[rows], kind="stable")
    classes = class_n[rows][by_class]
    starts = np.searchsorted(classes, classes)
    turn = np.empty(len(rows), np.int64)
    turn[by_class] = np.arange(len(rows)) - starts
    chosen: Ints = rows[np.argsort(turn, kind="stable")][:most]
    return chosen
