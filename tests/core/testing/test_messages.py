"""What a plugin's author reads: the component, what was expected, and what came, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.testing import conformance, list_checks, make_subject, run_checks

PLUGIN = """
from bioclip_x.plugin import ComponentSpec, Prompt, PromptSet, hookimpl

class Texts:
    def __init__(self, *, fault: str = ""):
        self.fault = fault
    def build(self, request):
        if self.fault == "crash":
            raise KeyError("no such\\nclass")
        if self.fault == "exit":
            raise SystemExit(0)
        assert self.fault != "assertion", "of its own"
        classes = request.classes[:-1] if self.fault == "last" else request.classes
        return PromptSet(tuple(Prompt("" if self.fault == "empty" else "a bird", c, "t") for c in classes))

@hookimpl
def text_builders():
    return [ComponentSpec("mine", "texts", f"{__name__}:Texts")]
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(PLUGIN)
    return tmp_path / "mine.py"


@pytest.mark.parametrize(
    ("fault", "check", "told"),
    [
        ("empty", "prompts_are_texts", "expected a text, got ''"),
        (
            "last",
            "every_class_has_prompts_in_order",
            "expected prompts of the classes [0, 1, 2, 3, 4, 5, 6], got some of [0, 1, 2, 3, 4, 5]",
        ),
        ("crash", "prompts_are_texts", "expected no exception, got KeyError: 'no such\\nclass'"),
        ("exit", "prompts_are_texts", "expected it to go on; it called sys.exit(0)"),
        ("assertion", "prompts_are_texts", "expected no exception, got AssertionError: of its own"),
    ],
)
def test_a_failure_is_told_in_one_line(fault: str, check: str, told: str, plugin: Path) -> None:
    subject = make_subject("text_builders", "mine", plugins=[plugin], options={"fault": fault})
    [outcome] = run_checks(subject, [one for one in list_checks("text_builders") if one.name == check])
    assert outcome.reason == told


@pytest.mark.parametrize(
    ("fault", "told"),
    [("empty", "expected a text, got ''"), ("exit", r"expected it to go on; it called sys\.exit\(0\)")],
)
def test_a_failing_test_names_the_component(fault: str, told: str, plugin: Path) -> None:
    [check] = [one for one in list_checks("text_builders") if one.name == "prompts_are_texts"]
    test = conformance("text_builders", "mine", plugins=[plugin], options={"fault": fault})
    with pytest.raises(AssertionError, match=rf"^the text builder 'mine' of plugin '.*mine\.py' .*: {told}"):
        test(check=check)


def test_checks_are_explained() -> None:
    for kind in ("heads", "datasets", "encoders"):
        for check in list_checks(kind):
            assert check.about.endswith(".") and check.about[0] in f"`{check.about[0].upper()}", check.name
