"""Counts how many descriptors would separate a class that they were not written for: what is expected by chance.

The mean similarities of classes differ for any text, random words included. A text therefore separates a class from its
siblings far more often than one in 40 times, whatever it says. What a descriptor says of *its* class shows by comparison with
the same texts on other classes: a permutation test in which classes, with their images and siblings, are swapped as a whole.

Legend: N images sorted by class, K described classes with images, P descriptors of one class, S permutations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from bioclip_x.array_types import Floats, Ints
from bioclip_x.evaluation.descriptors.statistics import compute_area
from bioclip_x.evaluation.intervals import compute_class_difference_interval
from bioclip_x.records.evaluation.descriptor_usefulness import ByChance, SwappedCount

SWAPS: Final = 39
"""Permutations. Unrelated texts lie outside the least and the largest of 39 counts in 2 of 40 cases: a 95% range."""

Split = tuple[slice, slice]
"""The images of a class, and those of it and its siblings, which include them."""
SIDES: Final = ("above", "below")


def count_by_chance(
    split_K: Sequence[Split], side_K: Sequence[Sequence[str]], compute_cosines: Callable[[int], Floats], seed: int = 0
) -> ByChance | None:
    """Counts the descriptors above and below 0.5 after swapping classes, and compares them with the true ones.

    split_K: the images of each class and its siblings. side_K: of each class, the side of each of its P descriptors.
    compute_cosines: returns those of a class's descriptors with all images, rounded: float64 [P, N]. Returns None for fewer than
    two classes.
    """
    n_classes = len(split_K)
    if n_classes < 2:
        return None
    rng = np.random.default_rng(seed)
    class_SK = np.array([rng.permutation(n_classes) for _ in range(SWAPS)])
    swapped_SK = np.array([_count_sides(compute_cosines(k), class_SK[:, k], split_K) for k in range(n_classes)])
    counts = (_summarise(side, side_K, swapped_SK[:, :, i].T) for i, side in enumerate(SIDES))
    return ByChance(SWAPS, *counts)


def _count_sides(cos_PN: Floats, class_S: Ints, split_K: Sequence[Split]) -> Ints:
    """Returns how many of a class's descriptors lie above and below 0.5 for each of the classes in its place: int64 [S, 2]."""
    counts = {}
    for k in set(class_S.tolist()):
        own, family = split_K[k]
        sides = [find_side(cos_N, own, family) for cos_N in cos_PN]
        counts[k] = [sides.count(side) for side in SIDES]
    return np.array([counts[k] for k in class_S.tolist()])


def find_side(cos_N: npt.NDArray[np.float64], own: slice, family: slice) -> str:
    """Returns the side of a text's AUROC between the images of a class and of its siblings: "above", "below" or "around"."""
    siblings = np.concatenate([cos_N[family.start : own.start], cos_N[own.stop : family.stop]])
    area = compute_area(cos_N[own], siblings)
    return area.side if area else "around"


def _summarise(side: str, side_K: Sequence[Sequence[str]], swapped_SK: Ints) -> SwappedCount:
    found_K = np.array([list(sides).count(side) for sides in side_K])
    total_S, size_K = swapped_SK.sum(1), np.array([len(sides) for sides in side_K])
    more_K = (found_K - swapped_SK.mean(0)) / size_K
    low, high = compute_class_difference_interval(more_K) or (None, None)
    return SwappedCount(
        found=int(found_K.sum()),
        expected=float(total_S.mean()),
        least=int(total_S.min()),
        most=int(total_S.max()),
        more=float(more_K.mean()),
        low=low,
        high=high,
    )
