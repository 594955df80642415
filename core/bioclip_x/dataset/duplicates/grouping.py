"""Which of similar rows are kept: the rule that all finders share."""

from __future__ import annotations

import numpy as np

from bioclip_x.array_types import Ints


def sort_by_preference(order_N: Ints, rows_N: Ints) -> Ints:
    """Positions from the most preferred row (lowest `order`) to the least; equal ones by their numbers. int64 [N]."""
    positions: Ints = np.lexsort((rows_N, order_N))
    return positions


def keep_first(n: int, earlier_E: Ints, later_E: Ints) -> Ints:
    """Goes through rows 0 … n - 1: each is a duplicate of the first kept row that it is similar to, and kept if there is none.

    Edges are pairs of similar rows, earlier < later; int64 [E], in any order, repeated ones allowed.
    Returns int64 [n]: the row kept in its place, itself if it is kept. In rounds over all rows whose earlier neighbours are
    all decided, of which there are few even of many rows (Blelloch et al. 2012, "Greedy sequential maximal independent set and
    matching are parallel on average").

    >>> keep_first(4, np.array([0, 1, 2]), np.array([1, 2, 3])).tolist()  # a chain: 2 is not like 0
    [0, 0, 2, 2]
    """
    is_kept, is_removed = np.ones(n, bool), np.zeros(n, bool)
    is_kept[later_E] = False
    earlier, later = earlier_E, later_E
    while earlier.size:
        is_removed[later[is_kept[earlier]]] = True
        waits = ~is_removed[later] & ~is_removed[earlier]
        decided = later[~is_removed[later]]
        earlier, later = earlier[waits], later[waits]
        is_kept[decided] = True
        is_kept[later] = False
    kept_n = np.arange(n)
    kept_n[is_removed] = n
    of_kept_E = is_kept[earlier_E]
    np.minimum.at(kept_n, later_E[of_kept_E], earlier_E[of_kept_E])
    return kept_n
