"""Prompts for captions: the built-in ones, files, and questions with and without the taxon's names."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.errors import DescriptorError
from bioclip_x.prompts.caption_prompts import FOLDER, LONGEST_NAME, load_caption_prompt
from bioclip_x.prompts.data_files import list_builtin_names
from bioclip_x.records import Taxon

TIT = Taxon("species", "Parus major", (("genus", "Parus"), ("species", "Parus major")), {"en": ("Great Tit",)})
NAMELESS = Taxon("", " ", ())


@pytest.mark.parametrize("name", list_builtin_names(FOLDER))
def test_built_in_prompts_ask_for_what_is_visible_and_need_no_name(name: str) -> None:
    prompt = load_caption_prompt(name)
    assert prompt.name == name and prompt.source and "{" not in prompt.make_question(TIT)
    question = prompt.make_question(NAMELESS)
    assert question == prompt.text and "can be seen" in question and "Do not" in question


def test_the_names_of_a_taxon_are_filled_in_as_one_line() -> None:
    prompt = load_caption_prompt("Name: {name} = {scientific_name} ({common_name}), a {rank}: {lineage}")
    assert prompt.make_question(TIT) == "Name: Great Tit = Parus major (Great Tit), a species: Parus, Parus major"
    odd = Taxon("", "a\nb\x1b{rank}" + "x" * 1000, ())
    question = prompt.make_question(odd)
    assert "\n" not in question and "\x1b" not in question and "a b\\x1b{rank}xx" in question
    assert len(question) < 5 * LONGEST_NAME


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("name: p\nsource: me\n", "text"),
        ("name: p\nsource: me\ntext: What is {name}?\n", "belongs under 'named'"),
        ("name: p\nsource: me\ntext: What?\nnamed: What is {colour}?\n", r"unknown placeholder \{colour\}"),
        ("name: p\nsource: me\ntext: What?\nmax_token: 3\n", "max_token"),
        ("- a\n", "expected a prompt for captions"),
    ],
)
def test_files_that_are_no_prompts(document: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "my prompt.yaml").write_text(document)
    with pytest.raises(DescriptorError, match=told):
        load_caption_prompt(tmp_path / "my prompt.yaml")


def test_the_hash_tells_both_questions() -> None:
    one, other = load_caption_prompt("What colours?"), load_caption_prompt("What colours has {name}?")
    assert one.sha256 != other.sha256 == load_caption_prompt("What colours has {name}?").sha256
