"""Tensors and gradients over processes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bioclip_x.training.compute.world import World, open_world
from processes import run_in_processes


def gather_and_weigh(world: World, ragged: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Gathers two rows (or rank + 1 rows) a process; each process weighs all rows differently. Returns rows, gradient."""
    rows = world.rank + 1 if ragged else 2
    x = (torch.arange(rows * 3.0).reshape(rows, 3) + 100 * world.rank).requires_grad_()
    everything = world.gather_ragged(x) if ragged else world.gather(x)
    weights = torch.arange(float(everything.numel())).reshape(everything.shape) * (world.rank + 1)
    (everything * weights).sum().backward()
    assert x.grad is not None
    return everything.detach(), x.grad


@pytest.mark.parametrize(("ragged", "size"), [(False, 2), (True, 3)])
def test_gathered_rows_pass_back_the_gradients_of_all_processes(ragged: bool, size: int) -> None:
    results = run_in_processes(gather_and_weigh, size, ragged)
    lengths = [rank + 1 if ragged else 2 for rank in range(size)]
    expected = torch.cat([torch.arange(n * 3.0).reshape(n, 3) + 100 * rank for rank, n in enumerate(lengths)])
    total_weight = sum(rank + 1 for rank in range(size))
    gradient = torch.arange(float(expected.numel())).reshape(expected.shape) * total_weight
    for (everything, own), part in zip(results, gradient.split(lengths)):
        assert torch.equal(everything, expected) and torch.equal(own, part)


def average_and_reduce(world: World) -> list[torch.Tensor]:
    layer = nn.Linear(2, 1)
    if world.rank:
        layer(torch.ones(1, 2) * world.rank).sum().backward()  # no gradient in the main process
    world.broadcast(layer)
    world.average_gradients(layer)
    numbers = torch.tensor([world.rank, -world.rank])
    gradient = layer.weight.grad
    assert gradient is not None
    return [
        layer.weight.detach(),
        gradient,
        world.sum(numbers),
        world.max(numbers),
        torch.tensor(world.share(world.rank)),
    ]


def test_reductions() -> None:
    first, *others = run_in_processes(average_and_reduce, 3)
    for other in others:
        assert all(torch.equal(a, b) for a, b in zip(first, other))
    assert first[1].tolist() == [[1.0, 1.0]]
    assert first[2].tolist() == [3, -3] and first[3].tolist() == [2, 0] and first[4] == 0


def test_one_process_is_the_identity() -> None:
    x = torch.ones(2, requires_grad=True)
    with open_world() as world:
        assert world == World() and world.is_main
    assert world.gather(x) is x and world.gather_ragged(x) is x
    assert not world.sum(x).requires_grad and world.sum(x).tolist() == [1, 1]
