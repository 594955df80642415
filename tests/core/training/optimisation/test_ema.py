from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from bioclip_x.training.optimisation.ema import Average, compute_decay


def make_module() -> nn.Module:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).double()
    module.register_buffer("mask", torch.full((2, 2), float("-inf")).triu(1))
    return module


def change(module: nn.Module) -> None:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter))


def test_the_average_is_that_of_a_loop() -> None:
    module = make_module()
    average = Average(module, 0.4)
    expected = [parameter.detach().clone() for parameter in module.parameters()]
    for step in range(8):
        change(module)
        average.update(module)
        decay = min(0.4, (1 + step) / (10 + step))
        expected = [decay * old + (1 - decay) * new.detach() for old, new in zip(expected, module.parameters())]
    torch.testing.assert_close(list(average.module.parameters()), expected, rtol=1e-12, atol=0)
    assert compute_decay(0, 0.4) == 0.1 and compute_decay(7, 0.4) == 0.4  # both sides of the minimum were tried


def test_buffers_are_copied_and_masks_stay_infinite() -> None:
    module = make_module()
    average = Average(module, 0.9)
    module(torch.randn(5, 3, dtype=torch.float64))
    average.update(module)
    for name, buffer in module.named_buffers():
        assert torch.equal(dict(average.module.named_buffers())[name], buffer), name
    assert int(dict(module.named_buffers())["1.num_batches_tracked"]) == 1


def test_a_resumed_average_goes_on_bit_identically() -> None:
    module = make_module()
    average = Average(module, 0.99)
    for _ in range(3):
        change(module)
        average.update(module)
    other, state = copy.deepcopy(module), copy.deepcopy(average.state_dict())
    resumed = Average(make_module(), 0.99)
    resumed.load_state_dict(state)
    change(module)
    other.load_state_dict(module.state_dict())
    average.update(module)
    resumed.update(other)
    for one, two in zip(average.module.parameters(), resumed.module.parameters()):
        assert torch.equal(one, two)


def test_the_weights_come_back_after_the_average_was_applied() -> None:
    module = make_module()
    average = Average(module, 0.9)
    change(module)
    own = copy.deepcopy(module.state_dict())
    with pytest.raises(ZeroDivisionError), average.applied_to(module):
        assert torch.equal(next(module.parameters()), next(average.module.parameters()))
        raise ZeroDivisionError
    assert all(torch.equal(own[name], tensor) for name, tensor in module.state_dict().items())
