"""An index from names to nodes for trees of millions of names: sorted 64-bit hashes, 12 bytes a name.

Two different names with one hash are expected once in some millions of builds (4 million names, 1 million look-ups).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import numpy as np
import numpy.typing as npt

from bioclip_x.taxonomy.names.normalise import normalise_name

Hashes = npt.NDArray[np.int64]


def hash_names(names: Iterable[str], count: int) -> Hashes:
    """Returns the hash of each name in the form used for comparison; equal in one process only. int64 [count]."""
    return np.fromiter(map(hash, map(normalise_name, names)), np.int64, count)


class HashIndex:
    """Maps hashes of names to nodes."""

    def __init__(self, hashes: Hashes, nodes: npt.NDArray[np.integer]) -> None:
        order = np.lexsort((nodes, hashes))
        self._hashes, self._nodes = hashes[order], nodes[order].astype(np.int32)

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[int, int]]) -> HashIndex:
        """Indexes (hash, node) pairs."""
        array = np.fromiter(chain.from_iterable(pairs), np.int64).reshape(-1, 2)
        return cls(array[:, 0], array[:, 1])

    def get(self, key: int) -> tuple[int, ...]:
        """Returns the nodes of one hash in ascending order, each once."""
        hashes = self._hashes
        start = int(hashes.searchsorted(np.int64(key)))
        if start == len(hashes) or hashes[start] != key:
            return ()
        stop = int(hashes.searchsorted(np.int64(key), "right"))
        return tuple(dict.fromkeys(self._nodes[start:stop].tolist()))

    def find(self, keys: Hashes) -> dict[int, tuple[int, ...]]:
        """Returns hash → its nodes, for those of many hashes that are known."""
        start, stop = self._hashes.searchsorted(keys), self._hashes.searchsorted(keys, "right")
        is_single = stop - start == 1
        found = dict(zip(keys[is_single].tolist(), zip(self._nodes[start[is_single]].tolist())))
        for index in np.flatnonzero(stop - start > 1).tolist():
            found[int(keys[index])] = tuple(dict.fromkeys(self._nodes[start[index] : stop[index]].tolist()))
        return found
