"""Levels of a tree given by its parent array."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Ints


def sum_to_root(value: Ints, parent: Ints) -> Ints:
    """Sums the values of each node and its ancestors except the root, by pointer jumping."""
    total: Ints = value.copy()
    jump = np.maximum(parent, 0)
    total[0] = 0
    while jump.any():
        total += total[jump]
        jump = jump[jump]
    return total


def split_into_levels(parent: npt.NDArray[np.integer]) -> list[Ints]:
    """Returns the nodes at each depth, the root's level first. parent: -1 for the root, which is node 0."""
    depth = sum_to_root(np.ones(len(parent), np.int64), parent.astype(np.int64))
    by_depth = np.argsort(depth, kind="stable")
    return np.split(by_depth, np.cumsum(np.bincount(depth))[:-1])
