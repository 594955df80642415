"""The largest of many values, with many equal ones, against a sort by value and index."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.taxonomy.scoring.best_classes import BLOCK, BestClasses, count_ties, select_largest, select_top_rows

seeds = st.integers(0, 2**32 - 1)


def draw_few_values(seed: int, n_rows: int, n: int, n_values: int = 3) -> np.ndarray:
    """float32 [n_rows, n] of a few different values, -inf among them."""
    rng = np.random.default_rng(seed)
    return rng.choice(np.array([-np.inf, *range(n_values - 1)], np.float32), (n_rows, n))


def sort_by_value(values_n: np.ndarray) -> list[int]:
    return sorted(range(len(values_n)), key=lambda i: (-values_n[i], i))


def assert_best(columns_k: list[int], values_n: np.ndarray) -> None:
    """They are different, in order, and those of the sort wherever they are possible."""
    expected = sort_by_value(values_n)[: len(columns_k)]
    n_possible = int(np.isfinite(values_n[expected]).sum())
    assert columns_k[:n_possible] == expected[:n_possible]
    assert len(set(columns_k)) == len(columns_k)
    assert np.isneginf(values_n[columns_k[n_possible:]]).all()


@given(seeds, st.integers(1, 40), st.integers(1, 9), st.integers(1, 5))
def test_the_largest_of_equal_values_are_the_first(seed: int, n: int, k: int, n_values: int) -> None:
    values = draw_few_values(seed, 4, n, n_values)
    for row, columns in enumerate(select_largest(torch.from_numpy(values), min(k, n)).tolist()):
        assert_best(columns, values[row])


@given(seeds, st.integers(1, 9 * BLOCK), st.integers(1, 3))
def test_the_largest_rows_of_many_blocks_are_the_first(seed: int, n: int, k: int) -> None:
    values = draw_few_values(seed, 2, n, 4)
    for row, rows in enumerate(select_top_rows(torch.from_numpy(values.T.copy()), min(k, n)).tolist()):
        assert_best(rows, values[row])


@given(seeds, st.integers(1, 40), st.integers(1, 9), st.integers(1, 12), st.integers(1, 6))
def test_parts_give_the_best_of_all(seed: int, n: int, k: int, size: int, n_values: int) -> None:
    values = draw_few_values(seed, 3, n, n_values)
    k = min(k, n)
    best = BestClasses(k, 3)
    for start in range(0, n, size):
        part = torch.from_numpy(values[:, start : start + size].T.copy())
        best.update(start, part, part.amax(0))
    assert best.classes_BK.shape == best.values_BK.shape == (3, k)
    for row, classes in enumerate(best.classes_BK.tolist()):
        assert_best(classes, values[row])
        np.testing.assert_array_equal(best.values_BK[row].numpy(), values[row][classes])


@given(seeds, st.integers(1, 40), st.integers(1, 12))
def test_the_winner_does_not_depend_on_how_many_are_asked_for(seed: int, n: int, size: int) -> None:
    values = draw_few_values(seed, 3, n)
    values[:, np.random.default_rng(seed).integers(n)] = 0.0  # each row has a possible class
    winners = set()
    for k in (1, 2, n):
        best = BestClasses(min(k, n), 3)
        for start in range(0, n, size):
            part = torch.from_numpy(values[:, start : start + size].T.copy())
            best.update(start, part, part.amax(0))
        winners.add(tuple(best.classes_BK[:, 0].tolist()))
    assert len(winners) == 1


def test_ties_with_the_first_are_counted() -> None:
    values = torch.tensor([[2.0, 2.0, 1.0], [3.0, 2.0, 2.0], [1.0, 1.0, 1.0]])
    assert count_ties(values).tolist() == [2, 1, 3]
