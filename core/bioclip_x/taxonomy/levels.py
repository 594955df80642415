"""Levels of a tree given by its parents."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Ints


def _summed_to_root(value: Ints, parent: Ints) -> Ints:
    """The sum over each node and all above it, by jumps twice as long at every turn."""
    total: Ints = value.copy()
    jump = np.maximum(parent, 0)
    total[0] = 0
    while jump.any():
        total += total[jump]
        jump = jump[jump]
    return total


def split_into_levels(parent: npt.NDArray[np.integer]) -> list[Ints]:
    """The nodes at each depth, the root's level first. parent: -1 for the root, which is node 0."""
    depth = _summed_to_root(np.ones(len(parent), np.int64), parent.astype(np.int64))
    by_depth = np.argsort(depth, kind="stable")
    return np.split(by_depth, np.cumsum(np.bincount(depth))[:-1])
