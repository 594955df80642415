"""Risk, coverage and refusal against naive loops, and by hand."""

from __future__ import annotations

import math
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.evaluation.intervals import compute_binomial_interval, compute_weighted_mean_interval
from bioclip_x.evaluation.metrics.risk_coverage import (
    compute_aurc,
    compute_aurc_interval,
    compute_auroc,
    compute_false_accept,
    compute_false_accept_interval,
    compute_risks,
    find_acceptance_threshold,
    measure_accuracy_at,
)

scores = st.lists(st.integers(-3, 8).map(float), min_size=1, max_size=30)
seen = st.lists(st.tuples(st.integers(0, 5).map(float), st.booleans()), min_size=1, max_size=6)


@given(seen)
def test_risks_are_the_mean_over_all_orders_of_equal_scores(scored: list[tuple[float, bool]]) -> None:
    score, right = np.array([s for s, _ in scored]), [r for _, r in scored]
    curves = []
    for order in permutations(range(len(scored))):
        if all(score[a] >= score[b] for a, b in pairwise(order)):
            curves.append([sum(not right[i] for i in order[: k + 1]) / (k + 1) for k in range(len(order))])
    assert compute_risks(score, right) == pytest.approx(np.mean(curves, axis=0))


def test_risk_and_coverage_by_hand() -> None:
    score, right = np.array([0.9, 0.8, 0.7, 0.6, 0.5]), [True, True, False, True, False]
    assert compute_risks(score, right).tolist() == pytest.approx([0, 0, 1 / 3, 1 / 4, 2 / 5])
    assert compute_aurc(score, right) == pytest.approx((1 / 3 + 1 / 4 + 2 / 5) / 5)
    assert measure_accuracy_at(0.8, score, right) == (0.75, compute_binomial_interval(3, 4), 0.6)
    assert measure_accuracy_at(1.0, score, right) == (0.6, compute_binomial_interval(3, 5), 0.5)
    assert measure_accuracy_at(0.5, score, right) == (2 / 3, compute_binomial_interval(2, 3), 0.7)  # ⌈2.5⌉ images


@given(seen)
def test_the_area_is_a_weighted_mean_of_errors(scored: list[tuple[float, bool]]) -> None:
    score, right = np.array([s for s, _ in scored]), np.array([r for _, r in scored])
    n = len(score)
    orders = [
        o for o in permutations(range(n)) if all(score[a] >= score[b] for a, b in pairwise(o))
    ]  # of equal scores, each order
    weight = np.zeros(n)
    for order in orders:
        for place, i in enumerate(order, 1):
            weight[i] += sum(1 / k for k in range(place, n + 1)) / n / len(orders)
    assert compute_aurc(score, right) == pytest.approx(weight @ ~right)
    found, expected = compute_aurc_interval(score, right), compute_weighted_mean_interval(1.0 - right, weight, 0, 1)
    if found and expected:  # none below three images' worth of weights, up to rounding
        assert found == pytest.approx(expected)
    low, high = compute_aurc_interval(np.arange(50.0), np.arange(50) > 9) or (1, 0)
    assert low < compute_aurc(np.arange(50.0), np.arange(50) > 9) < high


@pytest.mark.parametrize("n", [7, 9, 12, 50, 1000])
@pytest.mark.parametrize("right", [False, True])
def test_an_interval_of_answers_that_are_all_alike_is_finite(n: int, right: bool) -> None:
    low, high = compute_aurc_interval(np.linspace(0, 1, n), np.full(n, right)) or (math.nan, math.nan)
    assert (low == 0 and 0 < high < 1) if right else (0 < low < 1 and high == pytest.approx(1))


def test_false_acceptances_by_hand() -> None:
    listed, other = np.arange(100.0), np.concatenate([np.full(30, 200.0), np.full(70, -1.0)])
    assert compute_false_accept(listed, other, 0.9) == 0.3
    # All thresholds between two listed scores accept 30 of 100; the tails are half of 2.5%, beyond each limit.
    low, high = compute_false_accept_interval(listed, other, 0.9) or (1, 0)
    beta = pytest.importorskip("scipy.stats").beta
    assert (low, high) == pytest.approx((beta.ppf(0.0125, 30, 71), beta.ppf(0.9875, 31, 70)))
    # With three listed images the threshold may lie anywhere above or below them.
    assert compute_false_accept_interval(np.arange(3.0), other, 0.5) == pytest.approx((0, 1))
    assert compute_false_accept_interval(np.arange(2.0), other, 0.5) is None
    assert compute_false_accept_interval(listed, np.zeros(2), 0.5) is None


@given(scores, st.floats(0.01, 1))
def test_the_threshold_is_the_largest_that_lets_enough_in(score: list[float], accept: float) -> None:
    found = find_acceptance_threshold(np.array(score), accept)
    enough = [t for t in score if sum(s >= t for s in score) >= accept * len(score) - 1e-6]
    assert found == max(enough)


def test_an_exact_share_is_not_rounded_up() -> None:
    # 0.95 * 20 is 19.000000000000004 in floating point for some ways of writing it.
    assert find_acceptance_threshold(np.arange(20.0), 0.95) == 1.0
    assert find_acceptance_threshold(np.arange(10.0), 0.7) == 3.0


@given(scores, scores)
def test_auroc_counts_pairs(listed: list[float], other: list[float]) -> None:
    wins = math.fsum(1.0 if a > b else 0.5 if a == b else 0.0 for a in listed for b in other)
    assert compute_auroc(np.array(listed), np.array(other)) == pytest.approx(wins / (len(listed) * len(other)))
