"""Checks of training losses, in float64. Legend: B images, T texts, C classes, D embedding."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import torch

from bioclip_x.hooks.capabilities import LossCapabilities, get_capabilities
from bioclip_x.hooks.components import LinearHead
from bioclip_x.records import LossInput
from bioclip_x.testing.checks import NotApplicable, Subject
from bioclip_x.testing.examples import VIEWS, D, make_loss_input, make_tables, make_taxonomy


def make_loss(subject: Subject, dtype: torch.dtype = torch.float64) -> Any:
    """Makes a loss, and prepares it. Raises NotApplicable for one that needs more views than the examples have."""
    loss = subject.make()
    capabilities = get_capabilities(loss, LossCapabilities)
    if capabilities.views > VIEWS:
        raise NotApplicable(f"it needs {capabilities.views} views")
    if capabilities.needs_prepare:
        torch.manual_seed(0)
        loss.prepare(make_taxonomy(), D, make_taxonomy().n_classes)
    return loss.to(dtype) if isinstance(loss, torch.nn.Module) else loss


def make_batch(loss: Any, *args: Any, **kwargs: Any) -> LossInput:
    """Makes a batch with what the loss declares that it needs, and no more; see `make_loss_input`."""
    capabilities = get_capabilities(loss, LossCapabilities)
    batch = make_loss_input(*args, views=capabilities.views, **kwargs)
    return batch if capabilities.needs_bank else _keep_gathered(batch, bank=None)


def _keep_gathered(batch: LossInput, **changes: Any) -> LossInput:
    changed = replace(batch, **changes)
    if "gathered" in vars(batch):
        vars(changed)["gathered"] = vars(batch)["gathered"]
    return changed


def total(value: Any) -> torch.Tensor:
    """Adds the parts of a loss; checks that they are scalars."""
    parts = value if isinstance(value, Mapping) else {"": value}
    for name, part in parts.items():
        what = f"its part {name!r}" if name else "it"
        assert isinstance(part, torch.Tensor) and part.ndim == 0, f"expected {what} to be a scalar tensor, got {part!r}"
    return torch.stack([part.double() for part in parts.values()]).sum()


def check_it_is_finite(subject: Subject) -> None:
    """A batch gives a finite scalar, or finite scalars by name."""
    loss = make_loss(subject)
    value = total(loss(make_batch(loss)))
    assert value.isfinite(), f"expected a finite loss, got {float(value.detach())}"


def check_odd_batches_are_finite(subject: Subject) -> None:
    """So do a batch of one image, of one class, and of images without a taxon; and so are their gradients."""
    batches: dict[str, dict[str, Any]] = {
        "one image": {"images": [0]},
        "one class": {"images": [2, 7]},
        "images without a taxon": {"with_labels": False},
    }
    for what, given in batches.items():
        loss, tables = make_loss(subject), make_tables()
        value = total(loss(make_batch(loss, tables, **given)))
        assert value.isfinite(), f"expected a finite loss of a batch of {what}, got {float(value.detach())}"
        if value.requires_grad:
            found = torch.autograd.grad(value, list(tables.values()), allow_unused=True)
            is_finite = all(gradient.isfinite().all() for gradient in found if gradient is not None)
            assert is_finite, f"expected finite gradients of a batch of {what}, got others"


def check_it_computes_in_float32(subject: Subject) -> None:
    """Of embeddings in float32, as they are in training, the loss is float32."""
    loss = make_loss(subject, torch.float32)
    tables = {name: table.detach().float().requires_grad_() for name, table in make_tables().items()}
    value = loss(make_batch(loss, tables))
    for part in value.values() if isinstance(value, Mapping) else [value]:
        assert part.dtype == torch.float32, f"expected float32, got {part.dtype}"


def check_its_parameters_are_made_before(subject: Subject) -> None:
    """All its parameters exist before the first batch, when the optimiser takes them."""
    loss = make_loss(subject)
    if not isinstance(loss, torch.nn.Module):
        raise NotApplicable("it is no torch module")
    before = {name for name, _ in loss.named_parameters()}
    total(loss(make_batch(loss)))
    after = {name for name, _ in loss.named_parameters()}
    assert after == before, f"expected all parameters before the first batch, got {sorted(after - before)} after it"


def check_texts_are_used_as_declared(subject: Subject) -> None:
    """A loss that declares needs_texts=False works without texts: no text tower is run then."""
    loss = make_loss(subject)
    if get_capabilities(loss, LossCapabilities).needs_texts:
        raise NotApplicable("it declares that it needs texts, as losses do by default")
    try:
        value = total(loss(make_batch(loss, with_texts=False)))
    except Exception as problem:
        raise AssertionError(f"expected it to work without texts (needs_texts=False), got {problem!r}") from problem
    assert value.isfinite(), f"expected a finite loss without texts, got {float(value.detach())}"


def check_exported_heads_are_of_the_tree(subject: Subject) -> None:
    """A loss that declares exports_heads exports linear heads whose rows are nodes of the tree."""
    loss = make_loss(subject, torch.float32)
    if not get_capabilities(loss, LossCapabilities).exports_heads:
        raise NotApplicable("it does not declare exports_heads")
    heads = loss.export_heads()
    assert isinstance(heads, Mapping) and heads, f"expected heads by name, got {heads!r}"
    for name, head in heads.items():
        assert isinstance(head, LinearHead), f"expected LinearHeads, got {type(head).__name__}"
        rows = (len(head.weight_CD), len(head.bias_C), len(head.nodes_C))
        assert len(set(rows)) == 1 and head.weight_CD.shape[1] == D, (
            f"expected as many rows of weight_CD, bias_C and nodes_C of {name!r}, got {rows}"
        )
        nodes = set(head.nodes_C.tolist())
        assert nodes <= set(range(make_taxonomy().n_nodes)), f"expected nodes of the tree, got {sorted(nodes)[-1]}"
        assert len(nodes) == rows[0], f"expected different nodes of the rows of {name!r}, got {head.nodes_C.tolist()}"


def check_gradients_are_right(subject: Subject) -> None:
    """Its gradients are those of finite differences, in float64."""
    loss, tables = make_loss(subject), make_tables()
    value = total(loss(make_batch(loss, tables)))
    assert value.requires_grad, "expected a loss with a gradient, got one without; is it detached?"
    named = list(tables.items())
    found = torch.autograd.grad(value, [table for _, table in named], allow_unused=True)
    assert any(gradient is not None for gradient in found), "expected a gradient of images or texts, got none"
    generator, step = torch.Generator().manual_seed(7), 1e-6
    for (name, table), gradient in zip(named, found):
        direction = torch.randn(table.shape, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            values = [_compute(subject, {**tables, name: table + sign * step * direction}) for sign in (1, -1)]
        expected = (values[0] - values[1]) / (2 * step)
        slope = 0.0 if gradient is None else float((gradient * direction).sum())
        assert abs(slope - expected) < 1e-4 * max(1.0, abs(expected)), (
            f"expected the derivative of {name} to be {expected:.6g}, got {slope:.6g}"
        )


def check_order_of_images_does_not_matter(subject: Subject) -> None:
    """The images of a batch, each of another class, give the same loss in another order."""
    tables, order = make_tables(), [4, 0, 2, 6, 1, 3, 5]
    first, second = (_compute(subject, tables, images) for images in (range(7), order))
    assert abs(first - second) < 1e-9 * max(1.0, abs(first)), f"expected {first} in another order, got {second}"


def check_processes_share_a_batch(subject: Subject) -> None:
    """The mean over two and three processes is the loss of the whole batch."""
    tables = make_tables()
    expected = _compute(subject, tables)
    for parts in ([range(5), range(5, 9)], [range(2), range(2, 6), range(6, 9)]):
        losses = [make_loss(subject) for _ in parts]

        def run(loss: Any, images: range, world: _Threads) -> float:
            with torch.no_grad():
                return float(total(loss(make_batch(loss, tables, images, world))))

        with ThreadPoolExecutor(len(parts)) as pool:
            values = list(pool.map(run, losses, parts, _Threads.join(len(parts))))
        mean = sum(values) / len(values)
        assert abs(mean - expected) < 1e-9 * max(1.0, abs(expected)), (
            f"expected a mean of {expected} over {len(parts)} processes, got {mean}; does it use batch.gathered and batch.mean?"
        )


def _compute(subject: Subject, *args: Any) -> float:
    """Returns a new loss's value of a batch; see `make_batch`."""
    loss = make_loss(subject)
    return float(total(loss(make_batch(loss, *args))).detach())


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
