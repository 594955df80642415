"""Checks of logit adjustments. Legend: C classes, B images."""

from __future__ import annotations

from typing import Final

import torch

from bioclip_x.errors import BioclipXError
from bioclip_x.hooks.capabilities import LogitAdjustmentCapabilities, get_capabilities
from bioclip_x.records import Source
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.testing.checks import NotApplicable, Subject
from bioclip_x.testing.examples import make_taxonomy

KNOWN: Final[dict[str, str | float]] = {"date": "2024-05-12T06:30:00", "latitude": 52.52, "longitude": 13.4}
SOURCES = (
    Source("a.jpg"),
    Source("b.jpg", metadata=KNOWN),
    Source("c.jpg", metadata={"date": "2023-12-01", "latitude": -33.9, "longitude": 151.2}),
)
"""One image of which nothing is known, and two with date and place."""


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
    assert not (offsets.isnan() | offsets.isposinf()).any(), "expected finite offsets or -inf, got NaN or +inf"


def check_a_class_is_left(subject: Subject) -> None:
    """For every image, some class is not excluded."""
    is_left_B = (make_offsets(subject) > float("-inf")).any(dim=0)
    assert is_left_B.all(), "expected a class that is not excluded, got -inf of all"


def check_images_do_not_affect_each_other(subject: Subject) -> None:
    """An image's offsets are the same alone and in a batch."""
    together = make_offsets(subject)
    for number, source in enumerate(SOURCES):
        alone = make_offsets(subject, (source,))
        expected = together if together.ndim == 1 else together[:, number : number + 1]
        assert torch.equal(alone, expected), (
            f"expected the same offsets of {source.name} alone and in a batch, got others"
        )


def check_another_tree_has_its_own_offsets(subject: Subject) -> None:
    """Asked of a part of the classes, it returns offsets of these: what it keeps is of one tree."""
    whole, adjustment = make_taxonomy(), subject.make()
    part = from_labels([whole.class_taxon(c).name for c in (0, 2, 5)])
    adjustment.offsets(whole, SOURCES)
    try:
        offsets = adjustment.offsets(part, SOURCES)
    except BioclipXError as problem:
        raise NotApplicable(f"it has nothing to say of fewer classes: {problem}") from problem
    assert len(offsets) == part.n_classes, f"expected offsets of {part.n_classes} classes, got {len(offsets)}"


def check_images_have_notes(subject: Subject) -> None:
    """An adjustment that declares image_notes has a list of notes for each image."""
    adjustment = subject.make()
    if not get_capabilities(adjustment, LogitAdjustmentCapabilities).image_notes:
        raise NotApplicable("it does not declare image_notes")
    found = adjustment.image_notes(make_taxonomy(), SOURCES)
    assert len(found) == len(SOURCES), f"expected notes of {len(SOURCES)} images, got {len(found)}"
    for notes in found:
        assert not isinstance(notes, str) and all(isinstance(note, str) and note.strip() for note in notes), (
            f"expected lists of lines, got {notes!r}"
        )


def check_notes_say_what_was_adjusted(subject: Subject) -> None:
    """It says in at least one line what it adjusted."""
    notes = subject.make().notes(make_taxonomy())
    is_text = isinstance(notes, str) or not all(isinstance(note, str) and note.strip() for note in notes)
    assert notes and not is_text, f"expected at least one line of text, in a list, got {notes!r}"
