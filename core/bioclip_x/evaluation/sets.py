"""Measures sets of taxa: how often they contain the true class, and how large they are.

Legend: n images, k nodes of a set, s seeds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bioclip_x.array_types import Ints
from bioclip_x.evaluation.intervals import compute_seeded_interval, compute_spread
from bioclip_x.records import Measure
from bioclip_x.taxonomy import Taxonomy


def join_sets(parts: Sequence[Ints]) -> Ints | None:
    """Joins the sets of one batch or more, padded to the largest; None for no parts. Each int64 [n, k], padded with -1."""
    if not parts:
        return None
    width = max(part.shape[1] for part in parts)
    return np.concatenate([np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=-1) for part in parts])


def measure_sets(set_nk: Ints, class_n: Ints, taxonomy: Taxonomy) -> tuple[Ints, Ints]:
    """Returns whether each image's set contains its true class (0 or 1), and the number of classes in it: int64 [n] each.

    set_nk: distinct nodes, none below another, padded with -1. class_n: 0 … C-1.
    """
    node_nk = set_nk.clip(0)
    start_nk, stop_nk = taxonomy.leaf_start_N[node_nk], taxonomy.leaf_stop_N[node_nk]
    is_in_nk = (start_nk <= class_n[:, None]) & (class_n[:, None] < stop_nk) & (set_nk >= 0)
    size_n = np.where(set_nk >= 0, stop_nk - start_nk, 0).sum(1)
    return is_in_nk.any(1).astype(np.int64), size_n.astype(np.int64)


def summarise_sets(
    covered_sn: Sequence[Ints], size_sn: Sequence[Ints], n_classes: int, *, drawn: bool
) -> dict[str, Measure]:
    """Computes coverage and mean size, by their names in tables, over images and seeds; nothing without sets.

    drawn: whether the texts depend on the seed, so that the interval is over seeds too.
    """
    if not covered_sn or not len(covered_sn[0]):
        return {}
    measures = {}
    for name, many, highest in (("coverage of sets", covered_sn, 1), ("classes per set", size_sn, n_classes)):
        value_sn = np.array(many, np.float64)
        low, high = compute_seeded_interval(value_sn, 0, highest, seeded=drawn) or (None, None)
        measures[name] = Measure(float(value_sn.mean()), low, high, value_sn.shape[1], compute_spread(value_sn.mean(1)))
    return measures
