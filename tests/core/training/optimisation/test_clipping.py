from __future__ import annotations

import math

import pytest
import torch

from bioclip_x.training.optimisation.clipping import clip_gradients


def make(*gradients: list[float]) -> list[torch.Tensor]:
    parameters = [torch.zeros(len(one), dtype=torch.float64, requires_grad=True) for one in gradients]
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = torch.tensor(gradient, dtype=torch.float64)
    return parameters


@pytest.mark.parametrize(("largest", "factor"), [(6.5, 0.5), (13.0, 1.0), (20.0, 1.0), (None, 1.0)])
def test_the_norm_is_that_of_all_gradients_together(largest: float | None, factor: float) -> None:
    parameters = make([3, 4], [12])
    assert float(clip_gradients(parameters, largest)) == pytest.approx(13)
    clipped = torch.cat([one.grad for one in parameters if one.grad is not None])
    torch.testing.assert_close(clipped, factor * torch.tensor([3, 4, 12], dtype=torch.float64), rtol=1e-6, atol=0)


def test_without_a_limit_gradients_keep_every_bit() -> None:
    parameters = make([0.1, -1e30], [1e-300])
    clip_gradients(parameters, None)
    assert [one.grad.tolist() for one in parameters if one.grad is not None] == [[0.1, -1e30], [1e-300]]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("largest", [None, 1.0])
def test_the_norm_tells_of_gradients_that_are_not_finite(largest: float | None, bad: float) -> None:
    assert not math.isfinite(float(clip_gradients(make([1.0], [bad]), largest)))
