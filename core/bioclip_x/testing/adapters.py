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


def embed(encoder: Any) -> torch.Tensor:
    with torch.no_grad():
        image_BD = encoder.forward_image(torch.linspace(-1, 1, 3 * 16 * 16).reshape(1, 3, 16, 16))
        text_PD = encoder.forward_text(encoder.tokenize(["a bird"]))
    return torch.cat([image_BD, text_PD])


def check_few_parameters_are_trained(subject: Subject) -> None:
    """After `apply`, fewer parameters are trained than before, but at least one."""
    count = sum(p.numel() for p in make_small_encoder().module.parameters() if p.requires_grad)
    _, encoder = apply(subject)
    left = sum(p.numel() for p in encoder.module.parameters() if p.requires_grad)
    assert 0 < left < count, f"expected fewer than {count} trained parameters, and more than none, got {left}"


def check_merging_keeps_the_embeddings(subject: Subject) -> None:
    """The merged model gives the embeddings of the adapted one, and has the parameters of the original."""
    names = {name: tuple(p.shape) for name, p in make_small_encoder().module.named_parameters()}
    adapter, encoder = apply(subject)
    with torch.no_grad():
        for parameter in encoder.module.parameters():
            if parameter.requires_grad:
                parameter.add_(0.01)
    encoder.module.eval()
    before = embed(encoder)
    adapter.merge(encoder)
    encoder.module.eval()
    merged = {name: tuple(p.shape) for name, p in encoder.module.named_parameters()}
    assert merged.keys() == names.keys(), (
        f"expected the original's parameters, got {sorted(merged.keys() ^ names.keys())[:5]} besides"
    )
    found = embed(encoder)
    assert torch.allclose(found, before, atol=1e-4), (
        f"expected the embeddings of the adapted model, they differ by {float((found - before).abs().max()):.2g}"
    )
