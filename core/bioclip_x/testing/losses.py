"""Checks of training losses, in float64. Legend: B images, T texts, C classes, D embedding."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import torch

from bioclip_x.capabilities import LossCapabilities
from bioclip_x.registry import get_capabilities
from bioclip_x.testing.checks import NotApplicable, Subject
from bioclip_x.testing.examples import VIEWS, D, make_loss_input, make_tables, make_taxonomy


def make_loss(subject: Subject) -> Any:
    """Makes a loss, and prepares it. Raises NotApplicable for one that needs the class bank."""
    loss = subject.make()
    capabilities = get_capabilities(loss, LossCapabilities)
    if capabilities.needs_bank:
        raise NotApplicable("it needs the class bank of a run")
    if capabilities.views > VIEWS:
        raise NotApplicable(f"it needs {capabilities.views} views")
    if capabilities.needs_prepare:
        torch.manual_seed(0)
        loss.prepare(make_taxonomy(), D, make_taxonomy().n_classes)
    return loss.double() if isinstance(loss, torch.nn.Module) else loss


def total(value: Any) -> torch.Tensor:
    """Adds the parts of a loss; checks that they are scalars."""
    parts = value if isinstance(value, Mapping) else {"": value}
    for name, part in parts.items():
        what = f"its part {name!r}" if name else "it"
        assert isinstance(part, torch.Tensor) and part.ndim == 0, f"expected {what} to be a scalar tensor, got {part!r}"
    return torch.stack([part.double() for part in parts.values()]).sum()


def check_it_is_finite(subject: Subject) -> None:
    """A batch gives a finite scalar, or finite scalars by name."""
    value = total(make_loss(subject)(make_loss_input(make_tables())))
    assert value.isfinite(), f"expected a finite loss, got {float(value)}"


def check_gradients_are_right(subject: Subject) -> None:
    """Its gradients are those of finite differences, in float64."""
    loss, tables = make_loss(subject), make_tables()
    value = total(loss(make_loss_input(tables)))
    assert value.requires_grad, "expected a loss with a gradient; is it detached?"
    named = list(tables.items())
    found = torch.autograd.grad(value, [table for _, table in named], allow_unused=True)
    assert any(gradient is not None for gradient in found), "expected a gradient of images or texts"
    generator, step = torch.Generator().manual_seed(7), 1e-6
    for (name, table), gradient in zip(named, found):
        direction = torch.randn(table.shape, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            values = [
                float(total(make_loss(subject)(make_loss_input({**tables, name: table + sign * step * direction}))))
                for sign in (1, -1)
            ]
        expected = (values[0] - values[1]) / (2 * step)
        slope = 0.0 if gradient is None else float((gradient * direction).sum())
        assert abs(slope - expected) < 1e-4 * max(1.0, abs(expected)), (
            f"expected the derivative of {name} to be {expected:.6g}, got {slope:.6g}"
        )


def check_order_of_images_does_not_matter(subject: Subject) -> None:
    """The images of a batch, each of another class, give the same loss in another order."""
    tables, order = make_tables(), [4, 0, 2, 6, 1, 3, 5]
    first, second = (
        float(total(make_loss(subject)(make_loss_input(tables, images))).detach()) for images in (range(7), order)
    )
    assert abs(first - second) < 1e-9 * max(1.0, abs(first)), f"expected {first} in another order, got {second}"


def check_processes_share_a_batch(subject: Subject) -> None:
    """The mean over two and three processes is the loss of the whole batch."""
    tables = make_tables()
    expected = float(total(make_loss(subject)(make_loss_input(tables))).detach())
    for parts in ([range(5), range(5, 9)], [range(2), range(2, 6), range(6, 9)]):
        losses = [make_loss(subject) for _ in parts]

        def run(loss: Any, images: range, world: _Threads) -> float:
            with torch.no_grad():
                return float(total(loss(make_loss_input(tables, images, world))))

        with ThreadPoolExecutor(len(parts)) as pool:
            values = list(pool.map(run, losses, parts, _Threads.join(len(parts))))
        mean = sum(values) / len(values)
        assert abs(mean - expected) < 1e-9 * max(1.0, abs(expected)), (
            f"expected a mean of {expected} over {len(parts)} processes, got {mean}: does it use batch.gathered and batch.mean?"
        )


class _Threads:
    """`records.training.Processes` whose processes are threads of this one; without gradients."""

    def __init__(self, rank: int, size: int, slots: list[Any], barrier: Barrier) -> None:
        self.rank, self.size, self._slots, self._barrier = rank, size, slots, barrier

    @classmethod
    def join(cls, size: int) -> list[_Threads]:
        slots: list[Any] = [None] * size
        barrier = Barrier(size, timeout=20)
        return [cls(rank, size, slots, barrier) for rank in range(size)]

    def _exchange(self, x: torch.Tensor) -> list[torch.Tensor]:
        self._slots[self.rank] = x
        self._barrier.wait()
        found = list(self._slots)
        self._barrier.wait()
        return found

    def gather(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat(self._exchange(x))

    gather_ragged = gather

    def sum(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack(self._exchange(x.detach())).sum(0)

    def max(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack(self._exchange(x.detach())).amax(0)
