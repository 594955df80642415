from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.dataset.duplicates.grouping import keep_first, sort_by_preference
from duplicates_references import keep_first_naive


@given(st.integers(2, 12).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.tuples(*2 * [st.integers(0, n - 1)])))))
def test_equals_the_loop(case: tuple[int, set[tuple[int, int]]]) -> None:
    n, pairs = case
    edges = {(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]}
    earlier, later = (np.array([edge[i] for edge in edges], np.int64) for i in (0, 1))
    expected = keep_first_naive(range(n), [0] * n, lambda i, k: (k, i) in edges)
    kept = keep_first(n, earlier, later)
    assert {i: k for i, k in enumerate(kept.tolist()) if i != k} == expected


def test_a_long_chain_is_cut_at_every_second_row() -> None:
    earlier = np.arange(999)
    assert keep_first(1000, earlier, earlier + 1).tolist() == [i - i % 2 for i in range(1000)]


def test_lower_order_is_preferred_and_then_the_lower_row() -> None:
    assert sort_by_preference(np.array([1, 0, 1, 0]), np.array([5, 9, 3, 8])).tolist() == [3, 1, 2, 0]
