"""The fitted temperature against a grid search, and its sums against a softmax of everything at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.calibration.temperature import (
    COLDEST,
    HOTTEST,
    compute_log_probabilities,
    fit_temperature,
)
from bioclip_x.evaluation.labelled_logits import LabelledLogits, find_top_logits
from bioclip_x.inference.scoring import ScoredBatch
from bioclip_x.inference.temperature import Peaks, apply_temperature, compute_moments
from bioclip_x.records import Logits


@dataclass(frozen=True, eq=False)
class Pieces(Logits):
    """Logits in chunks of `size` classes."""

    size: int = 2

    def chunks(self) -> Iterator[tuple[int, torch.Tensor]]:
        for first in range(0, self.n_classes, self.size):
            yield first, self.part(first, min(first + self.size, self.n_classes))


def streamed(logits_BC: torch.Tensor, size: int) -> Logits:
    return Pieces(Logits.of(logits_BC).part, *logits_BC.shape, size=size)


def labelled(logits: Logits, class_B: torch.Tensor) -> LabelledLogits:
    return LabelledLogits(ScoredBatch(logits, logits), class_B)


def drawn(n: int, classes: int, temperature: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits, and true classes drawn from softmax(logits / temperature)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, classes)) * 5
    shares = np.exp(logits / temperature)
    shares /= shares.sum(1, keepdims=True)
    return torch.tensor(logits, dtype=torch.float32), torch.tensor([rng.choice(classes, p=p) for p in shares])


def nll(logits_BC: torch.Tensor, class_B: torch.Tensor, temperature: float) -> float:
    return float(torch.nn.functional.cross_entropy(logits_BC.double() / temperature, class_B))


@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_the_temperature_is_that_of_a_grid_search(true: float) -> None:
    logits_BC, class_B = drawn(400, 7, true)
    parts = [
        labelled(streamed(logits_BC[:150], 3), class_B[:150]),
        labelled(streamed(logits_BC[150:], 2), class_B[150:]),
    ]
    found = fit_temperature(parts)
    grid = np.geomspace(COLDEST, HOTTEST, 4001)
    best = grid[np.argmin([nll(logits_BC, class_B, t) for t in grid])]
    assert found.bound == "" and found.temperature == pytest.approx(best, rel=grid[1] / grid[0] - 1)
    assert found.temperature == pytest.approx(true, rel=0.2)
    around = [nll(logits_BC, class_B, found.temperature * (1 + step)) for step in (-1e-3, 0, 1e-3)]
    assert around[1] <= min(around)


def test_two_classes_by_hand() -> None:
    # Logit difference 2 throughout, right 3 times in 4: σ(2/T) = 3/4, so T = 2 / log 3.
    logits_BC = torch.tensor([[2.0, 0.0]]).repeat(4, 1)
    found = fit_temperature([labelled(Logits.of(logits_BC), torch.tensor([0, 0, 0, 1]))])
    assert found.temperature == pytest.approx(2 / np.log(3), rel=1e-6)


@given(st.integers(0, 1000), st.sampled_from([1, 2, 5]), st.sampled_from([0.02, 1.0, 30.0]))
def test_sums_over_chunks_are_those_of_a_softmax(seed: int, size: int, temperature: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits_BC = (torch.rand(4, 5, generator=generator) - 0.5) * 200
    class_B = torch.randint(5, (4,), generator=generator)
    of = find_top_logits(labelled(streamed(logits_BC, size), class_B))
    assert of.best_B.tolist() == logits_BC.argmax(1).tolist()
    assert of.right_B.tolist() == (logits_BC.argmax(1) == class_B).tolist()
    whole_BC = torch.log_softmax(logits_BC.double() / temperature, dim=1)
    best_B, true_B = compute_log_probabilities(streamed(logits_BC, size), of, temperature)
    assert best_B.tolist() == pytest.approx(whole_BC.max(1).values.tolist(), abs=1e-9)
    assert true_B.tolist() == pytest.approx(whole_BC[range(4), class_B].tolist(), rel=1e-9, abs=1e-9)
    _, mean_B, variance_B = compute_moments(streamed(logits_BC, size), of.top_B, 1 / temperature)
    below_BC = logits_BC.double() - logits_BC.double().max(1, keepdim=True).values
    naive_B = (whole_BC.exp() * below_BC).sum(1)
    assert mean_B.tolist() == pytest.approx(naive_B.tolist(), rel=1e-9, abs=1e-9)
    spread_B = (whole_BC.exp() * (below_BC - naive_B[:, None]) ** 2).sum(1)
    assert variance_B.tolist() == pytest.approx(spread_B.tolist(), rel=1e-6, abs=1e-6)


def test_bounds_are_told() -> None:
    logits_BC = torch.tensor([[3.0, 1.0], [0.0, 2.0]])
    right, wrong = torch.tensor([0, 1]), torch.tensor([1, 0])
    assert fit_temperature([labelled(Logits.of(logits_BC), right)]).bound == "coldest"
    assert fit_temperature([labelled(Logits.of(logits_BC), wrong)]).bound == "hottest"


def test_images_of_no_class_and_classes_without_a_score_have_no_part() -> None:
    logits_BC, class_B = drawn(60, 4, 1.5)
    alone = fit_temperature([labelled(Logits.of(logits_BC), class_B)])
    more_BC = torch.cat([logits_BC, torch.randn(2, 4)])
    more_BC[-1, 2] = -torch.inf
    found = fit_temperature([labelled(Logits.of(more_BC), torch.cat([class_B, torch.tensor([-1, 2])]))])
    assert found.temperature == pytest.approx(alone.temperature, rel=1e-6)
    with pytest.raises(ValueError, match="at least one image"):
        fit_temperature([labelled(Logits.of(more_BC[-2:]), torch.tensor([-1, 2]))])


def test_a_class_without_a_score_has_no_share() -> None:
    logits_BC = torch.tensor([[1.0, -torch.inf, 0.0]])
    of = find_top_logits(labelled(Logits.of(logits_BC), torch.tensor([0])))
    best_B, _ = compute_log_probabilities(Logits.of(logits_BC), of, 2.0)
    assert float(best_B) == pytest.approx(float(torch.log_softmax(torch.tensor([0.5, 0.0]), 0)[0]), abs=1e-7)


def test_peaks_are_seen_in_passing_before_the_temperature() -> None:
    logits_BC = torch.randn(3, 7, generator=torch.Generator().manual_seed(0))
    peaks = Peaks(3)
    divided = apply_temperature(peaks.record(streamed(logits_BC, 2)), 4.0)
    assert torch.equal(torch.cat([part for _, part in divided.chunks()]).T, logits_BC / 4)
    assert torch.equal(peaks.top_B, logits_BC.amax(1))
