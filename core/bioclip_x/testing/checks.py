"""A check is a function of a component, which raises AssertionError: one line of what was expected, and what came instead.

The checks of a kind are the functions `check_…` of the module of its name in `kinds` (`heads`, `losses`, …), in their
order there, after those of `every_kind`; `FURTHER` names other modules. Their docstrings say what they check.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final, Literal

from bioclip_x.errors import PluginError
from bioclip_x.faults import log_row, summarise
from bioclip_x.hooks.components import KINDS, Kind
from bioclip_x.hooks.registry import Registry

FURTHER: Final[Mapping[Kind, tuple[str, ...]]] = {"encoders": ("trainable_encoders",)}
"""Kind → modules of `kinds` with further checks of it."""


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
        given = {**self.require(options), **options}
        return self.registry.make(self.kind, self.name, given)  # type: ignore[arg-type]

    def describe(self) -> str:
        """Names the component in messages: its kind, name, and plugin."""
        return self.registry.describe(self.kind, self.name)

    def require(self, further: Iterable[str] = ()) -> dict[str, Any]:
        """Returns the options. Raises NotApplicable without one that the component requires and that is not `further`."""
        required = [p.name for p in self.registry.parameters(self.kind, self.name) if p.default is p.empty]
        if missing := [name for name in required if name not in self.options and name not in set(further)]:
            raise NotApplicable(f"needs its option {', '.join(missing)}")
        return dict(self.options)

    def need(self, example: str) -> Any:
        """Returns an example. Raises NotApplicable without it."""
        if example not in self.examples:
            raise NotApplicable(f"needs an example: {example}=…")
        return self.examples[example]


def expect_defaults(subject: Subject) -> None:
    """Raises AssertionError for a required option, which components that are asked in turn cannot be given."""
    required = [one.name for one in subject.registry.parameters(subject.kind, subject.name) if one.default is one.empty]
    assert not required, (
        f"expected defaults of all options, since it is asked in turn; got none for {', '.join(required)}"
    )


@dataclass(frozen=True, slots=True)
class Check:
    """name: without `check_`. about: one sentence."""

    name: str
    about: str
    function: Callable[[Subject], None]

    def run(self, subject: Subject) -> None:
        """Raises AssertionError whose message names the component; NotApplicable; or what the component raised."""
        try:
            self.function(subject)
        except AssertionError as problem:
            problem.args = (f"{subject.describe()}: {problem}",)  # in place, so that pytest shows one traceback
            raise
        except SystemExit as problem:
            raise AssertionError(f"{subject.describe()}: {_explain(problem)}") from problem


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
    modules = [import_module(f"{__package__}.kinds.{name}") for name in ("every_kind", kind, *FURTHER.get(kind, ()))]
    return [
        Check(name.removeprefix("check_"), (inspect.getdoc(function) or "").partition("\n")[0], function)
        for module in modules
        for name, function in vars(module).items()
        if name.startswith("check_") and inspect.isfunction(function) and function.__module__ == module.__name__
    ]


def run_checks(subject: Subject, checks: Iterable[Check] | None = None) -> Iterator[Outcome]:
    """Runs checks, by default all of the component's kind, and goes on after a failure."""
    for check in list_checks(subject.kind) if checks is None else checks:
        try:
            check.function(subject)
        except NotApplicable as reason:
            yield Outcome(check, "not applicable", str(reason))
        except (Exception, SystemExit) as problem:
            log_row(problem)
            yield Outcome(check, "failed", _explain(problem))
        else:
            yield Outcome(check, "passed")


def _explain(problem: BaseException) -> str:
    """Says in one line what a check expected and what came, or what the component raised instead."""
    frame = problem.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    is_of_check = frame is not None and str(frame.tb_frame.f_globals.get("__name__")).startswith(f"{__package__}.")
    if isinstance(problem, AssertionError) and is_of_check:
        return summarise(problem).removeprefix("AssertionError: ")
    if isinstance(problem, SystemExit):
        return f"expected it to go on; {summarise(problem)}"
    return f"expected no exception, got {summarise(problem)}"
