from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from bioclip_x.training.optimisation.schedules import compute_factor


@pytest.mark.parametrize(("warmup", "total"), [(0, 10), (3, 10), (10, 10)])
def test_cosine_is_that_of_torchs_schedulers(warmup: int, total: int) -> None:
    """Linear warm-up, then cosine annealing, composed of torch's own schedulers."""
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(total - warmup, 1))
    for step in range(total):
        factor = compute_factor(step, warmup=warmup, total=total)
        if step < warmup:
            assert factor == pytest.approx((step + 1) / warmup)
        else:
            assert factor == pytest.approx(optimiser.param_groups[0]["lr"])
            optimiser.step()
            cosine.step()


@pytest.mark.parametrize(("step", "expected"), [(0, 0.1), (9, 1.0), (10, 1.0), (60, 0.5), (110, 0.0)])
def test_cosine_by_hand(step: int, expected: float) -> None:
    assert compute_factor(step, warmup=10, total=110) == pytest.approx(expected, abs=1e-12)


def test_constant_stays_at_the_peak_after_the_warm_up() -> None:
    factors = [compute_factor(step, warmup=2, total=5, schedule="constant", cooldown=3) for step in range(5)]
    assert factors == [0.5, 1, 1, 1, 1]


def test_cooldown_falls_over_the_last_steps_only() -> None:
    """By hand: 8 steps, of which the last 4 cool down; the progress is 0, ¼, ½, ¾."""

    def compute(shape: str) -> list[float]:
        return [
            compute_factor(step, warmup=2, total=8, schedule="cooldown", cooldown=4, shape=shape)  # type: ignore[arg-type]
            for step in range(8)
        ]

    assert compute("linear") == [0.5, 1, 1, 1, 1, 0.75, 0.5, 0.25]
    assert compute("sqrt") == pytest.approx([0.5, 1, 1, 1, 1, 0.5, 1 - math.sqrt(0.5), 1 - math.sqrt(0.75)])
