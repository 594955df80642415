"""Checks of adapters. Legend: P texts, D embedding."""

from __future__ import annotations

from typing import Any

import torch

from bioclip_x.errors import BioclipXError
from bioclip_x.testing.checks import NotApplicable, Subject
from bioclip_x.testing.examples import make_small_encoder


def apply(subject: Subject) -> tuple[Any, Any]:
    """Returns the adapter and a model that it is applied to."""
    adapter, encoder = subject.make(), make_small_encoder()
    try:
        adapter.apply(encoder)
    except BioclipXError as problem:
        if "install" in str(problem):
            raise NotApplicable(str(problem)) from problem
        raise
    return adapter, encoder


def forward(encoder: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the embeddings of an image and of a text."""
    pixels = torch.linspace(-1, 1, 3 * 16 * 16).reshape(1, 3, 16, 16)
    return encoder.forward_image(pixels), encoder.forward_text(encoder.tokenize(["a bird"]))


def embed(encoder: Any) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat(forward(encoder))


def disturb(encoder: Any) -> None:
    """Changes the trained parameters, as training does."""
    with torch.no_grad():
        for parameter in encoder.module.parameters():
            if parameter.requires_grad:
                parameter.add_(0.01)


def list_parameters(encoder: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(parameter.shape) for name, parameter in encoder.module.named_parameters()}


def check_few_parameters_are_trained(subject: Subject) -> None:
    """After `apply`, fewer parameters are trained than before, but at least one."""
    count = sum(p.numel() for p in make_small_encoder().module.parameters() if p.requires_grad)
    _, encoder = apply(subject)
    left = sum(p.numel() for p in encoder.module.parameters() if p.requires_grad)
    assert 0 < left < count, f"expected fewer than {count} trained parameters, and more than none, got {left}"


def check_gradients_reach_its_parameters(subject: Subject) -> None:
    """A loss of images and texts has a gradient for what is trained, and for nothing else."""
    _, encoder = apply(subject)
    image_BD, text_PD = forward(encoder)
    (image_BD.sum() + text_PD.sum() + encoder.logit_scale).backward()
    reached = {name for name, parameter in encoder.module.named_parameters() if parameter.grad is not None}
    trained = {name for name, parameter in encoder.module.named_parameters() if parameter.requires_grad}
    missed = sorted(name for name in trained - reached if "logit_bias" not in name)
    assert not missed, f"expected a gradient of every trained parameter, got none of {missed[0]}"


def check_merging_keeps_the_embeddings(subject: Subject) -> None:
    """The merged model gives the embeddings of the adapted one."""
    adapter, encoder = apply(subject)
    disturb(encoder)
    encoder.module.eval()
    before = embed(encoder)
    adapter.merge(encoder)
    encoder.module.eval()
    off = float((embed(encoder) - before).abs().max())
    assert off < 1e-4, f"expected the embeddings of the adapted model, got a difference of {off:.2g}"


def check_merging_restores_the_module(subject: Subject) -> None:
    """The merged model has the modules and parameters of the original: it is saved and loaded as that."""
    original = make_small_encoder()
    adapter, encoder = apply(subject)
    adapter.merge(encoder)
    expected, found = list_parameters(original), list_parameters(encoder)
    other = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    assert not other, f"expected the original's parameters, got a difference in {other[0]}"
    kinds = [
        {name: type(module).__name__ for name, module in one.module.named_modules()} for one in (original, encoder)
    ]
    changed = sorted(name for name in kinds[0].keys() | kinds[1].keys() if kinds[0].get(name) != kinds[1].get(name))
    assert not changed, (
        f"expected the original's modules, got a {kinds[1].get(changed[0])} as {changed[0] or 'the whole'}"
    )
