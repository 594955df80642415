"""AUROC, its intervals, variance between classes and scores without a text, against loops over pairs and images."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.evaluation.descriptors.leave_one_out import (
    BestTwo,
    compute_leave_one_out_changes,
    find_changed_predictions,
)
from bioclip_x.evaluation.descriptors.statistics import (
    compute_area,
    count_changes,
    make_share,
    split_by_class,
)
from bioclip_x.evaluation.intervals import FEWEST, compute_crossed_interval, compute_difference_interval

SCORES = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=12)


def wins(own: float, other: float) -> float:
    return 1.0 if own > other else 0.5 if own == other else 0.0


@given(SCORES, SCORES)
def test_area_is_the_part_of_pairs_won(own: list[float], other: list[float]) -> None:
    found = compute_area(np.array(own), np.array(other))
    won = np.array([[wins(a, b) for b in other] for a in own])
    assert found is not None and found.others == len(other) and found.value == pytest.approx(won.mean())
    interval = compute_crossed_interval(won.mean(1), won.mean(0))
    if interval is None:
        assert min(won.shape) < FEWEST and (found.low, found.high, found.side) == (None, None, "around")
    else:
        assert (found.low, found.high) == pytest.approx(interval)
        assert 0 <= interval[0] <= found.value + 1e-12 and found.value <= interval[1] + 1e-12 and interval[1] <= 1
        assert interval[1] - interval[0] > 0.1  # never a point, however clear


def test_no_images_no_area() -> None:
    assert compute_area(np.array([]), np.ones(3)) is None and compute_area(np.ones(3), np.array([])) is None


@pytest.mark.parametrize("true", [0.5, 0.8, 0.97])
@pytest.mark.parametrize("spread", [0.5, 1, 2])
@pytest.mark.parametrize(("m", "n"), [(4, 12), (10, 1000)])
def test_intervals_hold_the_true_area_at_least_as_often_as_they_say(true: float, spread: float, m: int, n: int) -> None:
    """Normal scores, the class's of another spread than the others', drawn 200 times."""
    rng, shift = np.random.default_rng(0), math.hypot(1, spread) * NormalDist().inv_cdf(true)
    found = [compute_area(rng.normal(shift, spread, m), rng.normal(0, 1, n)) for _ in range(200)]
    assert np.mean([one is not None and one.low <= true <= one.high for one in found]) >= 0.95  # type: ignore[operator]


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
    found = count_changes(10, 4, 100)
    assert found.change == 0.06 and (found.low, found.high) == compute_difference_interval(
        [1] * 10 + [-1] * 4 + [0] * 86
    )
    nothing = count_changes(0, 0, 10)
    assert nothing.change == 0 and nothing.low == pytest.approx(-nothing.high, rel=1e-12) and nothing.high > 0  # type: ignore[operator]
    assert count_changes(2, 0, 2).low is None and make_share(1, 2).high is None
    share = make_share(9, 10)
    assert (share.low, share.high) == pytest.approx((0.5550, 0.9975), abs=1e-4)


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
