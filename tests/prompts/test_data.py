"""The template sets and word lists that come with bioclip-x."""

from __future__ import annotations

from importlib import resources
from typing import get_args, get_type_hints

import pytest
from open_clip.zero_shot_metadata import OPENAI_IMAGENET_TEMPLATES

from bioclip_x.prompts import load_descriptors, load_template_set, load_words
from bioclip_x.prompts.data_files import list_builtin_names
from bioclip_x_plugins.text.randomised import RandomWords
from bioclip_x_plugins.text.templates import Templates


def test_openais_80_are_those_of_open_clip_in_its_order() -> None:
    assert load_template_set("openai-80").templates == tuple(fill("{}") for fill in OPENAI_IMAGENET_TEMPLATES)


def test_clips_and_bioclips_own() -> None:
    assert load_template_set("clip").templates == ("a photo of a {}.",)
    assert load_template_set("bioclip").templates == ("a photo of {}.",)


@pytest.mark.parametrize("name", list_builtin_names("templates"))
def test_every_set_says_whose_it_is(name: str) -> None:
    templates = load_template_set(name)
    assert templates.name == name and "arXiv" in templates.source and templates.licence


def test_the_text_builders_know_every_built_in_file_by_name() -> None:
    for builder, option, folder in ((Templates.__init__, "set", "templates"), (RandomWords, "words", "words")):
        literal = get_args(get_type_hints(builder)[option])[0]
        assert sorted(get_args(literal)) == list(list_builtin_names(folder))


def test_the_words_are_many_and_have_no_part_in_descriptors() -> None:
    words = load_words("everyday").words
    with resources.as_file(resources.files("bioclip_x_field_guide") / "descriptors.yaml") as file:
        field_guide = load_descriptors(file)
    assert len(words) >= 300
    entries = [entry for entries in field_guide.classes.values() for entry in entries if entry.kind == "descriptor"]
    said = {word for entry in entries for word in entry.phrase.split()}
    assert not said & set(words), "words that descriptors have must leave the list"
    # Words by which CBD's sentence would go on otherwise than with "which has".
    assert not {"a", "an", "used", "has", "often", "typically", "may", "can"} & set(words)
