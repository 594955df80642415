"""Intervals over images and folds: against hand-worked variances, and their coverage in a simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bioclip_x.array_types import Floats
from bioclip_x.evaluation.few_shot.crossed import (
    CrossedMean,
    compute_accuracy_interval,
    compute_crossed_mean,
    compute_difference_interval,
)


def test_variance_is_that_of_two_way_clusters() -> None:
    rng = np.random.default_rng(0)
    outcome_nf = rng.normal(size=(7, 3))
    outcome_nf[2, 1] = outcome_nf[5, 0] = np.nan
    found = compute_crossed_mean(outcome_nf)
    folds = [[x for x in outcome_nf[:, f] if not np.isnan(x)] for f in range(3)]
    value = sum(sum(fold) / len(fold) for fold in folds) / 3
    assert found.value == pytest.approx(value) and found.n == 7

    def residual(i: int, f: int) -> float:
        return 0.0 if np.isnan(outcome_nf[i, f]) else (outcome_nf[i, f] - value) / 3 / len(folds[f])

    images = sum(sum(residual(i, f) for f in range(3)) ** 2 for i in range(7)) * 7 / 6
    of_folds = sum(sum(residual(i, f) for i in range(7)) ** 2 for f in range(3)) * 3 / 2
    cells = sum(residual(i, f) ** 2 for i in range(7) for f in range(3)) * 19 / 18
    assert found.variance == pytest.approx(max(images + of_folds - cells, images, of_folds))
    assert found.degrees == pytest.approx((images + of_folds) ** 2 / (images**2 / 6 + of_folds**2 / 2))


def test_one_fold_is_students_interval_over_images() -> None:
    value_n = np.random.default_rng(1).normal(size=20) * 0.1
    found = compute_crossed_mean(value_n[:, None])
    assert compute_difference_interval(found) == pytest.approx(
        stats.t.interval(0.95, 19, value_n.mean(), stats.sem(value_n))
    )


def test_outcomes_without_variance_have_the_exact_interval_of_all_or_none() -> None:
    right = compute_crossed_mean(np.ones((10, 3)))
    assert compute_accuracy_interval(right) == pytest.approx((0.025 ** (1 / 10), 1.0))
    assert compute_accuracy_interval(compute_crossed_mean(np.zeros((10, 3)))) == pytest.approx(
        (0, 1 - 0.025 ** (1 / 10))
    )
    assert compute_difference_interval(compute_crossed_mean(np.zeros((10, 3)))) == pytest.approx(
        (0.025 ** (1 / 10) - 1, 1 - 0.025 ** (1 / 10))
    )


def test_an_accuracy_of_independent_images_has_nearly_the_exact_interval() -> None:
    right_n1 = (np.arange(400) < 300).astype(float)[:, None]
    exact = stats.binomtest(300, 400).proportion_ci(method="exact")
    found = compute_accuracy_interval(compute_crossed_mean(right_n1))
    assert found == pytest.approx((exact.low, exact.high), abs=2e-3)


def test_one_image_has_no_interval() -> None:
    one = compute_crossed_mean(np.array([[1.0, 0.0]]))
    assert compute_accuracy_interval(one) is None and compute_difference_interval(one) is None
    with pytest.raises(ValueError, match="expected an outcome"):
        compute_crossed_mean(np.full((2, 2), np.nan))
    assert compute_accuracy_interval(CrossedMean(0.5, 1e-9, 1.0, 2)) is not None


def simulate(rng: np.random.Generator, n: int, f: int, level: float, sd: tuple[float, float]) -> Floats:
    """Outcomes whose chances differ by image and by fold, on the probit scale."""
    latent_nf = level + sd[0] * rng.normal(size=(n, 1)) + sd[1] * rng.normal(size=(1, f)) + rng.normal(size=(n, f))
    return np.where(rng.random((n, f)) < 0.1, np.nan, latent_nf > 0)


@pytest.mark.parametrize(
    ("level", "sd"), [(0.3, (1.0, 0.3)), (2.0, (0.7, 0.1)), (1.0, (0.0, 0.3)), (0.0, (2.0, 0.0)), (4.0, (1.0, 0.2))]
)
def test_intervals_cover_the_mean_of_all_images_and_folds(level: float, sd: tuple[float, float]) -> None:
    rng = np.random.default_rng(5)
    truth = stats.norm.cdf(level / np.sqrt(1 + sd[0] ** 2 + sd[1] ** 2))
    inside = []
    for _ in range(400):
        low, high = compute_accuracy_interval(compute_crossed_mean(simulate(rng, 60, 5, level, sd))) or (1, 0)
        inside.append(low <= truth <= high)
    assert np.mean(inside) >= 0.93
