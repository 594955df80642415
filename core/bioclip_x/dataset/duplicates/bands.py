"""All pairs of 64-bit hashes within a Hamming distance, without comparing all pairs.

Of k bands that two hashes at distance ≤ d are cut into, at least k - d are equal (the pigeonhole principle). So for each of the
C(k, d) choices of k - d bands, the hashes that agree on these are compared; no pair is missed, and each pair is verified.
Manku et al. 2007, "Detecting near-duplicates for web crawling", section 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import comb
from typing import Final

import numpy as np

from bioclip_x.array_types import Ints
from bioclip_x.dataset.duplicates.hashing import Hashes, count_bits

BITS: Final = 64
SORTING: Final = 150.0
"""Nanoseconds to sort a hash into its place."""
COMPARING: Final = 8.0
"""Nanoseconds to compare a pair."""

Pairs = Iterator[tuple[Ints, Ints]]


def choose_masks(n_sorted: int, n_pairs: float, distance: int) -> list[int]:
    """Chooses the number of bands that should take the least time, and returns the bits of each choice of bands.

    n_sorted: hashes to be sorted for each mask. n_pairs: pairs that there would be without masks. The bits of a band are k
    apart, because neighbouring frequencies have less to say about one another's signs in no band more than in another.

    >>> [mask.bit_count() for mask in choose_masks(10_000_000, 5e13, 4)][:3]
    [22, 22, 22]
    >>> choose_masks(100, 5e3, 4)  # so few that all are compared
    [0]
    """

    def predict(k: int) -> float:
        agreeing = n_pairs / 2 ** (BITS * (k - distance) / k)
        return comb(k, distance) * (n_sorted * SORTING + agreeing * COMPARING)

    k = min(range(distance, distance + 8), key=predict) if distance else 1
    bands = [sum(1 << bit for bit in range(i, BITS, k)) for i in range(k)] if k else []
    return [sum(chosen) for chosen in combinations(bands, k - distance)]


def find_pairs_within(hashes_N: Hashes, distance: int) -> Pairs:
    """Yields positions of all pairs of hashes, uint64 [N], at most `distance` bits apart, in parts; some pairs several times.

    In each pair, the first position is less than the second.
    """
    n = hashes_N.size
    for mask in choose_masks(n, n * (n - 1) / 2, distance):
        keys = hashes_N & np.uint64(mask)
        order = np.argsort(keys, kind="stable")
        keys, sorted_N = keys[order], hashes_N[order]
        firsts = np.flatnonzero(keys[1:] == keys[:-1])
        offset = 1
        while firsts.size:
            near = firsts[count_bits(sorted_N[firsts] ^ sorted_N[firsts + offset]) <= distance]
            if near.size:
                yield order[near], order[near + offset]  # the sort is stable
            offset += 1
            firsts = firsts[firsts < n - offset]
            firsts = firsts[keys[firsts] == keys[firsts + offset]]


def find_pairs_across(left_N: Hashes, right_M: Hashes, distance: int) -> Pairs:
    """Yields positions in both of all pairs of a left and a right hash at most `distance` bits apart, as `find_pairs_within`."""
    n, m = left_N.size, right_M.size
    if not n or not m:
        return
    for mask in choose_masks(n + m, float(n) * m, distance):
        left_keys, right_keys = left_N & np.uint64(mask), right_M & np.uint64(mask)
        left_order, right_order = np.argsort(left_keys), np.argsort(right_keys)
        left_keys, right_keys = left_keys[left_order], right_keys[right_order]
        left_sorted, right_sorted = left_N[left_order], right_M[right_order]
        begin_M = np.searchsorted(left_keys, right_keys, "left")
        count_M = np.searchsorted(left_keys, right_keys, "right") - begin_M
        rights = np.flatnonzero(count_M)
        offset = 0
        while rights.size:
            lefts = begin_M[rights] + offset
            near = count_bits(left_sorted[lefts] ^ right_sorted[rights]) <= distance
            if near.any():
                yield left_order[lefts[near]], right_order[rights[near]]
            offset += 1
            rights = rights[count_M[rights] > offset]
