"""Checks of models with a short name."""

from __future__ import annotations

from bioclip_x.records import KnownModel
from bioclip_x.testing.checks import Subject


def make_model(subject: Subject) -> KnownModel:
    model = subject.make()
    assert isinstance(model, KnownModel), f"expected a KnownModel, got {type(model).__name__}"
    return model


def check_it_is_a_known_model(subject: Subject) -> None:
    """It is a KnownModel of the component's name, with a summary, a source, and a family of a loaded plugin."""
    model = make_model(subject)
    assert model.name == subject.name, f"expected the name {subject.name!r}, got {model.name!r}"
    assert model.source and model.summary, f"expected a source and a summary, got {model.source!r}, {model.summary!r}"
    known = list(subject.registry.components("encoders"))
    assert model.encoder in known, f"expected an encoder among {', '.join(known)}, got {model.encoder!r}"


def check_it_is_described(subject: Subject) -> None:
    """Its architecture, dimension, image size, resizing and licence are told."""
    model = make_model(subject)
    assert model.architecture and model.licence, (
        f"expected an architecture and a licence, got {model.architecture!r}, {model.licence!r}"
    )
    assert model.dim > 0 and model.image_size > 0, f"expected sizes above 0, got {model.dim} and {model.image_size}"
    resizes = ("shortest", "squash", "longest")
    assert model.resize in resizes, f"expected resize to be one of {', '.join(resizes)}, got {model.resize!r}"


def check_it_is_made_without_options(subject: Subject) -> None:
    """It has no options: the name is all that a user gives."""
    names = [parameter.name for parameter in subject.registry.parameters(subject.kind, subject.name)]
    assert not names, f"expected a function without arguments, got {', '.join(names)}"


def check_its_classes_are_told(subject: Subject) -> None:
    """Whether its class list is on this machine is told if it has one, and None if it has none."""
    model = make_model(subject)
    is_told = model.classes_cached is not None
    assert is_told == bool(model.classes), (
        f"expected classes_cached to be {'True or False' if model.classes else 'None'} for classes={model.classes!r}, got "
        f"{model.classes_cached}"
    )
