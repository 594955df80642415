"""Intervals against scipy, naive sums, draws of the distribution that they approximate, and small simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bioclip_x.evaluation.intervals import (
    FEWEST_UNBOUNDED,
    combine_intervals,
    compute_binomial_interval,
    compute_change_interval,
    compute_class_accuracies,
    compute_class_difference_interval,
    compute_class_interval,
    compute_crossed_interval,
    compute_difference_interval,
    compute_folded_interval,
    compute_mean_interval,
    compute_proportion_interval,
    compute_seeded_difference_interval,
    compute_seeded_interval,
    compute_seeded_ratio_interval,
    compute_spread,
    compute_student_interval,
    compute_weighted_mean_interval,
)

rights = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), min_size=1, max_size=60)


@given(st.integers(3, 3000), st.data())
def test_of_right_and_wrong_it_is_clopper_and_pearsons(of: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, of))
    expected = stats.binomtest(hits, of).proportion_ci(0.95, "exact")
    assert compute_binomial_interval(hits, of) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert compute_proportion_interval([1] * hits + [0] * (of - hits)) == compute_binomial_interval(hits, of)


@pytest.mark.parametrize("values", [[1, 1, 2], [1] * 9 + [7], [1, 2, 3, 4, 5, 6, 7], [1.5] * 12, [1] * 60 + [2] * 30])
def test_the_limits_are_quantiles_of_dirichlet_means(values: list[float]) -> None:
    """The beta distribution against draws of the weights: within a thirtieth of the range."""
    rng, n = np.random.default_rng(0), len(values)
    weights = rng.dirichlet(np.ones(n + 1), 40_000)
    low = np.quantile(weights @ np.array([*values, 1]), 0.025)
    high = np.quantile(weights @ np.array([*values, 7]), 0.975)
    assert compute_mean_interval(values, 1, 7) == pytest.approx((low, high), abs=0.2)


@given(st.lists(st.floats(0, 1), min_size=3, max_size=40), st.floats(0.1, 9), st.floats(-5, 5))
def test_other_units_give_the_same_interval(values: list[float], scale: float, shift: float) -> None:
    low, high = compute_mean_interval(values, 0, 1) or (0, 0)
    assert -1e-9 <= low <= np.mean(values) + 1e-9 and np.mean(values) <= high + 1e-9 and high <= 1 + 1e-9
    other = compute_mean_interval(np.array(values) * scale + shift, shift - 1e-9, shift + scale + 1e-9)
    assert other == pytest.approx((low * scale + shift, high * scale + shift), abs=1e-4)
    mirrored = compute_mean_interval(1 - np.array(values), 0, 1)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-6)


def test_where_there_are_too_few_there_is_none() -> None:
    assert compute_proportion_interval([]) is None and compute_proportion_interval([1, 0]) is None
    assert compute_mean_interval([1.0, 2, 3]) is None and compute_class_interval(np.array([0.5, 1])) is None
    assert compute_change_interval(1, 0, 2) is None and compute_student_interval([1.0]) is None
    assert compute_weighted_mean_interval([2, 3, 4], [0, 0, 0], 1, 7) is None
    assert compute_weighted_mean_interval([2, 3, 4], [1, 1, 0], 1, 7) is None
    assert compute_weighted_mean_interval([2, 3, 4], [50, 1, 1], 1, 7) is None, "nearly all the weight is one image's"
    assert compute_seeded_interval(np.ones((1, 9))) is None, "one draw of random texts"
    assert compute_seeded_difference_interval(np.ones((1, 9))) is None
    assert compute_seeded_ratio_interval(np.zeros((3, 9)), np.zeros((3, 9)), 0, 7) is None


def test_values_out_of_bounds_are_an_error() -> None:
    with pytest.raises(ValueError, match="expected values from 0 to 1"):
        compute_proportion_interval([0, 1, 2])


def test_without_bounds_it_is_students() -> None:
    values = np.random.default_rng(0).normal(3, 2, FEWEST_UNBOUNDED)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert compute_mean_interval(values) == pytest.approx((expected.low, expected.high))
    assert compute_student_interval(values[:5]) == pytest.approx(
        tuple(stats.ttest_1samp(values[:5], 0).confidence_interval(0.95))
    )


def test_paired_differences_are_the_change_of_two_counts() -> None:
    more = [1] * 10 + [-1] * 4 + [0] * 86
    assert compute_difference_interval(more) == pytest.approx(compute_change_interval(10, 4, 100))
    assert compute_class_difference_interval(more) == compute_difference_interval(more)
    low, high = compute_change_interval(0, 0, 20) or (0, 0)
    assert low == -high and 0.12 < high < 0.2, "no difference in few images is no proof of none"


def test_equal_weights_are_no_weights_and_counts_are_effective() -> None:
    values = [1, 1, 4, 2, 7]
    assert compute_weighted_mean_interval(values, [3] * 5, 1, 7) == pytest.approx(compute_mean_interval(values, 1, 7))
    narrow, wide = (
        compute_weighted_mean_interval([1, 2] * 20, np.tile(w, 10), 1, 7) or (0, 0)
        for w in ([1, 1, 1, 1], [3, 3, 1, 1])
    )
    assert wide[1] - wide[0] > narrow[1] - narrow[0]


def test_arms_add_in_squares() -> None:
    assert combine_intervals(1.0, (0.7, 1.5), (0.6, 1.0)) == pytest.approx((0.5, 1.5))
    assert combine_intervals(1.0, (0.7, 1.5), None) is None


def test_seeds_widen_what_images_alone_say() -> None:
    """Worked by hand: Student's arm of the seeds' means and Gaffke's of the images' means."""
    right_sn = np.array([[1, 1, 0, 0, 1, 1, 0, 1], [1, 1, 0, 0, 1, 1, 1, 1], [1, 0, 0, 0, 1, 1, 0, 1]], float)
    low, high = compute_proportion_interval(right_sn.mean(0)) or (0, 0)
    half = stats.t.ppf(0.975, 2) * right_sn.mean(1).std(ddof=1) / math.sqrt(3)
    value = right_sn.mean()
    expected = value - math.hypot(value - low, half), min(1, value + math.hypot(high - value, half))
    assert compute_seeded_interval(right_sn) == pytest.approx(expected)
    assert compute_seeded_interval(right_sn[:1], seeded=False) == pytest.approx(
        compute_proportion_interval(right_sn[0])
    )
    baseline = np.array([[1, 1, 0, 1, 1, 1, 0, 1], [0, 1, 0, 0, 1, 1, 0, 1]], float)
    more = right_sn - baseline.mean(0)
    arms = [compute_difference_interval(more.mean(0)) or (0, 0)]
    middle = more.mean()
    for one in (right_sn.mean(1), -baseline.mean(1)):
        half = stats.t.ppf(0.975, len(one) - 1) * one.std(ddof=1) / math.sqrt(len(one))
        arms.append((middle - half, middle + half))
    found = compute_seeded_difference_interval(more, baseline)
    assert found == pytest.approx(np.clip(combine_intervals(middle, *arms), -1, 1))


def test_the_ratio_of_one_run_is_the_mean_over_its_mistakes() -> None:
    heights, wrong = np.array([[0, 2, 1, 0, 3, 1]]), np.array([[0, 1, 1, 0, 1, 1]])
    found = compute_seeded_ratio_interval(heights, wrong, 0, 7, seeded=False)
    assert found == pytest.approx(compute_mean_interval([2, 1, 3, 1], 0, 7))
    several = compute_seeded_ratio_interval(np.tile(heights, (3, 1)), np.tile(wrong, (3, 1)), 0, 7)
    assert several == pytest.approx(found), "seeds that agree add nothing"


def test_folds_of_all_images_are_like_seeds() -> None:
    right_nf = (np.random.default_rng(0).random((30, 4)) < 0.7).astype(float)
    assert compute_folded_interval(right_nf) == pytest.approx(compute_seeded_interval(right_nf.T))
    assert compute_folded_interval(right_nf[:, :1]) == pytest.approx(compute_proportion_interval(right_nf[:, 0]))


def test_an_image_counts_by_its_share_in_the_folds() -> None:
    """Worked by a loop over images and folds; images in no fold count as absent."""
    rng = np.random.default_rng(1)
    outcome_nf = rng.uniform(-1, 1, (9, 3))
    outcome_nf[rng.random((9, 3)) < 0.4] = np.nan
    outcome_nf[0], outcome_nf[1] = np.nan, [0.5, -0.5, 0.25]
    folds = [[i for i in range(9) if not np.isnan(outcome_nf[i, f])] for f in range(3)]
    means, weights = [], []
    for i in range(9):
        shares = {f: 1 / len(folds[f]) for f in range(3) if i in folds[f]}
        if shares:
            weights.append(sum(shares.values()))
            means.append(sum(outcome_nf[i, f] * share for f, share in shares.items()) / weights[-1])
    of_folds = [float(np.mean(outcome_nf[folds[f], f])) for f in range(3)]
    arms = compute_weighted_mean_interval(means, weights, -1, 1), compute_student_interval(of_folds)
    expected = combine_intervals(float(np.mean(of_folds)), *arms)
    assert compute_folded_interval(outcome_nf, -1) == pytest.approx(np.clip(expected, -1, 1))


def test_two_samples_each_add_an_arm() -> None:
    won = np.array([[1, 1, 0.5, 1], [1, 0, 0, 1], [1, 1, 1, 1]])
    arms = [compute_mean_interval(won.mean(axis), 0, 1) for axis in (0, 1)]
    assert compute_crossed_interval(won.mean(1), won.mean(0)) == pytest.approx(
        np.clip(combine_intervals(won.mean(), *arms), 0, 1)
    )


@given(rights)
def test_class_shares_are_those_of_a_loop(cases: list[tuple[int, int]]) -> None:
    by_class: dict[int, list[int]] = {}
    for right, of in cases:
        by_class.setdefault(of, []).append(right)
    expected = [sum(by_class[c]) / len(by_class[c]) for c in sorted(by_class)]
    assert compute_class_accuracies([right for right, _ in cases], [of for _, of in cases]) == pytest.approx(expected)


def test_the_spread_of_one_run_is_not_known() -> None:
    assert compute_spread([0.5]) is None
    assert compute_spread([1, 2, 4]) == pytest.approx(np.sqrt((16 + 1 + 25) / 9 / 2))
