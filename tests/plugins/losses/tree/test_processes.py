"""The losses of two and three processes, and the gradients, are those of one with the whole batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn.functional import normalize

from bioclip_x.training.compute.world import World
from bioclip_x_plugins.losses.tree.leaf_losses import CrossEntropy, Hxe, SoftLabels
from bioclip_x_plugins.losses.tree.rank_cross_entropy import RankCrossEntropy
from processes import run_in_processes
from tree_batches import Bank, draw_unit, find, make_batch, make_taxonomy

D = 6
LABELS = ["A one", "A two", "A one", "F", None, "G one", "D", "C two", "G", "B one", "A one", "H"]
LOSSES = (CrossEntropy, Hxe, SoftLabels, RankCrossEntropy)


def compute_gradients(world: World) -> dict[str, list[torch.Tensor]]:
    """Loss → its value and gradients, means over the processes as DDP takes them, from this process's part of the batch."""
    taxonomy, rank, size = make_taxonomy(), world.rank, world.size
    per = len(LABELS) // size
    own = slice(rank * per, (rank + 1) * per)
    node_B = torch.tensor([find(taxonomy, name) if name else -1 for name in LABELS])[own]
    pixels_B, words = draw_unit(len(LABELS), 5, 1)[own], draw_unit(len(LABELS), 5, 2)
    text_BK = torch.tensor([[i, (5 * i) % 12] for i in range(12)])[own]
    texts, text_BK = text_BK.unique(return_inverse=True)
    share = -(-taxonomy.n_classes // size)
    rows = draw_unit(taxonomy.n_classes, D, 3)
    bank = Bank(rows[rank * share : (rank + 1) * share], rank * share)
    results = {}
    for make in LOSSES:
        for on in ("linear", "bank"):
            loss = make(on=on)  # type: ignore[arg-type]
            loss.prepare(taxonomy, D, taxonomy.n_classes)
            loss = loss.double()
            image_tower, text_tower = (draw_unit(5, D, seed).requires_grad_() for seed in (4, 5))
            scale = torch.tensor(7.0, dtype=torch.float64, requires_grad=True)
            with torch.no_grad():
                for number, parameter in enumerate(loss.parameters()):
                    parameter += draw_unit(parameter.numel(), 1, number).reshape(parameter.shape)
            image_BD, text_TD = normalize(pixels_B @ image_tower, dim=1), normalize(words[texts] @ text_tower, dim=1)
            value: Any = loss(
                make_batch(taxonomy, image_BD, node_B, text_TD, text_BK, bank=bank, world=world, scale=scale)
            )
            value = sum(value.values()) if isinstance(value, dict) else value
            value.backward()
            tensors = [image_tower, *loss.parameters(), *([text_tower, scale] if on == "bank" else [])]
            means = [value.detach(), *(tensor.grad for tensor in tensors)]
            results[f"{make.__name__} on {on}"] = [world.sum(one) / size for one in means]
    return results


@pytest.mark.parametrize("size", [2, 3])
def test_processes_together_have_the_loss_and_gradients_of_one(size: int) -> None:
    expected = compute_gradients(World())
    for results in run_in_processes(compute_gradients, size):
        assert results.keys() == expected.keys()
        for name, tensors in expected.items():
            assert all(tensor.any() for tensor in tensors)
            for got, tensor in zip(results[name], tensors):
                torch.testing.assert_close(got, tensor, rtol=1e-6, atol=1e-9, msg=lambda m, name=name: f"{name}: {m}")
