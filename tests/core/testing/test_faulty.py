"""Every check of every kind finds a fault: a component of `faulty/` is caught by it, and one without the fault passes."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bioclip_x.hooks.components import KINDS, ComponentSpec, Kind
from bioclip_x.hooks.loading import import_plugin
from bioclip_x.hooks.registry import create_registry
from bioclip_x.hooks.specs import hookimpl
from bioclip_x.testing import Check, Subject, list_checks, run_checks

FOLDER = Path(__file__).parent / "faulty"
CASES = [
    (kind, check)
    for kind in ("every_kind", *KINDS)
    for check in list_checks("text_builders" if kind == "every_kind" else kind)
    if check.function.__module__.endswith(".every_kind") == (kind == "every_kind")
]


def find_module(kind: str) -> ModuleType:
    """Returns faulty/KIND.py. FAULTY: check → the component that it catches. RIGHT: components that pass.

    make_given(folder), if it has one: options and examples.
    """
    module: ModuleType = import_plugin(str(FOLDER / f"{kind}.py"))
    return module


def make_subject(module: ModuleType, target: Any, folder: Path) -> Subject:
    kind: Kind = module.KIND
    module.TARGET = target  # type: ignore[attr-defined]
    summary = "a command" if kind == "commands" else target.__doc__ or ""
    spec = ComponentSpec("mine", summary, f"{module.__name__}:TARGET")
    registry = create_registry()
    registry.register("tests", type("Plugin", (), {kind: hookimpl(lambda self: [spec])})(), "these tests")
    given = module.make_given(folder, target) if hasattr(module, "make_given") else {}
    return Subject(kind, spec.name, registry, given.get("options", {}), given.get("examples", {}))


@pytest.mark.parametrize(("kind", "check"), CASES, ids=[f"{kind}-{check.name}" for kind, check in CASES])
def test_every_check_catches_a_faulty_component(kind: str, check: Check, tmp_path: Path) -> None:
    module = find_module(kind)
    assert check.name in module.FAULTY, f"write a component in {FOLDER.name}/{kind}.py that the check catches"
    [outcome] = run_checks(make_subject(module, module.FAULTY[check.name], tmp_path), [check])
    assert outcome.result == "failed", outcome
    assert outcome.reason.startswith("expected ") and "\n" not in outcome.reason, outcome.reason
    assert len(outcome.reason) < 300, "a line that can be read"


@pytest.mark.parametrize("kind", ["every_kind", *KINDS])
def test_a_component_without_the_fault_passes(kind: str, tmp_path: Path) -> None:
    module, passed = find_module(kind), set()
    for target in module.RIGHT:
        for outcome in run_checks(make_subject(module, target, tmp_path)):
            assert outcome.result != "failed", f"{target.__name__}: {outcome.check.name}: {outcome.reason}"
            if outcome.result == "passed":
                passed.add(outcome.check.name)
    assert passed >= {check.name for other, check in CASES if other == kind}, "every check is put to one of them"


@pytest.mark.parametrize("kind", ["every_kind", *KINDS])
def test_no_faulty_component_is_of_a_check_that_is_gone(kind: str) -> None:
    assert set(find_module(kind).FAULTY) == {check.name for other, check in CASES if other == kind}
