"""Sums over shells against tables of all logits, in values and gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from bioclip_x_plugins.losses.tree.shells import LOWEST, Leaves, compute_shells


def make(b: int, c: int, d: int, seed: int, scale: float = 1.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    x, w, bias = (torch.randn(*shape, generator=rng, dtype=torch.float64) for shape in ((b, d), (c, d), (c,)))
    return (x * scale).requires_grad_(), w.requires_grad_(), bias.requires_grad_()


@st.composite
def ranges(draw: st.DrawFn, n_images: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """Nested ranges [B, R] of up to 9 leaves, some repeated; the last has all."""
    c, r = draw(st.integers(1, 9)), draw(st.integers(1, 4))
    starts, stops = [], []
    for _ in range(n_images):
        edges = [(0, c)]
        for _ in range(r - 1):
            low = draw(st.integers(edges[-1][0], edges[-1][1] - 1))
            edges.append((low, draw(st.integers(low + 1, edges[-1][1]))))
        starts.append([low for low, _ in reversed(edges)])
        stops.append([high for _, high in reversed(edges)])
    return torch.tensor(starts), torch.tensor(stops)


def naive(logits: torch.Tensor, start: torch.Tensor, stop: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Each shell's leaves listed one by one."""
    logs, sums = [], []
    for i in range(len(start)):
        seen: set[int] = set()
        for low, high in zip(start[i].tolist(), stop[i].tolist()):
            shell = [c for c in range(low, high) if c not in seen]
            seen |= set(shell)
            values = [logits[i, c] for c in shell]
            logs.append(torch.log(sum(map(torch.exp, values))) if values else logits.new_tensor(LOWEST))  # type: ignore[arg-type]
            sums.append(sum(values) if values else logits.new_zeros(()))
    return torch.stack(logs).reshape(start.shape), torch.stack(sums).reshape(start.shape)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=60)
@given(ranges(), st.integers(1, 10), st.integers(0, 99))
def test_shells_equal_a_table_of_all_logits(edges: Any, chunk: int, seed: int) -> None:
    start, stop = edges
    results = []
    for fast in (True, False):
        x, w, bias = make(len(start), int(stop.max()), 4, seed)
        if fast:
            shells = compute_shells(x, Leaves(w, bias), start, stop, with_sums=True, chunk=chunk)
            logs, sums = shells.log_sums_BR, shells.sums_BR
        else:
            logs, sums = naive(x @ w.T + bias, start, stop)
        weights = torch.arange(1.0, 1 + logs.numel(), dtype=torch.float64).reshape(logs.shape)
        (weights * torch.where(logs > LOWEST, logs, 0) + weights.flip(0) * sums).sum().backward()
        results.append((logs.detach(), sums.detach(), x.grad, w.grad, bias.grad))
    torch.testing.assert_close(results[0], results[1])


@settings(deadline=None, max_examples=5)
@given(ranges())
def test_gradients_are_those_of_finite_differences(edges: Any) -> None:
    start, stop = edges
    x, w, bias = make(len(start), int(stop.max()), 3, 0)

    def call(x: torch.Tensor, w: torch.Tensor, bias: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        shells = compute_shells(x, Leaves(w, bias), start, stop, with_sums=True, chunk=2)
        return shells.log_sums_BR, shells.sums_BR

    assert torch.autograd.gradcheck(call, (x, w, bias))


@pytest.mark.parametrize("chunk", [2, 3, 100])
def test_live_rows_replace_those_of_the_bank_and_have_gradients(chunk: int) -> None:
    start, stop = torch.tensor([[2, 0, 0], [6, 5, 0]]), torch.tensor([[3, 4, 8], [7, 8, 8]])
    live_L = torch.tensor([6, 1, 3])
    results = []
    for fast in (True, False):
        x, w, _ = make(2, 8, 4, 1)
        live = make(3, 1, 4, 2)[0]
        if fast:
            leaves = Leaves(w, live_L=live_L, live_LD=live)
            logs = compute_shells(x, leaves, start, stop, chunk=chunk).log_sums_BR
        else:
            logs, _ = naive(x @ torch.cat([w, live])[[0, 9, 2, 10, 4, 5, 8, 7]].T, start, stop)
        (logs * torch.tensor([[1.0, 2, 3], [4, 5, 6]])).sum().backward()
        results.append((logs.detach(), x.grad, w.grad, live.grad))
    torch.testing.assert_close(results[0], results[1])


def test_a_half_precision_bank_is_computed_in_the_precision_of_the_images() -> None:
    start, stop = torch.tensor([[1, 0]]), torch.tensor([[2, 5]])
    x, w, _ = make(1, 5, 4, 3)
    half = w.detach().half()
    logs = compute_shells(x, Leaves(half), start, stop, chunk=2).log_sums_BR
    torch.testing.assert_close(logs, naive(x @ half.double().T, start, stop)[0])


def test_a_class_far_below_another_is_not_lost() -> None:
    """exp(-400) underflows in float64, if it is divided by the sum of all."""
    x, w = torch.ones(1, 1), torch.tensor([[0.0], [400.0], [-400.0]])
    shells = compute_shells(x, Leaves(w), torch.tensor([[2, 1, 0]]), torch.tensor([[3, 3, 3]]), chunk=1)
    assert shells.log_sums_BR.tolist() == [[-400.0, 400.0, 0.0]]


def test_logits_of_450_thousand_leaves_are_never_in_memory_at_once() -> None:
    """The largest tensor of the passes has the logits of a chunk, for any number of leaves and ranges."""
    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal largest
            made = func(*args, **(kwargs or {}))
            for one in made if isinstance(made, (tuple, list)) else [made]:
                if isinstance(one, torch.Tensor):
                    largest = max(largest, one.numel())
            return made

    n_leaves, n_images, chunk = 450_000, 8, 4096
    x, w = torch.randn(n_images, 2).requires_grad_(), torch.randn(n_leaves, 2).half()
    start = torch.tensor([[i * 50_000, i * 50_000, 0] for i in range(n_images)])
    stop = torch.tensor([[i * 50_000 + 1, i * 50_000 + 900, n_leaves] for i in range(n_images)])
    with Watch():
        shells = compute_shells(x, Leaves(w), start, stop, with_sums=True, chunk=chunk)
        shells.log_sums_BR.sum().backward()
    whole = (x @ w.float().T).detach()
    torch.testing.assert_close(shells.log_sums_BR.logsumexp(1).detach(), whole.logsumexp(1))
    torch.testing.assert_close(shells.sums_BR.sum(1).detach(), whole.sum(1), rtol=1e-4, atol=1.0)
    assert largest == n_images * chunk
