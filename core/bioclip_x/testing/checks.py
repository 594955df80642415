"""A check is a function of a component, which raises AssertionError with what was expected, and what came instead.

The checks of a kind are the functions `check_…` of the module of its name in this package (`heads`, `losses`, …), in their
order there, after those of `every_kind`. Their docstrings say what they check.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

from bioclip_x.components import KINDS, Kind
from bioclip_x.errors import PluginError
from bioclip_x.registry import Registry


class NotApplicable(Exception):
    """Raised by a check that this component cannot be put to, with the reason."""


@dataclass(frozen=True)
class Subject:
    """The component to check.

    options: with which it is made. examples: what the checks of its kind need to use it, by name: `file` (the path of an
        example file, for readers, data sets and image decoders), `model` (a model's name, for encoders), …; see the module of
        the kind.
    """

    kind: Kind
    name: str
    registry: Registry
    options: Mapping[str, Any] = field(default_factory=dict)
    examples: Mapping[str, Any] = field(default_factory=dict)

    def make(self, **options: Any) -> Any:
        """Makes the component anew, as a recipe would. Raises NotApplicable without an option that it requires."""
        given = {**self.options, **options}
        required = [p.name for p in self.registry.parameters(self.kind, self.name) if p.default is p.empty]
        if missing := [name for name in required if name not in given]:
            raise NotApplicable(f"needs its option {', '.join(missing)}")
        return self.registry.make(self.kind, self.name, given)  # type: ignore[arg-type]

    def need(self, example: str) -> Any:
        """Returns an example. Raises NotApplicable without it."""
        if example not in self.examples:
            raise NotApplicable(f"needs an example: {example}=…")
        return self.examples[example]


@dataclass(frozen=True, slots=True)
class Check:
    """name: without `check_`. about: one sentence."""

    name: str
    about: str
    function: Callable[[Subject], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """reason: why it failed or is not applicable; "" for one that passed."""

    check: Check
    result: Literal["passed", "failed", "not applicable"]
    reason: str = ""


def list_checks(kind: Kind) -> list[Check]:
    """Lists the checks of a kind, those of every kind first. Raises PluginError for an unknown kind."""
    if kind not in KINDS:
        raise PluginError(f"no kind of component is called {kind!r}; known: {', '.join(KINDS)}")
    modules = [import_module(f"{__package__}.{name}") for name in ("every_kind", kind)]
    return [
        Check(name.removeprefix("check_"), (inspect.getdoc(function) or "").partition("\n")[0], function)
        for module in modules
        for name, function in vars(module).items()
        if name.startswith("check_") and inspect.isfunction(function) and function.__module__ == module.__name__
    ]


def run_checks(subject: Subject) -> Iterator[Outcome]:
    """Runs every check of the component's kind, and goes on after a failure."""
    for check in list_checks(subject.kind):
        try:
            check.function(subject)
        except NotApplicable as reason:
            yield Outcome(check, "not applicable", str(reason))
        except Exception as problem:
            said = str(problem).strip() or type(problem).__name__
            yield Outcome(
                check, "failed", said if isinstance(problem, AssertionError) else f"{type(problem).__name__}: {said}"
            )
        else:
            yield Outcome(check, "passed")
