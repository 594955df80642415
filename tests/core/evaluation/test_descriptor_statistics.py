"""AUROC, its intervals, variance between classes and scores without a text, against loops over pairs and images."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.evaluation.descriptor_statistics import (
    compute_area,
    compute_newcombe_interval,
    count_changes,
    make_share,
    split_by_class,
)
from bioclip_x.evaluation.leave_one_out import BestTwo, compute_leave_one_out_changes, find_changed_predictions

SCORES = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=12)


def wins(own: float, other: float) -> float:
    return 1.0 if own > other else 0.5 if own == other else 0.0


@given(SCORES, SCORES)
def test_area_is_the_part_of_pairs_won(own: list[float], other: list[float]) -> None:
    found = compute_area(np.array(own), np.array(other))
    assert found is not None and found.others == len(other)
    assert found.value == pytest.approx(np.mean([wins(a, b) for a in own for b in other]))
    assert 0 <= found.low <= found.value + 1e-12 and found.value <= found.high + 1e-12 and found.high <= 1
    assert found.high - found.low > 0.01  # never a point, however clear


def test_the_interval_is_never_a_point() -> None:
    assert compute_area(np.array([]), np.ones(3)) is None and compute_area(np.ones(3), np.array([])) is None
    for own, other in (([2.0, 3.0], [0.0, 1.0]), ([1.0] * 4, [1.0] * 9), ([1.0], [0.0, 2.0])):
        found = compute_area(np.array(own), np.array(other))
        assert found is not None and (found.low, found.high) == compute_newcombe_interval(
            found.value, len(own), len(other)
        )
    clear = compute_newcombe_interval(1.0, 5, 5)
    assert (
        clear[1] == 1
        and clear[0] == pytest.approx(0.6427, abs=1e-3)
        and compute_newcombe_interval(1.0, 50, 50)[0] > 0.95
    )
    assert compute_newcombe_interval(0.0, 5, 7) == pytest.approx(
        tuple(1 - x for x in compute_newcombe_interval(1.0, 5, 7)[::-1])
    )


@given(st.floats(0, 1), st.integers(1, 30), st.integers(1, 30))
def test_newcombes_bounds_are_where_its_equation_holds(value: float, m: int, n: int) -> None:
    low, high = compute_newcombe_interval(value, m, n)
    grid = np.linspace(0, 1, 4001)[1:-1]
    middle = (m + n) / 2 - 1
    variance = grid * (1 - grid) * (1 + middle * (1 - grid) / (2 - grid) + middle * grid / (1 + grid)) / (m * n)
    within = grid[np.abs(grid - value) <= 1.959964 * np.sqrt(variance)]
    assert low <= within[0] + 1e-9 and within[0] - low < 1e-3 and high >= within[-1] - 1e-9
    assert high - within[-1] < 1e-3


@pytest.mark.parametrize("true", [0.5, 0.8, 0.97])
@pytest.mark.parametrize(("m", "n"), [(4, 12), (10, 1000)])
def test_intervals_hold_the_true_area_about_as_often_as_they_say(true: float, m: int, n: int) -> None:
    """Normal scores, drawn 300 times: at least nine tenths."""
    rng, shift = np.random.default_rng(0), math.sqrt(2) * NormalDist().inv_cdf(true)
    found = [compute_area(rng.normal(shift, 1, m), rng.normal(0, 1, n)) for _ in range(300)]
    assert np.mean([one is not None and one.low <= true <= one.high for one in found]) > 0.9


def test_variance_between_classes() -> None:
    rng = np.random.default_rng(0)
    sizes, starts = (3, 4, 5), np.array([0, 3, 7])
    cos = rng.normal(size=(2, 12))
    cos[1] += np.repeat([0.0, 5.0, -5.0], sizes)
    spread, found = split_by_class(cos, starts)
    for row in range(2):
        groups = np.split(cos[row], starts[1:])
        within = sum(((g - g.mean()) ** 2).sum() for g in groups) / (12 - 3)
        assert found[row] == pytest.approx(1 - within / cos[row].var(ddof=1))
        assert spread[row] == pytest.approx(np.std([g.mean() for g in groups]))
    assert found[0] < 0.3 and found[1] > 0.9
    spread, flat = split_by_class(np.full((1, 12), 0.25), starts)
    assert flat.tolist() == spread.tolist() == [0.0]
    assert (
        np.isnan(split_by_class(cos, np.arange(12))[1]).all() and np.isnan(split_by_class(cos, np.array([0]))[1]).all()
    )


def test_what_is_the_same_everywhere_is_below_zero_about_as_often_as_above() -> None:
    _, found = split_by_class(np.random.default_rng(0).normal(size=(400, 60)), np.arange(0, 60, 6))
    assert abs(found.mean()) < 0.02


def test_a_changed_accuracy() -> None:
    """0.5 in each of four cells: (10.5 - 4.5) / 102."""
    found = count_changes(10, 4, 100)
    middle = 6 / 102
    half = 1.959964 * math.sqrt((15 / 102 - middle**2) / 102)
    assert found.change == 0.06 and (found.low, found.high) == pytest.approx((middle - half, middle + half), abs=1e-6)
    nothing = count_changes(0, 0, 10)
    assert nothing.change == 0 and nothing.low == -nothing.high < 0
    assert count_changes(2, 0, 2).high <= 1 and make_share(9, 10).low == pytest.approx(0.5958, abs=1e-4)


def pooled(cos: np.ndarray, weight: np.ndarray, texts: torch.Tensor, pooling: str) -> np.ndarray:
    if pooling == "max":
        return cos.max(0)  # type: ignore[no-any-return]
    total = weight @ cos
    return total / (weight.sum() if pooling == "mean" else float((torch.from_numpy(weight) @ texts).norm()))  # type: ignore[no-any-return]


@pytest.mark.parametrize("pooling", ["mean", "ensemble", "max"])
@given(seed=st.integers(0, 10**6), n_texts=st.integers(2, 6))
def test_left_out_is_scoring_again_without_it(pooling: str, seed: int, n_texts: int) -> None:
    rng = np.random.default_rng(seed)
    texts, pictures = (
        torch.nn.functional.normalize(torch.from_numpy(rng.normal(size=(n, 8))), dim=1) for n in (n_texts, 5)
    )
    cos, weight = (texts @ pictures.T).numpy(), rng.uniform(0.2, 3, n_texts)
    found = compute_leave_one_out_changes(cos, weight, (texts @ texts.T).numpy(), pooling)
    for p in range(n_texts):
        keep = np.arange(n_texts) != p
        again = pooled(cos[keep], weight[keep], texts[torch.from_numpy(keep)], pooling)
        assert found[p] == pytest.approx(again - pooled(cos, weight, texts, pooling), abs=1e-10)


@given(st.integers(0, 10**6), st.integers(1, 7), st.sampled_from([1, 2, 3, 10]))
def test_names_follow_from_the_two_best_classes(seed: int, n_classes: int, step: int) -> None:
    """Whole numbers, so that ties abound; the first of equals is the name."""
    rng = np.random.default_rng(seed)
    logits = rng.integers(0, 4, (n_classes, 30)).astype(float)
    best = BestTwo.none(30)
    for first in range(0, n_classes, step):
        best = best.and_part(first, logits[first : first + step])
    assert best.best_N.tolist() == logits.argmax(0).tolist()
    for c in range(n_classes):
        others = rng.integers(0, 4, (3, 30)).astype(float)
        found = find_changed_predictions(best, c, logits[c], others - logits[c])
        for way in range(3):
            again = logits.copy()
            again[c] = others[way]
            assert found[way].tolist() == again.argmax(0).tolist()
