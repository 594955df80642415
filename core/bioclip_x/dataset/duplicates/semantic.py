"""Duplicates by embedding: SemDeDup (Abbas et al. 2023, arXiv 2303.09540)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import numpy as np
import pyarrow as pa

from bioclip_x.array_types import Ints
from bioclip_x.dataset.duplicates.clusters import (
    Clusters,
    Embeddings,
    Floats32,
    choose_n_clusters,
    cluster_embeddings,
    read_unit,
)
from bioclip_x.dataset.duplicates.columns import DUPLICATES, check_unique, make_duplicates
from bioclip_x.dataset.duplicates.grouping import keep_first
from bioclip_x.errors import DatasetError

Keep = Literal["far", "near", "order"]
BLOCK: Final = 2048


def find_semantic(
    embeddings_ND: Embeddings,
    rows_N: Ints,
    *,
    epsilon: float = 0.05,
    keep: Keep = "far",
    order_N: Ints | None = None,
    n_clusters: int | None = None,
    seed: int = 0,
    clusters: Clusters | None = None,
) -> pa.Table:
    """Finds the rows whose embedding is nearer than `epsilon`, in cosine distance, to that of a kept row of its cluster.

    embeddings_ND: float16 or float32, perhaps a np.memmap; normalised here. rows_N: the row of each, int64, unique, in any
    order. keep: which of similar rows is preferred: that farthest from the centroid (`far`: the paper's "keep hard", the least
    typical), the nearest (`near`), or by `order_N`, lower first; equal ones by row number. clusters: of the embeddings sorted
    by row (`cluster_sorted`), to find with several thresholds; `n_clusters` and `seed` are then of no use.

    Similar rows in different clusters are missed. The paper's code removes a row that is like any preferred row, removed or
    not; here it must be like a kept one, so that chains do not remove what is far from everything kept.
    Returns `DUPLICATES`. Raises DatasetError for unusable arguments and where scikit-learn is not installed.
    """
    _check(embeddings_ND, rows_N, epsilon, keep, order_N)
    if not rows_N.size:
        return DUPLICATES.empty_table()
    by_row = np.argsort(rows_N)
    if clusters is None:
        clusters = cluster_sorted(embeddings_ND, rows_N, n_clusters=n_clusters, seed=seed)
    removed, kept, distances = [], [], []
    for members in clusters.iterate():
        positions = by_row[members]
        if order_N is not None and keep == "order":
            sorting = np.argsort(order_N[positions], kind="stable")
        else:
            sorting = np.argsort(clusters.similarities_N[members] * (1 if keep == "far" else -1), kind="stable")
        positions = positions[sorting]
        kept_B, distances_B = keep_first_embeddings(embeddings_ND, positions, epsilon)
        is_removed = kept_B != np.arange(kept_B.size)
        removed.append(rows_N[positions[is_removed]])
        kept.append(rows_N[positions[kept_B[is_removed]]])
        distances.append(distances_B[is_removed])
    return make_duplicates(np.concatenate(removed), np.concatenate(kept), np.concatenate(distances))


def cluster_sorted(
    embeddings_ND: Embeddings, rows_N: Ints, *, n_clusters: int | None = None, seed: int = 0
) -> Clusters:
    """Clusters the embeddings in the order of their rows, so that the clusters do not depend on where they are in the file."""
    by_row = np.argsort(rows_N)
    is_sorted = bool(np.all(by_row[1:] > by_row[:-1]))
    embeddings = embeddings_ND if is_sorted else _Permuted(embeddings_ND, by_row)
    return cluster_embeddings(embeddings, n_clusters=n_clusters, seed=seed)  # type: ignore[arg-type]


class _Permuted:
    """Embeddings in another order, read when asked for."""

    def __init__(self, embeddings_ND: Embeddings, positions: Ints) -> None:
        self._embeddings_ND, self._positions = embeddings_ND, positions

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, chosen: Ints) -> Embeddings:
        return self._embeddings_ND[self._positions[chosen]]


def keep_first_embeddings(embeddings_ND: Embeddings, positions_M: Ints, epsilon: float) -> tuple[Ints, Floats32]:
    """`grouping.keep_first` of the embeddings at these positions, the most preferred first, in blocks.

    Returns int64 [M], the index in `positions_M` of the one kept in each one's place, and float32 [M], its cosine distance.
    """
    m = positions_M.size
    kept_M, distances_M = np.arange(m), np.zeros(m, np.float32)
    kept_so_far = np.zeros(0, np.int64)
    for begin in range(0, m, BLOCK):
        block = np.arange(begin, min(begin + BLOCK, m))
        block_BD = read_unit(embeddings_ND, positions_M[block])
        for first in range(0, kept_so_far.size, BLOCK):
            earlier = kept_so_far[first : first + BLOCK]
            left = block[kept_M[block] == block]
            distances_LE = 1 - block_BD[left - begin] @ read_unit(embeddings_ND, positions_M[earlier]).T
            nearest_L = (distances_LE < epsilon).argmax(1)
            distance_L = np.take_along_axis(distances_LE, nearest_L[:, None], 1)[:, 0]
            is_near = distance_L < epsilon
            kept_M[left[is_near]] = earlier[nearest_L[is_near]]
            distances_M[left[is_near]] = distance_L[is_near]
        new = block[kept_M[block] == block]
        distances_BB = 1 - block_BD[new - begin] @ block_BD[new - begin].T
        later, earlier = np.nonzero(np.tril(distances_BB < epsilon, -1))
        kept_of_new = keep_first(new.size, earlier, later)
        kept_M[new] = new[kept_of_new]
        is_removed = kept_of_new != np.arange(new.size)
        distances_M[new[is_removed]] = distances_BB[np.flatnonzero(is_removed), kept_of_new[is_removed]]
        kept_so_far = np.concatenate([kept_so_far, new[~is_removed]])
    return kept_M, np.maximum(distances_M, 0)


def measure_removed(
    embeddings_ND: Embeddings, rows_N: Ints, epsilons: Sequence[float], *, keep: Keep = "far", seed: int = 0
) -> Mapping[float, float]:
    """The fraction of rows that each threshold removes, of the same clusters: the curve by which a threshold is chosen."""
    clusters = cluster_sorted(embeddings_ND, rows_N, n_clusters=choose_n_clusters(len(rows_N)), seed=seed)
    return {
        epsilon: find_semantic(embeddings_ND, rows_N, epsilon=epsilon, keep=keep, clusters=clusters).num_rows
        / len(rows_N)
        for epsilon in epsilons
    }


def _check(embeddings_ND: Embeddings, rows_N: Ints, epsilon: float, keep: str, order_N: Ints | None) -> None:
    if embeddings_ND.ndim != 2 or len(embeddings_ND) != len(rows_N):
        shape = " × ".join(str(side) for side in embeddings_ND.shape)
        raise DatasetError(f"expected one embedding for each of the {len(rows_N)} rows, got {shape}")
    if not 0 < epsilon < 2:
        raise DatasetError(f"epsilon is a cosine distance, more than 0 and less than 2, not {epsilon}")
    if keep not in ("far", "near", "order"):
        raise DatasetError(f"keep must be far, near or order, not {keep}")
    if (keep == "order") != (order_N is not None):
        raise DatasetError("the order of the rows is needed for keep: order, and of no use otherwise")
    if order_N is not None and len(order_N) != len(rows_N):
        raise DatasetError(f"expected the order of each of the {len(rows_N)} rows, got {len(order_N)}")
    check_unique(rows_N)
