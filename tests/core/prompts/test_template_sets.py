"""Template sets and word lists."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bioclip_x.errors import DescriptorError
from bioclip_x.limits import DESCRIPTOR_CHARACTERS, TEMPLATES
from bioclip_x.prompts import load_template_set, load_words


def written(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_a_set_of_ones_own(tmp_path: Path) -> None:
    path = written(tmp_path, "name: mine\nsource: me\ntemplates: ['a {} on a leaf', '{}: a {}']\n")
    mine = load_template_set(path)
    assert (mine.name, mine.licence) == ("mine", "")
    assert mine.fill("great {tit}") == ("a great {tit} on a leaf", "great {tit}: a great {tit}")
    assert load_template_set(str(path)) == mine


def test_everything_wrong_in_a_file_is_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "name: ''\ntemplates: [a photo, 'a {name} of {}', 3]\nsauce: me\n")
    with pytest.raises(DescriptorError) as problem:
        load_template_set(path)
    for part in (
        str(path), "name: expected at least 1 character, got ''", "source: expected a value",
        "no key is called 'sauce'; known: name",
        "'a photo' must have the placeholder {}", "'a {name} of {}' has a brace other than {}",
        "templates.2: expected a valid string, got 3",
    ):  # fmt: skip
        assert part in str(problem.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\nsource: me\ntemplates: []\n", "templates: expected at least 1 item, got "),
        ("name: x\nsource: me\ntemplates: ['a {}', 'b {}', 'a {}']\n", r"given more than once: a \{\}"),
        ("name: x\nsource: me\ntemplates: a {}\n", "templates: expected a list, got 'a {}'"),
        ("- a {}\n", r"expected a template set: a mapping with name, source, licence, templates"),
        ("", "expected a template set"),
    ],
)
def test_files_that_are_no_template_set(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DescriptorError, match=message):
        load_template_set(written(tmp_path, text))


def test_unknown_names_and_files(tmp_path: Path) -> None:
    with pytest.raises(DescriptorError, match=r"no template set is called 'openai80'; built in: .*openai-80"):
        load_template_set("openai80")
    with pytest.raises(DescriptorError, match="no word list is called 'x'; built in: everyday"):
        load_words(Path("x"))
    with pytest.raises(DescriptorError, match=r"gone\.yaml does not exist"):
        load_template_set(tmp_path / "gone.yaml")


def test_a_word_is_one_word(tmp_path: Path) -> None:
    with pytest.raises(DescriptorError, match=r"words\.1: expected one word, got 'two words'"):
        load_words(written(tmp_path, "name: x\nsource: me\nwords: [one, two words]\n"))


def test_sets_are_bounded(tmp_path: Path) -> None:
    for templates, message in (
        (["{}" + "a" * DESCRIPTOR_CHARACTERS], r"templates.0: .*at most 10000 characters"),
        ([f"{i} {{}}" for i in range(TEMPLATES + 1)], r"templates: .*at most 10000 items"),
    ):
        (tmp_path / "own.yaml").write_text(json.dumps({"name": "a", "source": "b", "templates": templates}))
        with pytest.raises(DescriptorError, match=message) as problem:
            load_template_set(tmp_path / "own.yaml")
        assert len(str(problem.value)) < 1000
