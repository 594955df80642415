"""Checks of components of every kind: name, summary, options, capabilities."""

from __future__ import annotations

import re

from bioclip_x.errors import BioclipXError, RecipeError
from bioclip_x.registry import CAPABILITIES, get_capabilities
from bioclip_x.testing.checks import NotApplicable, Subject

UNKNOWN = "an_option_that_nobody_has"


def check_name(subject: Subject) -> None:
    """Its name can be typed in a recipe, and its summary is one line."""
    assert re.fullmatch(r"[\w+.-]+", subject.name), (
        f"expected a name of letters, digits, -, _, + and ., got {subject.name!r}"
    )
    spec = subject.registry.components(subject.kind)[subject.name].spec
    assert spec.summary.strip() and "\n" not in spec.summary, f"expected a summary of one line, got {spec.summary!r}"


def check_unknown_options_are_refused(subject: Subject) -> None:
    """An option that it does not have is an error that lists those that it has."""
    if subject.kind == "commands":
        raise NotApplicable("a command has no options of a recipe")
    try:
        subject.registry.options(subject.kind, subject.name, {**subject.options, UNKNOWN: 1})
    except RecipeError as problem:
        assert UNKNOWN in str(problem), f"expected an error that names {UNKNOWN!r}, got {problem}"
        return
    raise AssertionError("expected an error for an unknown option; does its constructor take **options?")


def check_options_are_annotated(subject: Subject) -> None:
    """Every option has a type, by which its value is validated."""
    if subject.kind == "commands":
        raise NotApplicable("a command has no options of a recipe")
    bare = [p.name for p in subject.registry.parameters(subject.kind, subject.name) if p.annotation is p.empty]
    assert not bare, f"expected types of all options, none is given for {', '.join(bare)}"


def check_it_can_be_made_twice(subject: Subject) -> None:
    """Its constructor works, more than once, with the same options."""
    if subject.kind == "commands":
        raise NotApplicable("a command is not made")
    first, second = subject.make(), subject.make()
    if subject.kind in CAPABILITIES:
        kind = CAPABILITIES[subject.kind]
        assert get_capabilities(first, kind) == get_capabilities(second, kind), "expected equal capabilities"


def check_errors_are_told(subject: Subject) -> None:
    """A value of a wrong type is an error of one line, no traceback."""
    if subject.kind == "commands":
        raise NotApplicable("a command has no options of a recipe")
    for parameter in subject.registry.parameters(subject.kind, subject.name):
        try:
            subject.make(**{parameter.name: _Odd()})
        except BioclipXError as problem:
            assert parameter.name in str(problem) and "\n" not in str(problem), (
                f"expected one line naming it, got {problem}"
            )


class _Odd:
    """A value that no option expects."""
