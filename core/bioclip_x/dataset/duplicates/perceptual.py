"""Duplicates by perceptual hash: rows whose hashes differ in a few bits."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from bioclip_x.array_types import Ints
from bioclip_x.dataset.duplicates.bands import find_pairs_across, find_pairs_within
from bioclip_x.dataset.duplicates.columns import (
    DUPLICATES,
    Rows,
    check_unique,
    make_duplicates,
    read_ints,
    read_rows,
)
from bioclip_x.dataset.duplicates.grouping import keep_first, sort_by_preference
from bioclip_x.dataset.duplicates.hashing import Hashes, count_bits, is_uninformative
from bioclip_x.errors import DatasetError

MOST_BITS: Final = 8
FIRST_BLOCK: Final = 4096
GROWTH: Final = 4


def find_perceptual(rows: Rows, distance: int = 4) -> pa.Table:
    """Finds the rows whose perceptual hash is at most `distance` bits from that of a row that is kept.

    rows: `row` int64, unique; `phash` uint64, null where there is none; `order` int64, lower where rather kept (equal: the lower
    row number). distance: 0 to 8 bits. Hashes of images that show nothing (`hashing.is_uninformative`, e.g. black frames) are
    left out, because they say that images are alike which need not be; `count_uninformative` tells how many.
    Returns `DUPLICATES`, distances in bits. Raises DatasetError for other distances and unusable tables.
    """
    check_distance(distance)
    table = read_rows(rows, ("row", "phash", "order"))
    rows_N, order_N = read_ints(table, "row"), read_ints(table, "order")
    check_unique(rows_N)
    hashes_N, positions = read_hashes(table)
    del table
    preferred = positions[sort_by_preference(order_N[positions], rows_N[positions])]
    del order_N, positions
    if not preferred.size:
        return DUPLICATES.empty_table()
    hashes_N = hashes_N[preferred]
    # Equal hashes share their fate, so that each is compared once: the first stands for all.
    unique_U, first_U, unique_of_N = np.unique(hashes_N, return_index=True, return_inverse=True)
    by_preference = np.argsort(first_U)
    unique_U, first_U = unique_U[by_preference], first_U[by_preference]
    place_U = np.empty_like(by_preference)
    place_U[by_preference] = np.arange(place_U.size)
    kept_N = first_U[keep_first_hashes(unique_U, distance)][place_U[unique_of_N]]
    removed = np.flatnonzero(kept_N != np.arange(kept_N.size))
    kept = kept_N[removed]
    bits = count_bits(hashes_N[removed] ^ hashes_N[kept])
    return make_duplicates(rows_N[preferred[removed]], rows_N[preferred[kept]], bits)


def keep_first_hashes(hashes_U: Hashes, distance: int) -> Ints:
    """`grouping.keep_first` of hashes, uint64 [U], the most preferred first: position of the one kept in each one's place.

    In blocks that grow: each is first compared with what is kept so far, and only what is left of it with itself. Thus a
    million frames of one scene, whose hashes differ but are all alike, cost a comparison with its few kept ones, not all pairs.
    """
    n = hashes_U.size
    kept_U = np.arange(n)
    kept_so_far = np.zeros(0, np.int64)
    begin, size = 0, FIRST_BLOCK
    while begin < n:
        block = np.arange(begin, min(begin + size, n))
        nearest = np.full(block.size, n)
        for left, right in find_pairs_across(hashes_U[kept_so_far], hashes_U[block], distance):
            np.minimum.at(nearest, right, kept_so_far[left])
        is_new = nearest == n
        kept_U[block[~is_new]] = nearest[~is_new]
        new = block[is_new]
        kept_of_new = _keep_first_of_block(hashes_U[new], distance)
        kept_U[new] = new[kept_of_new]
        kept_so_far = np.concatenate([kept_so_far, new[kept_of_new == np.arange(new.size)]])
        begin, size = begin + size, size * GROWTH
    return kept_U


def _keep_first_of_block(hashes_B: Hashes, distance: int) -> Ints:
    pairs = list(find_pairs_within(hashes_B, distance))
    nothing = np.zeros(0, np.int64)
    earlier = np.concatenate([nothing, *(pair[0] for pair in pairs)])
    later = np.concatenate([nothing, *(pair[1] for pair in pairs)])
    return keep_first(hashes_B.size, earlier, later)


def count_uninformative(rows: Rows) -> int:
    """Number of rows whose hash is left out because the image shows (nearly) nothing."""
    hashes = read_rows(rows, ("phash",)).column("phash").drop_null()
    return int(is_uninformative(_to_numpy(hashes)).sum())


def read_hashes(table: pa.Table) -> tuple[Hashes, Ints]:
    """The column `phash`, uint64 [N], 0 where it is null, and the positions of the hashes to compare, int64."""
    hashes_N = _to_numpy(table.column("phash").fill_null(0))
    return hashes_N, np.flatnonzero(~is_uninformative(hashes_N))


def check_distance(distance: int) -> None:
    if not 0 <= distance <= MOST_BITS:
        raise DatasetError(f"the distance of perceptual hashes must be 0 to {MOST_BITS} bits, not {distance}")


def _to_numpy(column: pa.ChunkedArray) -> Hashes:
    if column.type != pa.uint64():
        raise DatasetError(f"the column phash must be uint64, not {column.type}")
    hashes: Hashes = column.to_numpy()
    return hashes
