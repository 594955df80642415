"""Checks of text builders."""

from __future__ import annotations

from dataclasses import replace
from textwrap import shorten

from bioclip_x.errors import BioclipXError
from bioclip_x.hooks.capabilities import TextBuilderCapabilities, get_capabilities
from bioclip_x.limits import NUMBER, SMALLEST_WEIGHT
from bioclip_x.records import Prompt, PromptSet, TextRequest
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.testing.checks import NotApplicable, Subject
from bioclip_x.testing.examples import make_descriptors, make_taxonomy

ODD_NAMES = ("plain name", "{curly} {0}", "100% sure %s", "a 'quoted' \"name\"", "Шиповник", "鶴", "a\\b")


def make_request(classes: range | None = None) -> TextRequest:
    taxonomy = make_taxonomy()
    return TextRequest(taxonomy, classes or range(taxonomy.n_classes), descriptors=make_descriptors())


def build(subject: Subject, classes: range | None = None) -> PromptSet:
    """Has a new builder write prompts of the example's classes, which have descriptors."""
    written = subject.make().build(make_request(classes))
    assert isinstance(written, PromptSet), f"expected build to return a PromptSet, got {type(written).__name__}"
    return written


def check_prompts_are_texts(subject: Subject) -> None:
    """Every prompt is a Prompt with a text that is not empty, and a weight above 0."""
    for prompt in build(subject).prompts:
        assert isinstance(prompt, Prompt), f"expected Prompts, got {prompt!r}"
        assert isinstance(prompt.text, str) and prompt.text.strip(), f"expected a text, got {prompt.text!r}"
        assert SMALLEST_WEIGHT <= prompt.weight <= NUMBER, f"expected a weight above 0, got {prompt.weight}"
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
    assert build(subject) == build(subject), "expected the same prompts twice, got others: seed its random generator"


def check_asking_changes_nothing(subject: Subject) -> None:
    """It is pure: asked twice, it writes the same, whatever it was asked in between."""
    builder = subject.make()
    first = builder.build(make_request())
    builder.build(make_request(range(2, 4)))
    again = builder.build(make_request())
    assert again == first, "expected the same prompts at a second call, got others: it keeps what it was asked before"


def check_classes_without_descriptors_have_prompts(subject: Subject) -> None:
    """Classes without descriptors, some or all, take their names, as the request says (missing="name")."""
    taxonomy, whole = make_taxonomy(), make_descriptors()
    some = replace(whole, classes=dict(list(whole.classes.items())[:2]))
    requests = [
        replace(make_request(), descriptors=some),
        replace(make_request(), descriptors=None, of_inner_taxa=True),
    ]
    for request in requests:
        try:
            owners = {prompt.class_index for prompt in subject.make().build(request).prompts}
        except BioclipXError as problem:
            assert request.descriptors is None, f"expected prompts of the classes without descriptors, got {problem}"
            continue  # it is of use with descriptors only, and says so
        lacking = sorted(set(range(taxonomy.n_classes)) - owners)
        assert not lacking, f"expected prompts of every class, got none of {taxonomy.class_taxon(lacking[0]).name}"


def check_odd_names_are_kept(subject: Subject) -> None:
    """Names with braces, percent signs, quotes and letters of any script are written as they are."""
    taxonomy = from_labels(list(ODD_NAMES))
    request = TextRequest(taxonomy, range(taxonomy.n_classes))
    try:
        prompts = subject.make().build(request).prompts
    except BioclipXError as problem:
        raise NotApplicable(str(problem)) from problem
    texts = {prompt.class_index: prompt.text for prompt in prompts}
    some = taxonomy.class_taxon(0).name.split()[0]
    if not any(some in text for text in texts.values()):
        raise NotApplicable("its texts are without the names")
    for c in range(taxonomy.n_classes):
        name = taxonomy.class_taxon(c).name
        assert name in texts[c], f"expected the name {name!r} in the text, got {texts[c]!r}"


def check_declared_options_exist(subject: Subject) -> None:
    """The options that its capabilities name are among those of its constructor."""
    capabilities = get_capabilities(subject.make(), TextBuilderCapabilities)
    values = [value for flag in capabilities.flag_options.values() for value in flag.values()]
    named = {*filter(None, [capabilities.seed_option]), *(option for options in values for option in options)}
    known = [parameter.name for parameter in subject.registry.parameters(subject.kind, subject.name)]
    assert named <= set(known), f"expected options among {known}, got {sorted(named - set(known))} in its capabilities"
    for options in values:
        subject.registry.options(subject.kind, subject.name, {**subject.options, **options})


def check_a_class_does_not_depend_on_the_others(subject: Subject) -> None:
    """A class's prompts are the same whichever other classes are requested, unless they are drawn."""
    if get_capabilities(subject.make(), TextBuilderCapabilities).seed_option:
        raise NotApplicable("its prompts are drawn")
    whole, part = build(subject).prompts, build(subject, range(2, 4)).prompts
    expected = [prompt.text for prompt in whole if prompt.class_index in (2, 3)]
    found = [prompt.text for prompt in part]
    assert found == expected, f"expected the prompts of classes 2 and 3 as among all, got {_shorten(found)}"


def _shorten(texts: list[str]) -> str:
    return shorten(repr(texts), 120)


def check_another_seed_gives_other_prompts(subject: Subject) -> None:
    """The option that it declares as its seed changes its prompts."""
    option = get_capabilities(subject.make(), TextBuilderCapabilities).seed_option
    if not option:
        raise NotApplicable("its prompts are not drawn")
    first, second = (subject.make(**{option: seed}).build(make_request()).prompts for seed in (1, 2))
    assert first != second, f"expected other prompts for another {option}, got the same"


def check_notes_are_lines(subject: Subject) -> None:
    """Its notes are lines of text."""
    notes = build(subject).notes
    assert not isinstance(notes, str), f"expected a tuple of notes, got the text {notes!r}"
    assert all(isinstance(note, str) and note.strip() for note in notes), f"expected lines of text, got {notes!r}"
