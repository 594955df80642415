"""Gradients: in chunks and over processes as of the whole batch at once, in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from bioclip_x.training.compute.step import Inputs, backward_at_once, backward_in_chunks
from bioclip_x.training.compute.towers import Embedded
from bioclip_x.training.compute.world import World
from processes import run_in_processes


class Small(nn.Module):
    """Two towers of a layer each, with a logit scale and a bias."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.image = nn.Sequential(nn.Flatten(), nn.Linear(12, 6), nn.Dropout(dropout), nn.GELU(), nn.Linear(6, 4))
        self.text = nn.Embedding(20, 4)
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.bias = nn.Parameter(torch.tensor(-0.5))
        self.double()

    def forward(self, pixels: torch.Tensor | None, tokens: torch.Tensor | None) -> Embedded:
        return Embedded(
            None if pixels is None else self.image(pixels),
            None if tokens is None else self.text(tokens).mean(1),
            self.scale.exp(),
            self.bias,
        )


def compute(embedded: Embedded) -> dict[str, torch.Tensor]:
    """Two losses over whole batches."""
    assert embedded.image_BD is not None and embedded.text_TD is not None and embedded.bias is not None
    logits = embedded.scale * embedded.image_BD @ embedded.text_TD.T + embedded.bias
    return {"soft": logits.logsumexp(1).mean() - logits.mean(), "square": embedded.image_BD.square().mean()}


def make_inputs(images: int = 7, texts: int = 5) -> Inputs:
    torch.manual_seed(1)
    return Inputs(torch.randn(images, 3, 2, 2, dtype=torch.float64), torch.randint(0, 20, (texts, 3)))


def same(x: torch.Tensor) -> torch.Tensor:
    return x


def collect(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(("chunks", "texts"), [(2, 5), (3, 2), (7, 5), (20, 5)])
def test_chunks_give_the_gradients_of_the_whole_batch(chunks: int, texts: int) -> None:
    whole, parts = Small(), Small()
    inputs = make_inputs(texts=texts)
    losses = backward_at_once(whole(inputs.pixels_V3HW, inputs.tokens_TL), compute, same)
    chunked = backward_in_chunks(parts, inputs, compute, same, chunks=chunks)
    assert losses.keys() == chunked.keys()
    for name in losses:
        torch.testing.assert_close(chunked[name], losses[name], atol=1e-12, rtol=0)
    expected = collect(whole)
    assert expected.keys() == collect(parts).keys() == dict(whole.named_parameters()).keys()
    for name, gradient in collect(parts).items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-12, rtol=0)


def test_both_passes_of_a_chunk_drop_the_same_units() -> None:
    """The gradient is that of the loss of the embeddings that were seen, with the same units dropped."""
    model, inputs = Small(dropout=0.5), make_inputs()
    seen: list[torch.Tensor] = []

    def remember(embedded: Embedded) -> dict[str, torch.Tensor]:
        assert embedded.image_BD is not None
        seen.append(embedded.image_BD.detach().clone())
        return compute(embedded)

    passes: list[torch.Tensor] = []
    model.image.register_forward_hook(lambda module, given, output: passes.append(output.detach().clone()))
    torch.manual_seed(5)
    backward_in_chunks(model, inputs, remember, same, chunks=3)
    assert torch.equal(torch.cat(passes[:3]), seen[0]) and torch.equal(torch.cat(passes[3:]), seen[0])


def test_a_loss_without_texts_or_scale_leaves_them_gradients_of_zero() -> None:
    def images_only(embedded: Embedded) -> dict[str, torch.Tensor]:
        assert embedded.image_BD is not None
        return {"square": embedded.image_BD.square().mean()}

    for chunks in (1, 3):
        model, inputs = Small(), Inputs(make_inputs().pixels_V3HW, None)
        if chunks == 1:
            backward_at_once(model(inputs.pixels_V3HW, None), images_only, same)
        else:
            backward_in_chunks(model, inputs, images_only, same, chunks=chunks)
        assert float(collect(model)["scale"]) == float(collect(model)["bias"]) == 0
        assert "text.weight" not in collect(model)


def train_in_processes(world: World, chunks: int) -> dict[str, Any]:
    """Gradients under DDP: each process has its part of the images and texts, and the whole loss."""
    model = DistributedDataParallel(Small())
    inputs = make_inputs(images=6, texts=6)
    own = slice(world.rank * 6 // world.size, (world.rank + 1) * 6 // world.size)
    assert inputs.tokens_TL is not None
    mine = Inputs(inputs.pixels_V3HW[own], inputs.tokens_TL[own])

    def compute_all(embedded: Embedded) -> dict[str, torch.Tensor]:
        assert embedded.image_BD is not None and embedded.text_TD is not None
        return compute(
            embedded._replace(image_BD=world.gather(embedded.image_BD), text_TD=world.gather(embedded.text_TD))
        )

    if chunks == 1:
        losses = backward_at_once(model(mine.pixels_V3HW, mine.tokens_TL), compute_all, same)
    else:

        def open_chunk(is_last: bool) -> Any:
            from contextlib import nullcontext

            return nullcontext() if is_last else model.no_sync()  # type: ignore[no-untyped-call]

        losses = backward_in_chunks(model, mine, compute_all, same, chunks=chunks, open_chunk=open_chunk)
    return {"losses": losses, "gradients": collect(model.module)}


@pytest.mark.parametrize(("size", "chunks"), [(2, 1), (3, 1), (2, 3), (3, 2)])
def test_processes_give_the_gradients_of_the_whole_batch(size: int, chunks: int) -> None:
    whole, inputs = Small(), make_inputs(images=6, texts=6)
    losses = backward_at_once(whole(inputs.pixels_V3HW, inputs.tokens_TL), compute, same)
    for result in run_in_processes(train_in_processes, size, chunks):
        for name, loss in losses.items():
            torch.testing.assert_close(result["losses"][name], loss, atol=1e-12, rtol=0)
        for name, gradient in collect(whole).items():
            torch.testing.assert_close(result["gradients"][name], gradient, atol=1e-12, rtol=0)
