"""Checks of text builders."""

from __future__ import annotations

import math

from bioclip_x.capabilities import TextBuilderCapabilities
from bioclip_x.records import Prompt, PromptSet, TextRequest
from bioclip_x.registry import get_capabilities
from bioclip_x.testing.checks import NotApplicable, Subject
from bioclip_x.testing.examples import make_descriptors, make_taxonomy


def build(subject: Subject, classes: range | None = None) -> PromptSet:
    """Has a new builder write prompts of the example's classes, which have descriptors."""
    taxonomy = make_taxonomy()
    request = TextRequest(taxonomy, classes or range(taxonomy.n_classes), descriptors=make_descriptors())
    written = subject.make().build(request)
    assert isinstance(written, PromptSet), f"expected build to return a PromptSet, got {type(written).__name__}"
    return written


def check_prompts_are_texts(subject: Subject) -> None:
    """Every prompt is a Prompt with a text that is not empty, and a weight above 0."""
    for prompt in build(subject).prompts:
        assert isinstance(prompt, Prompt), f"expected Prompts, got {prompt!r}"
        assert isinstance(prompt.text, str) and prompt.text.strip(), f"expected a text, got {prompt.text!r}"
        assert prompt.weight > 0 and math.isfinite(prompt.weight), f"expected a weight above 0, got {prompt.weight}"
        assert prompt.kind, f"expected a kind of the prompt {prompt.text!r}, such as taxonomic"


def check_every_class_has_prompts_in_order(subject: Subject) -> None:
    """Every requested class has a prompt, no other has one, and the prompts come in the order of the classes."""
    for classes in (range(make_taxonomy().n_classes), range(2, 4)):
        owners = [prompt.class_index for prompt in build(subject, classes).prompts]
        assert set(owners) == set(classes), (
            f"expected prompts of the classes {list(classes)}, got some of {sorted(set(owners))}"
        )
        assert owners == sorted(owners), f"expected prompts in the order of their classes, got {owners}"


def check_equal_requests_give_equal_prompts(subject: Subject) -> None:
    """It is deterministic: made and asked twice, it writes the same."""
    assert build(subject) == build(subject), "expected the same prompts twice; is a random generator not seeded?"


def check_a_class_does_not_depend_on_the_others(subject: Subject) -> None:
    """A class's prompts are the same whichever other classes are requested, unless they are drawn."""
    if get_capabilities(subject.make(), TextBuilderCapabilities).seed_option:
        raise NotApplicable("its prompts are drawn")
    whole, part = build(subject).prompts, build(subject, range(2, 4)).prompts
    expected = [prompt.text for prompt in whole if prompt.class_index in (2, 3)]
    assert [prompt.text for prompt in part] == expected, "expected the prompts of classes 2 and 3 as among all classes"


def check_another_seed_gives_other_prompts(subject: Subject) -> None:
    """The option that it declares as its seed changes its prompts."""
    option = get_capabilities(subject.make(), TextBuilderCapabilities).seed_option
    if not option:
        raise NotApplicable("its prompts are not drawn")
    request = TextRequest(make_taxonomy(), range(make_taxonomy().n_classes), descriptors=make_descriptors())
    first, second = (subject.make(**{option: seed}).build(request).prompts for seed in (1, 2))
    assert first != second, f"expected other prompts for another {option}"


def check_notes_are_lines(subject: Subject) -> None:
    """Its notes are lines of text."""
    notes = build(subject).notes
    assert not isinstance(notes, str), "expected a tuple of notes, got one text"
    assert all(isinstance(note, str) and note.strip() for note in notes), f"expected lines of text, got {notes!r}"
