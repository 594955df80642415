from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.taxonomy.levels import split_into_levels, sum_to_root


@st.composite
def parents(draw: st.DrawFn) -> np.ndarray:
    """Parent arrays of random trees; node 0 is the root."""
    n = draw(st.integers(1, 40))
    return np.array([-1, *(draw(st.integers(0, node - 1)) for node in range(1, n))], np.int64)


@given(parents())
def test_levels_agree_with_a_traversal(parent: np.ndarray) -> None:
    depths = []
    for node in range(len(parent)):
        depth = 0
        while parent[node] >= 0:
            node, depth = int(parent[node]), depth + 1
        depths.append(depth)
    levels = split_into_levels(parent)
    assert [level.tolist() for level in levels] == [
        [node for node, depth in enumerate(depths) if depth == of] for of in range(max(depths) + 1)
    ]


@given(parents(), st.integers(0, 2**32 - 1))
def test_values_are_summed_over_the_path_without_the_root(parent: np.ndarray, seed: int) -> None:
    value = np.random.default_rng(seed).integers(-9, 10, len(parent))
    expected = []
    for node in range(len(parent)):
        total = 0
        while node != 0:
            total, node = total + int(value[node]), int(parent[node])
        expected.append(total)
    before = value.copy()
    assert sum_to_root(value, parent).tolist() == expected
    assert (value == before).all()
