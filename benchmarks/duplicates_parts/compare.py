"""The finders against all pairs, and what of planted copies they find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from bioclip_x.dataset.duplicates.bands import choose_masks
from bioclip_x.dataset.duplicates.hashing import count_bits, is_uninformative
from bioclip_x.dataset.duplicates.perceptual import find_perceptual
from bioclip_x.dataset.duplicates.semantic import cluster_sorted, find_semantic
from duplicates_parts.photos import KINDS, Photos

EPSILONS = (0.001, 0.003, 0.01, 0.03, 0.05, 0.1)


def keep_first_naive(near_NN: np.ndarray, preference: Sequence[int]) -> dict[int, int]:
    """The rule of duplicates as a loop over all pairs."""
    kept: list[int] = []
    removed = {}
    for i in preference:
        first = next((k for k, is_near in zip(kept, near_NN[i, kept]) if is_near), None)
        if first is None:
            kept.append(i)
        else:
            removed[i] = first
    return removed


def compare_perceptual(photos: Photos, hashes_N: np.ndarray) -> dict[str, Any]:
    """For each distance: whether the result is that of all pairs, and recall and precision of the planted copies."""
    n = len(hashes_N)
    distances_NN = count_bits(hashes_N[:, None] ^ hashes_N[None]).astype(np.int16)
    nothing = is_uninformative(hashes_N)
    distances_NN[nothing], distances_NN[:, nothing] = 64, 64
    order = np.array([1 if kind else 0 for kind in photos.kind_N])
    preference = np.lexsort((np.arange(n), order)).tolist()
    table = pa.table({"row": np.arange(n), "phash": hashes_N, "order": order})
    rows = {}
    for distance in range(9):
        found = find_perceptual(table, distance)
        expected = keep_first_naive(distances_NN <= distance, preference)
        got = dict(zip(found["row"].to_pylist(), found["kept"].to_pylist()))
        rows[str(distance)] = {
            "removed": found.num_rows, "equal_to_all_pairs": got == expected, **judge(photos, distances_NN <= distance)
        }  # fmt: skip
    n_originals = photos.kind_N.count("")
    return {
        "flat": int(nothing.sum()),
        "candidates_over_uniform": round(measure_crowding(hashes_N[:n_originals]), 2),
        "by_distance": rows,
    }


def measure_crowding(hashes_N: np.ndarray) -> float:
    """How many times more pairs of real hashes than of uniform ones agree on the bands used for ten million hashes."""
    masks = choose_masks(10**7, 5e13, 4)
    ratios = []
    for mask in masks:
        counts = np.unique(hashes_N & np.uint64(mask), return_counts=True)[1]
        agreeing = (counts * (counts - 1)).sum() / (hashes_N.size * (hashes_N.size - 1))
        ratios.append(agreeing * 2.0 ** mask.bit_count())
    return float(np.mean(ratios))


def judge(photos: Photos, near_NN: np.ndarray) -> dict[str, Any]:
    """Recall of each kind: copies that are near their original. Precision: near pairs that show the same original."""
    kinds = np.array(photos.kind_N)
    recall = {
        kind: round(float(np.mean([near_NN[i, photos.source_N[i]] for i in np.flatnonzero(kinds == kind)])), 3)
        for kind in KINDS
    }
    first, second = np.nonzero(np.triu(near_NN, 1))
    same = photos.source_N[first] == photos.source_N[second]
    of_originals = (kinds[first] == "") & (kinds[second] == "")
    return {
        "recall": recall,
        "pairs": int(first.size),
        "pairs_of_different_originals": int((~same).sum()),
        "pairs_of_originals": int(of_originals.sum()),
        "precision": round(float(same.mean()), 4) if first.size else None,
    }


def compare_semantic(photos: Photos, embeddings_ND: np.ndarray, numbers: Sequence[int]) -> dict[str, Any]:
    """For each threshold: recall and precision by all pairs, and the part of them that is in one cluster.

    Clusters are made of the originals and one copy of each source: with all nine, each source would be a cluster of its own.
    """
    n = len(embeddings_ND)
    rows_N = np.arange(n)
    few = _take_one_copy(photos)
    distances_NN = (1 - embeddings_ND.astype(np.float32) @ embeddings_ND.T.astype(np.float32)).astype(np.float32)
    clusters = {k: cluster_sorted(embeddings_ND[few], few, n_clusters=k) for k in numbers}
    results = {}
    for epsilon in EPSILONS:
        near_NN = distances_NN < epsilon
        first, second = np.nonzero(np.triu(near_NN[np.ix_(few, few)], 1))
        of_all = {}
        for k, of_k in clusters.items():
            found = find_semantic(embeddings_ND[few], few, epsilon=epsilon, clusters=of_k)
            in_one = of_k.labels_N[first] == of_k.labels_N[second]
            of_all[str(k)] = {
                "pairs_in_one_cluster": round(float(in_one.mean()), 4) if first.size else None,
                "removed": found.num_rows, "fraction_removed": round(found.num_rows / few.size, 4),
            }  # fmt: skip
        results[str(epsilon)] = {**judge(photos, near_NN), "pairs_with_one_copy": int(first.size), "clusters": of_all}
    order = np.array([1 if kind else 0 for kind in photos.kind_N])
    preference = np.lexsort((rows_N, order)).tolist()
    found = find_semantic(embeddings_ND, rows_N, epsilon=0.03, keep="order", order_N=order, n_clusters=1)
    expected = keep_first_naive(distances_NN < 0.03, preference)
    got = dict(zip(found["row"].to_pylist(), found["kept"].to_pylist()))
    differing = sum(got.get(row) != expected.get(row) for row in got.keys() | expected.keys())
    return {"of_one_cluster_differing_from_all_pairs": differing, "by_epsilon": results}


def _take_one_copy(photos: Photos) -> np.ndarray:
    """Positions of the originals and of one copy of each source, the kinds in turn."""
    kinds, taken = list(KINDS), []
    sources = {source: i for i, source in enumerate(np.unique(photos.source_N[np.array(photos.kind_N) != ""]).tolist())}
    for i, (kind, source) in enumerate(zip(photos.kind_N, photos.source_N.tolist())):
        if not kind or kinds[sources[source] % len(kinds)] == kind:
            taken.append(i)
    return np.array(taken)
