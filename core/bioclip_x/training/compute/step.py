"""One step's gradients: from a batch through the towers and the losses, at once or in chunks.

In chunks, memory is that of one chunk and the gradients are those of the whole batch (GradCache, Gao et al. 2021, arXiv
2101.06983): all chunks are embedded without gradients; the losses give the gradients of the embeddings; each chunk is embedded
again, under the same random state, and the gradients are passed on through it.

Legend: B images, T distinct texts, D embedding, V images of a batch and its further views.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import nn

from bioclip_x.training.compute.towers import Embedded

Compute = Callable[[Embedded], dict[str, torch.Tensor]]
"""Losses by name, of the embeddings of a whole batch; their sum is minimised."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the towers take. pixels_V3HW: normalised, the images and then their further views. tokens_TL: None for no texts."""

    pixels_V3HW: torch.Tensor
    tokens_TL: torch.Tensor | None


def backward_at_once(
    embedded: Embedded, compute: Compute, scale_up: Callable[[torch.Tensor], torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Computes the losses, and their gradients in the parameters' `grad`.

    scale_up: fp16's loss scaling, else the identity.
    """
    losses = compute(embedded)
    scale_up(_add(losses, embedded)).backward()  # type: ignore[no-untyped-call]
    return {name: loss.detach() for name, loss in losses.items()}


def backward_in_chunks(
    towers: nn.Module,
    inputs: Inputs,
    compute: Compute,
    scale_up: Callable[[torch.Tensor], torch.Tensor],
    *,
    chunks: int,
    open_forward: Callable[[], AbstractContextManager[None]] = nullcontext,
    open_chunk: Callable[[bool], AbstractContextManager[None]] = lambda is_last: nullcontext(),
) -> dict[str, torch.Tensor]:
    """Computes the same as `backward_at_once`, `chunks` parts of the batch one after another.

    Layers that look at other rows of the batch (batch normalisation) see a chunk only.

    open_forward: the context of the forward passes (autocast). open_chunk: the context of each chunk's backward pass, where
    all but the last need no exchange between processes; its argument says whether it is the last.
    """
    states, parts = [], []
    pieces = list(_split(inputs, chunks))
    with torch.no_grad(), open_forward():
        for piece in pieces:
            states.append(_RandomState.take(piece))
            parts.append(towers(*piece))
    joined = _join(parts)
    with torch.enable_grad():
        losses = compute(joined)
        scale_up(_add(losses, joined)).backward()  # type: ignore[no-untyped-call]
    gradients = iter(_split_gradients(joined, parts))
    for number, (piece, state) in enumerate(zip(pieces, states)):
        is_last = number == len(pieces) - 1
        with open_chunk(is_last):
            state.restore()
            with open_forward():
                embedded = towers(*piece)
            _backward_chunk(embedded, next(gradients), joined if is_last else None)
    return {name: loss.detach() for name, loss in losses.items()}


def _add(losses: dict[str, torch.Tensor], embedded: Embedded) -> torch.Tensor:
    """Adds the losses. Scale and bias take part even if no loss uses them, since DDP awaits every parameter's gradient."""
    unused = embedded.scale * 0 + (0 if embedded.bias is None else embedded.bias.sum() * 0)
    return torch.stack(list(losses.values())).sum() + unused


Piece = tuple[torch.Tensor | None, torch.Tensor | None]


def _split(inputs: Inputs, chunks: int) -> Iterator[Piece]:
    """Splits a batch. The last part has texts wherever there are any: DDP awaits every parameter in the last pass."""
    pixels: list[torch.Tensor | None] = [*_split_rows(inputs.pixels_V3HW, chunks)]
    tokens: list[torch.Tensor | None] = [] if inputs.tokens_TL is None else [*_split_rows(inputs.tokens_TL, chunks)]
    length = max(len(pixels), len(tokens))
    yield from zip([None] * (length - len(pixels)) + pixels, [None] * (length - len(tokens)) + tokens)


def _split_rows(x: torch.Tensor, chunks: int) -> list[torch.Tensor]:
    return list(x.tensor_split(min(chunks, len(x)))) if len(x) else []


def _join(parts: Sequence[Embedded]) -> Embedded:
    """Joins the chunks' embeddings to leaves of a new graph, whose gradients the losses' backward pass fills."""
    images = [part.image_BD for part in parts if part.image_BD is not None]
    texts = [part.text_TD for part in parts if part.text_TD is not None]
    last = parts[-1]
    return Embedded(
        _make_leaf(torch.cat(images)) if images else None,
        _make_leaf(torch.cat(texts)) if texts else None,
        _make_leaf(last.scale),
        None if last.bias is None else _make_leaf(last.bias),
    )


def _make_leaf(x: torch.Tensor) -> torch.Tensor:
    return x.detach().clone().requires_grad_()


def _split_gradients(joined: Embedded, parts: Sequence[Embedded]) -> Iterator[tuple[torch.Tensor | None, ...]]:
    image_at = text_at = 0
    for part in parts:
        image = text = None
        if part.image_BD is not None and joined.image_BD is not None:
            image = _take(joined.image_BD, image_at, len(part.image_BD))
            image_at += len(part.image_BD)
        if part.text_TD is not None and joined.text_TD is not None:
            text = _take(joined.text_TD, text_at, len(part.text_TD))
            text_at += len(part.text_TD)
        yield image, text


def _take(leaf: torch.Tensor, at: int, length: int) -> torch.Tensor:
    gradient = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
    return gradient[at : at + length]


def _backward_chunk(embedded: Embedded, gradients: tuple[torch.Tensor | None, ...], joined: Embedded | None) -> None:
    """joined: for the last chunk, which passes on the gradients of the logit scale and bias as well."""
    outputs = list(zip((embedded.image_BD, embedded.text_TD), gradients))
    if joined is not None:
        outputs += [
            (output, leaf.grad)
            for output, leaf in ((embedded.scale, joined.scale), (embedded.bias, joined.bias))
            if leaf is not None
        ]
    passed = [
        (output, gradient)
        for output, gradient in outputs
        if output is not None and output.requires_grad and gradient is not None
    ]
    if passed:
        torch.autograd.backward([output for output, _ in passed], [gradient for _, gradient in passed])


@dataclass(frozen=True, slots=True)
class _RandomState:
    """torch's random state on the CPU and on the device of a chunk."""

    cpu: torch.Tensor
    cuda: torch.Tensor | None

    @classmethod
    def take(cls, piece: Piece) -> _RandomState:
        is_cuda = any(x is not None and x.is_cuda for x in piece)
        return cls(torch.get_rng_state(), torch.cuda.get_rng_state() if is_cuda else None)

    def restore(self) -> None:
        torch.set_rng_state(self.cpu)
        if self.cuda is not None:
            torch.cuda.set_rng_state(self.cuda)
