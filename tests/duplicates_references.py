"""The rule of duplicates as plain loops over all pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa


def keep_first_naive(rows: Sequence[int], order: Sequence[int], is_near: Callable[[int, int], bool]) -> dict[int, int]:
    """Removed row → kept row. is_near takes positions."""
    kept: list[int] = []
    removed = {}
    for i in sorted(range(len(rows)), key=lambda i: (order[i], rows[i])):
        first = next((k for k in kept if is_near(i, k)), None)
        if first is None:
            kept.append(i)
        else:
            removed[int(rows[i])] = int(rows[first])
    return removed


def to_dict(duplicates: pa.Table) -> dict[int, int]:
    return dict(zip(duplicates["row"].to_pylist(), duplicates["kept"].to_pylist()))


def count_different_bits(first: int, second: int) -> int:
    return bin(int(first) ^ int(second)).count("1")


def make_similar_hashes(n: int, n_centres: int, most_flips: int, seed: int = 0) -> np.ndarray:
    """Hashes around a few centres, so that there are chains."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**64, n_centres, np.uint64)[rng.integers(0, n_centres, n)]
    for _ in range(most_flips):
        bits = np.uint64(1) << rng.integers(0, 64, n).astype(np.uint64)
        hashes ^= np.where(rng.random(n) < 0.5, bits, np.uint64(0))
    return hashes
