"""Checks of models with a short name."""

from __future__ import annotations

from bioclip_x.records import KnownModel
from bioclip_x.testing.checks import Subject


def check_it_is_a_known_model(subject: Subject) -> None:
    """It is a KnownModel of the component's name, with a summary, a source, and a family of a loaded plugin."""
    model = subject.make()
    assert isinstance(model, KnownModel), f"expected a KnownModel, got {type(model).__name__}"
    assert model.name == subject.name, f"expected the name {subject.name!r}, got {model.name!r}"
    assert model.source and model.summary, "expected a source and a summary"
    assert model.encoder in subject.registry.components("encoders"), f"no encoder is called {model.encoder!r}"


def check_it_is_described(subject: Subject) -> None:
    """Its architecture, dimension, image size and licence are told."""
    model = subject.make()
    assert model.architecture and model.licence, "expected an architecture and a licence"
    assert model.dim > 0 and model.image_size > 0, f"expected sizes above 0, got {model.dim} and {model.image_size}"
