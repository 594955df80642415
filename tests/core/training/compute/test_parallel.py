"""Sharded, replicated and compiled towers give the gradients of plain ones."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch

from bioclip_x.hooks.components import TrainableEncoder
from bioclip_x.training.compute.parallel import average_scalars, open_chunk, shard_towers, wrap_towers
from bioclip_x.training.compute.step import Inputs, backward_at_once, backward_in_chunks
from bioclip_x.training.compute.towers import Embedded, Towers
from bioclip_x.training.compute.world import World
from bioclip_x_plugins.encoders.open_clip import OpenClip
from processes import run_in_processes

MODEL: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 16, "layers": 2, "head_width": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2},
    "preprocess": {"size": 16, "mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"},
}


def compute_gradients(world: World, shard: bool, chunks: int, compiled: bool = False) -> dict[str, torch.Tensor]:
    """The gradients by parameter of a contrastive loss over the images and texts of all processes: 12 in all."""
    encoder: TrainableEncoder = OpenClip().trainable(MODEL, device="cpu", seed=0)
    encoder.module.double()
    plain = Towers(encoder)
    if shard:
        shard_towers(plain, encoder)
    towers = wrap_towers(plain, world, sharded=shard, compiled=compiled)
    torch.manual_seed(1)
    own = slice(world.rank * 12 // world.size, (world.rank + 1) * 12 // world.size)
    pixels, tokens = (
        torch.randn(12, 3, 16, 16, dtype=torch.float64)[own],
        encoder.tokenize([f"text {i}" for i in range(12)])[own],
    )

    def compute(embedded: Embedded) -> dict[str, torch.Tensor]:
        assert embedded.image_BD is not None and embedded.text_TD is not None
        logits = embedded.scale * world.gather(embedded.image_BD) @ world.gather(embedded.text_TD).T
        return {"clip": torch.nn.functional.cross_entropy(logits, torch.arange(12))}

    def same(x: torch.Tensor) -> torch.Tensor:
        return x

    def open_one(is_last: bool) -> AbstractContextManager[None]:
        return open_chunk(towers, is_last=is_last)

    if chunks == 1:
        backward_at_once(towers(pixels, tokens), compute, same)
    else:
        backward_in_chunks(towers, Inputs(pixels, tokens), compute, same, chunks=chunks, open_chunk=open_one)
    if shard:
        average_scalars(plain, world)
    gradients = {name: p.grad for name, p in encoder.module.named_parameters() if p.grad is not None}
    return {
        name: (gradient.full_tensor() if hasattr(gradient, "full_tensor") else gradient).detach().clone()
        for name, gradient in gradients.items()
    }


@pytest.mark.parametrize(("shard", "size", "chunks"), [(False, 2, 1), (True, 2, 1), (True, 3, 2), (False, 3, 3)])
def test_processes_share_the_work_and_not_the_result(shard: bool, size: int, chunks: int) -> None:
    expected = compute_gradients(World(), False, 1)
    for found in run_in_processes(compute_gradients, size, shard, chunks):
        assert found.keys() == expected.keys()
        for name, gradient in expected.items():
            torch.testing.assert_close(found[name], gradient, atol=1e-9, rtol=1e-6)


def test_compiled_towers_give_the_same_gradients() -> None:
    expected = compute_gradients(World(), False, 1)
    for name, gradient in compute_gradients(World(), False, 1, compiled=True).items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-9, rtol=1e-6)
