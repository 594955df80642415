from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.errors import TaxonomyError
from bioclip_x.limits import TREE_COPIES, TREE_LEVELS
from bioclip_x.taxonomy.levels import has_too_many_copies, refuse_many_levels, split_into_levels, sum_to_root


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


def test_a_tree_has_so_many_levels_and_no_more() -> None:
    deepest = np.arange(-1, TREE_LEVELS)
    refuse_many_levels(deepest, "a.nwk")
    with pytest.raises(TaxonomyError, match=r"a\.nwk has 5,001 levels; expected at most 5,000"):
        refuse_many_levels(np.append(deepest, TREE_LEVELS), "a.nwk")


@given(st.integers(1, 8), st.integers(1, 8))
def test_copies_are_counted_as_paths_are(layers: int, width: int) -> None:
    """Each node of a lattice has all of the layer above as parents, so that width ** layers paths lead to it."""
    order = [(layer, place) for layer in range(layers) for place in range(width)]

    def get_parents(node: tuple[int, int]) -> list[tuple[int, int]]:
        return [(node[0] - 1, place) for place in range(width)] if node[0] else []

    n_copies = sum(width * (width**layer - 1) for layer in range(layers))
    assert has_too_many_copies(order, get_parents) == (n_copies > TREE_COPIES)
