"""Every example in a docstring (`>>>`) gives what it says."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    file.relative_to(ROOT / root).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    for root in ("core", "plugins")
    for file in (ROOT / root).rglob("*.py")
    if ">>> " in file.read_text("utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    found = doctest.testmod(import_module(name))
    assert found.attempted and not found.failed
