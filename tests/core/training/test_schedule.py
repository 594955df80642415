from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from bioclip_x.training.schedule import compute_learning_rate, make_parameter_groups


@pytest.mark.parametrize(("warmup", "total"), [(0, 10), (3, 10), (10, 10)])
def test_the_rate_is_that_of_torchs_schedulers(warmup: int, total: int) -> None:
    """Linear warm-up, then cosine annealing, composed of torch's own schedulers."""
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(total - warmup, 1))
    for step in range(total):
        rate = compute_learning_rate(step, base=0.5, warmup=warmup, total=total)
        if step < warmup:
            assert rate == pytest.approx(0.5 * (step + 1) / warmup)
        else:
            assert rate == pytest.approx(optimiser.param_groups[0]["lr"])
            optimiser.step()
            cosine.step()


def test_the_rate_peaks_at_the_base_and_ends_near_zero() -> None:
    rates = [compute_learning_rate(step, base=1.0, warmup=2, total=6) for step in range(6)]
    assert [round(rate, 3) for rate in rates] == [0.5, 1.0, 1.0, 0.854, 0.5, 0.146]
    assert rates[3] == pytest.approx(0.5 * (1 + math.cos(math.pi / 4)))


def test_only_matrices_decay() -> None:
    module = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    module[0].weight.requires_grad_(False)
    other = nn.Linear(2, 1)
    decay, rest = make_parameter_groups([(nn.Sequential(module, other), 1.0)], 0.2)
    assert decay["weight_decay"] == 0.2 and decay["params"] == [other.weight]
    assert rest["weight_decay"] == 0.0
    assert [id(p) for p in rest["params"]] == [
        id(p) for p in (module[0].bias, module[1].weight, module[1].bias, other.bias)
    ]
