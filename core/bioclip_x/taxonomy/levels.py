"""Levels of a tree given by its parent array, and the limits on them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Ints
from bioclip_x.errors import TaxonomyError
from bioclip_x.limits import TREE_COPIES, TREE_LEVELS

Key = TypeVar("Key", bound=Hashable)


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


def refuse_many_levels(parent: npt.NDArray[np.integer], source: str) -> None:
    """Raises TaxonomyError for a tree of more than `TREE_LEVELS` levels below the root. parent: -1 for the root, node 0."""
    levels = int(sum_to_root(np.ones(len(parent), np.int64), parent.astype(np.int64)).max())
    if levels > TREE_LEVELS:
        raise TaxonomyError(
            f"{source or 'the tree'} has {levels:,} levels; expected at most {TREE_LEVELS:,}: is each name below the one before "
            "it by mistake?"
        )


def has_too_many_copies(order: Iterable[Key], get_parents: Callable[[Key], Iterable[Key]]) -> bool:
    """Whether copies of all taxa below each of their parents would be more than `TREE_COPIES`.

    order: of the taxa, parents first. Counts and does not copy: each level of a lattice multiplies the copies.
    """
    nodes_of: dict[Key, int] = {}
    n_copies = 0
    for taxon in order:
        nodes_of[taxon] = sum(map(nodes_of.__getitem__, get_parents(taxon))) or 1
        n_copies += nodes_of[taxon] - 1
        if n_copies > TREE_COPIES:
            return True
    return False
