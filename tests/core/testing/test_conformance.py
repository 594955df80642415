"""The built-in components pass the checks that plugins are put to; a component with a fault is told which."""

from __future__ import annotations

import pytest

from bioclip_x.registry import create_registry
from bioclip_x.testing import Subject, run_checks

REGISTRY = create_registry()
test_heads = pytest.mark.parametrize("name", REGISTRY.components("heads"))(
    lambda name: assert_all_pass(Subject("heads", name, REGISTRY))
)


def assert_all_pass(subject: Subject) -> None:
    failed = [f"{one.check.name}: {one.reason}" for one in run_checks(subject) if one.result == "failed"]
    assert not failed, "\n".join(failed)
