"""Calibration errors against naive loops, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.evaluation.metrics.reliability import (
    average_ties,
    compute_adaptive_calibration_error,
    compute_expected_calibration_error,
)

observe = st.lists(st.tuples(st.integers(0, 60).map(lambda i: i / 60), st.booleans()), min_size=1, max_size=50)


def naive_ece(confidence: list[float], right: list[bool], bins: int) -> float:
    total = 0.0
    for m in range(1, bins + 1):
        low, high = (m - 1) / bins, m / bins
        inside = [i for i, c in enumerate(confidence) if low < c <= high or (m == 1 and c == 0)]
        if inside:
            accuracy = sum(right[i] for i in inside) / len(inside)
            mean = sum(confidence[i] for i in inside) / len(inside)
            total += len(inside) / len(confidence) * abs(accuracy - mean)
    return total


@given(observe, st.sampled_from([1, 4, 15]))
def test_expected_calibration_error_is_that_of_a_loop(seen: list[tuple[float, bool]], bins: int) -> None:
    confidence, right = [c for c, _ in seen], [r for _, r in seen]
    found = compute_expected_calibration_error(np.array(confidence), right, bins)
    assert found == pytest.approx(naive_ece(confidence, right, bins), abs=1e-12)


def test_expected_calibration_error_by_hand() -> None:
    # Bin (0.8, 0.9]: 2 images, accuracy 0.5, confidence 0.85; bin (0.2, 0.3]: 1 image, right at 0.3.
    confidence = np.array([0.82, 0.88, 0.3])
    assert compute_expected_calibration_error(confidence, [1, 0, 1], 10) == pytest.approx(2 / 3 * 0.35 + 1 / 3 * 0.7)


def test_a_perfectly_calibrated_set_has_no_error() -> None:
    confidence, right = np.repeat([0.25, 0.75], 4), [1, 0, 0, 0, 1, 1, 1, 0]
    assert compute_expected_calibration_error(confidence, right) == pytest.approx(0)
    assert compute_adaptive_calibration_error(confidence, right, bins=2) == pytest.approx(0)


def test_adaptive_bins_hold_equally_many() -> None:
    # Three bins of five images: sizes 2, 2, 1, from the least confident on.
    confidence, right = np.array([0.9, 0.1, 0.5, 0.2, 0.6]), [1, 1, 0, 0, 1]
    gaps = [abs((1 + 0) - (0.1 + 0.2)), abs((0 + 1) - (0.5 + 0.6)), abs(1 - 0.9)]
    assert compute_adaptive_calibration_error(confidence, right, bins=3) == pytest.approx(sum(gaps) / 5)


@given(observe, st.randoms(use_true_random=False))
def test_the_order_of_images_has_no_part_in_it(seen: list[tuple[float, bool]], random: object) -> None:
    shuffled = list(seen)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (
        compute_adaptive_calibration_error(np.array([c for c, _ in s]), [r for _, r in s]) for s in (seen, shuffled)
    )
    assert one == pytest.approx(other, abs=1e-12)


def test_tied_values_share_their_mean() -> None:
    assert average_ties(np.array([3.0, 1.0, 3.0, 2.0]), np.array([1.0, 0.0, 0.0, 1.0])).tolist() == [0.5, 0.0, 0.5, 1.0]
