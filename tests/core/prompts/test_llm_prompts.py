"""Prompt files."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.errors import DescriptorError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.prompts.llm_prompts import fill, list_builtin_templates, load_template


def written(folder: Path, text: str) -> str:
    path = folder / "prompt.yaml"
    path.write_text(text, "utf-8")
    return str(path)


def test_the_published_prompt_is_built_in() -> None:
    assert "cbd" in list_builtin_templates()
    template = load_template("cbd")
    assert "2210.07183" in template.source
    assert template.ends_in_a_bullet
    text = fill(template.text, {"name": "great tit"})
    assert "\n- wet and hairless nose with curved nostrils\n" in text
    assert "\n- input ports for connecting to other devices\n" in text
    assert text.endswith(
        "Q: What are useful features for distinguishing a great tit in a photo?\n"
        "A: There are several useful visual features to tell there is a great tit in a photo:\n-"
    )
    assert len(template.sha256) == 64


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    template = load_template(written(tmp_path, "name: mine\nsource: me\ntext: 'How does {name} of {lineage} look?'\n"))
    assert (template.kind, template.temperature, template.max_tokens) == ("descriptor", None, None)
    assert not template.ends_in_a_bullet


def test_unknown_names_and_files(tmp_path: Path) -> None:
    with pytest.raises(DescriptorError, match=r"no prompt is called 'cdb'; built in: .*cbd"):
        load_template("cdb")
    with pytest.raises(DescriptorError, match=r"missing\.yaml does not exist"):
        load_template(str(tmp_path / "missing.yaml"))


def test_everything_wrong_in_a_file_is_told_at_once(tmp_path: Path) -> None:
    text = "name: x\ntext: '{kind} of {species} {name}'\ntemprature: 0\ntemperature: 3\nanswers: csv\n"
    path = written(tmp_path, text)
    with pytest.raises(DescriptorError) as problem:
        load_template(path)
    message = str(problem.value)
    for part in (
        "no key is called 'temprature'", "source: expected a value, got none", "unknown placeholders {kind}, {species}",
        "; temperature: ", "answers: expected 'list'", path,
    ):  # fmt: skip
        assert part in message


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text", ""])
def test_a_file_that_is_no_mapping(tmp_path: Path, text: str) -> None:
    with pytest.raises(DescriptorError, match="expected a prompt"):
        load_template(written(tmp_path, text))


def test_a_prompt_must_name_the_class(tmp_path: Path) -> None:
    with pytest.raises(DescriptorError, match=r"must have the placeholder \{name\}"):
        load_template(written(tmp_path, "name: x\nsource: me\ntext: what is it?\n"))


def test_fill_reports_all_that_is_missing_and_fills_once() -> None:
    with pytest.raises(DescriptorError, match=r"needs \{lineage\}, \{name\}; given: nothing"):
        fill("{name} of {lineage}", {})
    assert fill("{name}", {"name": "{lineage}"}) == "{lineage}"
    assert fill('{name}: {"json": [1]} {0} {Name}', {"name": "x"}) == 'x: {"json": [1]} {0} {Name}'


LISTS = """
name: x
source: me
lists:
- {kind: descriptor, text: 'How does {name} look?', contrast: 'And not {siblings}, {name}?'}
- {kind: background, text: 'Where is {name}? Like {exemplar}: {exemplar_list}'}
"""


def test_a_file_that_asks_for_two_lists(tmp_path: Path) -> None:
    template = load_template(written(tmp_path, LISTS))
    assert [(part.kind, part.needs_exemplar) for part in template.parts] == [
        ("descriptor", False),
        ("background", True),
    ]
    other = load_template(written(tmp_path, LISTS.replace("And not", "Not")))
    assert other.sha256 != template.sha256


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("kind: background", "kind: descriptor", "must be of different kinds"),
        ("lists:", "text: 'What is {name}?'\nlists:", "expected either 'text' or 'lists'"),
        (
            "not {siblings}",
            "not them",
            r"must have the placeholder \{siblings\}; without it the prompt names no siblings",
        ),
        ("Where is {name}?", "Where is {name} beside {siblings}?", r"unknown placeholders \{siblings\}"),
        ("Where is {name}?", "Where?", r"lists.1.text: must have the placeholder \{name\}"),
        ("text: 'How does {name} look?', ", "", "each of 'lists' must have its own 'text'"),
        ("kind: background, ", "kind: habitat, ", "lists.1.kind: expected "),
        (
            "kind: background, ",
            "kind: background, max_tokens: 3, ",
            "no key is called 'lists.1.max_tokens'; known: kind, ",
        ),
    ],
)
def test_lists_that_are_wrong(tmp_path: Path, before: str, after: str, message: str) -> None:
    assert before in LISTS
    with pytest.raises(DescriptorError, match=message):
        load_template(written(tmp_path, LISTS.replace(before, after)))


@pytest.mark.parametrize("name", list_builtin_templates())
def test_every_built_in_prompt_can_be_contrasted_and_is_a_component(name: str) -> None:
    template = create_registry().make("prompts", name)
    assert template == load_template(name) and template.name == name
    assert all(part.contrast for part in template.parts if part.kind == "descriptor")


def test_cbd_differs_from_its_contrast_in_the_last_question_alone() -> None:
    [part] = load_template("cbd").parts
    assert part.text.rpartition("Q: ")[0] == part.contrast.rpartition("Q: ")[0]


def test_the_two_rows_of_exemplars_share_the_first_question() -> None:
    assert load_template("exemplar").parts[0] == load_template("exemplar-background").parts[0]
