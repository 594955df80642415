"""Checks of logit adjustments. Legend: C classes, B images."""

from __future__ import annotations

import torch

from bioclip_x.records import Source
from bioclip_x.testing.checks import Subject
from bioclip_x.testing.examples import make_taxonomy

SOURCES = (Source("a.jpg"), Source("b.jpg"), Source("c.jpg"))


def make_offsets(subject: Subject, sources: tuple[Source, ...] = SOURCES) -> torch.Tensor:
    offsets = subject.make().offsets(make_taxonomy(), sources)
    assert isinstance(offsets, torch.Tensor), f"expected a tensor of offsets, got {type(offsets).__name__}"
    return offsets


def check_offsets_are_of_classes(subject: Subject) -> None:
    """Offsets are float32 [C], or [C, B] where they depend on the image; none is NaN or +inf."""
    offsets, classes = make_offsets(subject), make_taxonomy().n_classes
    shapes = [(classes,), (classes, len(SOURCES))]
    assert tuple(offsets.shape) in shapes, f"expected a shape among {shapes}, got {tuple(offsets.shape)}"
    assert offsets.dtype == torch.float32, f"expected float32, got {offsets.dtype}"
    assert not offsets.isnan().any(), "expected numbers, got NaN"
    assert not (offsets == float("inf")).any(), "expected finite offsets or -inf, got +inf"


def check_a_class_is_left(subject: Subject) -> None:
    """For every image, some class is not excluded."""
    assert (make_offsets(subject) > float("-inf")).any(dim=0).all(), "expected a class that is not excluded (-inf)"


def check_images_do_not_affect_each_other(subject: Subject) -> None:
    """An image's offsets are the same alone and in a batch."""
    together = make_offsets(subject)
    for number, source in enumerate(SOURCES):
        alone = make_offsets(subject, (source,))
        expected = together if together.ndim == 1 else together[:, number : number + 1]
        assert torch.equal(alone, expected), f"expected the same offsets of {source.name} alone and in a batch"


def check_notes_say_what_was_adjusted(subject: Subject) -> None:
    """It says in at least one line what it adjusted."""
    notes = tuple(subject.make().notes(make_taxonomy()))
    assert notes and all(isinstance(note, str) and note.strip() for note in notes), (
        f"expected lines of text, got {notes!r}"
    )
