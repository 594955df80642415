"""Shares and intervals, against loops, known values and simulations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.evaluation.intervals import (
    bootstrap_ratio_interval,
    compute_class_accuracies,
    compute_class_interval,
    compute_difference_interval,
    compute_proportion_interval,
    compute_spread,
    compute_wilson_interval,
)

rights = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), min_size=1, max_size=60)


def test_wilson_is_the_published_interval() -> None:
    """Newcombe (Statistics in Medicine 1998), table I, method 3."""
    for hits, of, low, high in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]:  # fmt: skip # noqa: E501
        assert compute_wilson_interval(hits, of) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 200), st.data())
def test_wilsons_bounds_are_where_the_score_test_just_rejects(of: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, of))
    for bound in compute_wilson_interval(hits, of):
        if 1e-9 < bound < 1 - 1e-9:
            z = (hits / of - bound) / np.sqrt(bound * (1 - bound) / of)
            assert abs(z) == pytest.approx(1.959964, abs=1e-4)


@given(rights)
def test_class_shares_are_those_of_a_loop(cases: list[tuple[int, int]]) -> None:
    by_class: dict[int, list[int]] = {}
    for right, of in cases:
        by_class.setdefault(of, []).append(right)
    expected = [sum(by_class[c]) / len(by_class[c]) for c in sorted(by_class)]
    assert compute_class_accuracies([right for right, _ in cases], [of for _, of in cases]) == pytest.approx(expected)


def test_a_bootstrap_of_a_mean_is_as_wide_as_the_normal_interval() -> None:
    values = np.random.default_rng(0).normal(3, 2, 400)
    low, high = bootstrap_ratio_interval(values, np.ones(400))
    half = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.03)
    assert bootstrap_ratio_interval(values, np.ones(400)) == (low, high)


def test_a_ratio_is_of_sums_and_what_cannot_be_divided_is_left_out() -> None:
    assert bootstrap_ratio_interval([6, 0], [2, 0]) == (3, 3)  # draws of the second alone have no ratio
    with pytest.raises(ValueError, match="a positive denominator"):
        bootstrap_ratio_interval([1, 2], [0, 0])


def test_many_images_are_drawn_in_parts_to_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.arange(50) % 7
    whole = bootstrap_ratio_interval(values, np.ones(50))
    monkeypatch.setattr("bioclip_x.evaluation.intervals.AT_A_TIME", 1000)
    assert bootstrap_ratio_interval(values, np.ones(50)) == whole


def test_a_share_has_wilsons_interval_and_the_mean_of_several_runs_a_bootstraps() -> None:
    assert compute_proportion_interval([1, 0, 1, 1]) == compute_wilson_interval(3, 4)
    low, high = compute_proportion_interval([0.5, 1, 0.75, 1])
    assert 0.5 <= low < 0.8125 < high <= 1


def test_over_classes_whole_classes_are_drawn() -> None:
    assert compute_class_interval(np.array([1.0, 1.0, 1.0])) == compute_wilson_interval(3, 3)
    low, high = compute_class_interval(np.array([1.0, 0.0]))
    assert (low, high) == (0, 1)  # one of the two drawn twice: a quarter of the draws each


def test_the_spread_of_one_run_is_not_known() -> None:
    assert compute_spread([0.5]) is None
    assert compute_spread([1, 2, 4]) == pytest.approx(np.sqrt((16 + 1 + 25) / 9 / 2))


def test_no_difference_in_few_images_is_no_proof_of_none() -> None:
    assert compute_difference_interval([0.0] * 20) == pytest.approx((-0.1611, 0.1611), abs=5e-5)
    low, high = compute_difference_interval([1, -1, 0, 0, 1, 1, 0, 1])
    assert -0.2 < low < 0.375 < high < 0.9
