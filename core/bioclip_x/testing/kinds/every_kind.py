"""Checks of components of every kind: name, summary, options, capabilities, methods, and a constructor that does no work."""

from __future__ import annotations

import inspect
import re
import sys
import threading
from typing import Any, Final

from bioclip_x.errors import BioclipXError, RecipeError
from bioclip_x.hooks.capabilities import CAPABILITIES, get_capabilities
from bioclip_x.testing.checks import NotApplicable, Subject
from bioclip_x.testing.methods import list_methods

UNKNOWN = "an_option_that_nobody_has"
WORK: Final = ("open", "socket.connect", "socket.getaddrinfo", "subprocess.Popen")
"""Audit events of Python that a constructor must not cause."""


def refuse_commands(subject: Subject) -> None:
    if subject.kind == "commands":
        raise NotApplicable("a command is not made by a recipe")


def check_name(subject: Subject) -> None:
    """Its name can be typed in a recipe, and its summary is one line."""
    assert re.fullmatch(r"[\w+.-]+", subject.name), (
        f"expected a name of letters, digits, -, _, + and ., got {subject.name!r}"
    )
    summary = subject.registry.components(subject.kind)[subject.name].spec.summary
    assert summary.strip() and "\n" not in summary, f"expected a summary of one line, got {summary!r}"


def check_unknown_options_are_refused(subject: Subject) -> None:
    """An option that it does not have is an error that lists those that it has."""
    refuse_commands(subject)
    target = subject.registry.target(subject.kind, subject.name)
    if not isinstance(target, type) or "__init__" in vars(target):
        parameters = inspect.signature(target).parameters.values()
        loose = [str(p) for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        assert not loose, f"expected options by name, got {', '.join(loose)}, which no recipe can set"
    try:
        subject.registry.options(subject.kind, subject.name, {**subject.options, UNKNOWN: 1})
    except RecipeError as problem:
        assert UNKNOWN in str(problem), f"expected an error that names {UNKNOWN!r}, got {problem}"
        return
    raise AssertionError(f"expected an error for the unknown option {UNKNOWN}, got none")


def check_options_are_annotated(subject: Subject) -> None:
    """Every option has a type, by which its value is validated."""
    refuse_commands(subject)
    bare = [p.name for p in subject.registry.parameters(subject.kind, subject.name) if p.annotation is p.empty]
    assert not bare, f"expected types of all options, got none for {', '.join(bare)}"


def check_defaults_are_valid(subject: Subject) -> None:
    """Every default has its option's own type: a recipe that states it means the same."""
    refuse_commands(subject)
    for parameter in subject.registry.parameters(subject.kind, subject.name):
        if parameter.default is parameter.empty:
            continue
        try:
            made = subject.registry.options(
                subject.kind, subject.name, {**subject.require(), parameter.name: parameter.default}
            )
        except RecipeError as problem:
            raise AssertionError(
                f"expected the default of {parameter.name} to be of its type, got {parameter.default!r}: {problem}"
            ) from problem
        assert made[parameter.name] == parameter.default, (
            f"expected {parameter.name}={parameter.default!r} to stay so, got {made[parameter.name]!r}"
        )


def check_it_can_be_made_twice(subject: Subject) -> None:
    """Its constructor works, more than once, with the same options."""
    refuse_commands(subject)
    first, second = subject.make(), subject.make()
    if subject.kind in CAPABILITIES:
        kind = CAPABILITIES[subject.kind]
        one: Any = get_capabilities(first, kind)
        other: Any = get_capabilities(second, kind)
        assert one == other, f"expected equal capabilities of two with the same options, got {one} and {other}"


def check_its_constructor_does_no_work(subject: Subject) -> None:
    """Its constructor opens no file, no connection and no program: a recipe is checked before any work begins."""
    refuse_commands(subject)
    if subject.kind in ("models", "prompts"):
        raise NotApplicable("it is a function that may read a file of the plugin")
    subject.make()  # imports what it needs
    seen = _watch()
    try:
        subject.make()
    finally:
        _watched.pop(threading.get_ident())
    assert not seen, f"expected a constructor that only stores its options, got {seen[0]}"


_watched: dict[int, list[str]] = {}
"""Thread → what it has done since it is watched."""
_is_auditing: list[bool] = []


def _watch() -> list[str]:
    """Begins to list this thread's audit events. Python's audit hooks cannot be taken away, so there is one."""
    if not _is_auditing:
        sys.addaudithook(_audit)
        _is_auditing.append(True)
    return _watched.setdefault(threading.get_ident(), [])


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _watched and event in WORK and (seen := _watched.get(threading.get_ident())) is not None:
        seen.append(f"{event} {arguments[0] if event != 'socket.connect' else arguments[1]}")


def check_errors_are_told(subject: Subject) -> None:
    """A value of a wrong type is an error of one line, no traceback."""
    refuse_commands(subject)
    subject.require()
    for parameter in subject.registry.parameters(subject.kind, subject.name):
        try:
            subject.make(**{parameter.name: _Odd()})
        except BioclipXError as problem:
            assert parameter.name in str(problem) and "\n" not in str(problem), (
                f"expected an error of one line that names {parameter.name}, got {str(problem)!r}"
            )
        except Exception as problem:
            raise AssertionError(
                f"expected a BioclipXError for a wrong value of {parameter.name}, got {problem!r}"
            ) from problem


class _Odd:
    """A value that no option expects."""


def check_it_has_its_methods(subject: Subject) -> None:
    """It has the methods of its kind, and those that its capabilities declare, with the arguments that are passed to them."""
    refuse_commands(subject)
    component = subject.make()
    for method in list_methods(subject.kind, component):
        found = getattr(component, method.name, None)
        assert callable(found), f"expected a method {method}{method.reason}, got none"
        try:
            inspect.signature(found).bind(*method.positional, **dict.fromkeys(method.keywords))
        except TypeError:
            raise AssertionError(
                f"expected a method {method}{method.reason}, got {method.name}{inspect.signature(found)}"
            ) from None
