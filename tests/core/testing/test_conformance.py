"""The built-in components pass the checks that plugins are put to, and each is put to all that apply to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.hooks.components import KINDS, Kind
from bioclip_x.hooks.registry import create_registry
from bioclip_x.testing import Subject, run_checks
from core.testing.built_in import make_given

REGISTRY = create_registry()
BUILT_IN = [(kind, name) for kind in KINDS for name in REGISTRY.components(kind)]
REASONS = ("a command is not made by a recipe",
    "it does not declare ", "it declares ", "none of its options is a path", "it does not score by texts", "it reads no texts",
    "it reads neither a file nor examples", "its format is ", "it reads odd lines as names", "a setting chooses it",
    "its prompts are ", "its texts are without the names", "no descriptors: ", "it is a function that may read a file",
    "it is no torch module", "it is not text", "classes of equal logits", "rank: this taxonomy has no table",
    "callbacks: wandb: the package is not installed", "the format heat-maps ",
    "the format camtrap-dp ", "the format darwin-core ",
)  # fmt: skip
"""Why a check may not apply to a built-in: never for the lack of an example."""


# The library datasets leaves open what it has read.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("kind", "name"), BUILT_IN, ids=[f"{kind}-{name}" for kind, name in BUILT_IN])
def test_built_in_components_pass(kind: Kind, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    try:
        cases = make_given(kind, name, tmp_path)
    except ImportError as problem:
        pytest.skip(str(problem))
    for given in cases:
        outcomes = list(run_checks(Subject(kind, name, REGISTRY, given.get("options", {}), given.get("examples", {}))))
        assert not {one.check.name: one.reason for one in outcomes if one.result == "failed"}
        assert sum(one.result == "passed" for one in outcomes) >= (4 if kind == "commands" else 8)
        left = {one.check.name: one.reason for one in outcomes if one.result == "not applicable"}
        assert not {check: reason for check, reason in left.items() if not reason.startswith(REASONS)}
