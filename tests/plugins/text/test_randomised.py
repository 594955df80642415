from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bioclip_x.errors import DescriptorError, RecipeError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.prompts import Descriptor, DescriptorSet, load_words
from bioclip_x.records import PromptSet, TextRequest
from bioclip_x.taxonomy.builder import from_labels

BEE, ANT = (Descriptor("a sting"), Descriptor("two black and yellow stripes")), (Descriptor("feelers"),)
FILE = DescriptorSet({"bee": BEE, "ant": ANT}, "d.yaml", style="bare")


def build(
    control: str, labels: tuple[str, ...] = ("ant", "bee"), descriptors: DescriptorSet | None = FILE, missing: str = "name",
    **options: Any,
) -> PromptSet:  # fmt: skip
    taxonomy = from_labels(labels)
    request = TextRequest(taxonomy, range(taxonomy.n_classes), descriptors=descriptors, missing=missing)
    written: PromptSet = create_registry().make("text_builders", control, options).build(request)
    return written


def phrases(control: str, **options: Any) -> dict[str, list[str]]:
    labels = options.get("labels", ("ant", "bee"))
    found: dict[str, list[str]] = {label: [] for label in labels}
    taxonomy = from_labels(labels)
    for prompt in build(control, **options).prompts:
        found[taxonomy.class_taxon(prompt.class_index).name].append(prompt.phrase)
    return found


@pytest.mark.parametrize("control", ["random-words", "random-characters"])
def test_each_descriptor_has_a_text_of_its_own_number_of_words(control: str) -> None:
    got = phrases(control)
    assert {name: [len(one.split()) for one in said] for name, said in got.items()} == {"ant": [1], "bee": [2, 5]}
    written = build(control)
    assert {one.kind for one in written.prompts} == {control.replace("-", " ")}
    assert {one.source for one in written.prompts} == {f"{control.replace('-', ' ')}, seed 0"}
    assert written.notes == (
        f"a control: {control.replace('-', ' ')} replace the descriptors; explanations are meaningless",
    )
    assert [one.text for one in written.prompts] == [one.phrase for one in written.prompts]  # the file's style is bare


def test_words_are_from_the_list_and_characters_have_the_lengths_of_words() -> None:
    words = set(load_words("everyday").words)
    assert all(word in words for said in phrases("random-words").values() for one in said for word in one.split())
    got = phrases("random-characters")["bee"]
    assert [[len(group) for group in one.split()] for one in got] == [[1, 5], [3, 5, 3, 6, 7]]
    assert not set("aeiouy") & set("".join(got))


@pytest.mark.parametrize("control", ["random-words", "random-characters"])
def test_draws_depend_only_on_seed_and_name(control: str) -> None:
    both = phrases(control)
    assert phrases(control, labels=("bee", "wasp", "ant"))["bee"] == both["bee"]
    assert phrases(control, seed=1)["bee"] != both["bee"]
    assert phrases(control, seed=1) == phrases(control, seed=1)
    assert both["bee"][0] != both["ant"][0]


def test_the_controls_draw_independently() -> None:
    assert phrases("random-words") != phrases("random-characters")


def test_the_sentence_is_that_of_waffleclip() -> None:
    written = build("random-words", style="cbd", name="scientific", count=2)
    assert [one.text for one in written.prompts] == [
        f"{'ant' if i < 2 else 'bee'}, which has {one.phrase}" for i, one in enumerate(written.prompts)
    ]


def test_count_and_shared_use_the_average_of_descriptors() -> None:
    """8 words of 37 letters in 3 phrases: 3 words each (8/3), of 5 letters (37/8); 3 phrases of 2 classes: 2 a class."""
    got = phrases("random-characters", count=4)
    assert {name: [list(map(len, one.split())) for one in said] for name, said in got.items()} == {
        "ant": [[5, 5, 5]] * 4, "bee": [[5, 5, 5]] * 4
    }  # fmt: skip
    shared = phrases("random-words", shared=True)
    assert shared["ant"] == shared["bee"] and len(shared["ant"]) == 2
    assert phrases("random-words", shared=True, count=3)["ant"][:2] == shared["ant"]


def test_without_descriptors_there_are_15_texts_as_long_as_names() -> None:
    """Names of 2 and 1 words, 3 + 3 + 6 letters: 2 words (1.5) of 4 letters."""
    got = phrases("random-characters", labels=("red fox", "badger"), descriptors=None)
    assert {name: [list(map(len, one.split())) for one in said] for name, said in got.items()} == {
        "red fox": [[4, 4]] * 15, "badger": [[4, 4]] * 15
    }  # fmt: skip
    [text] = build("random-words", labels=("badger",), descriptors=None, count=1).prompts
    assert text.text == f"badger, which has {text.phrase}"


def test_descriptors_of_other_classes_are_ignored_with_a_note() -> None:
    written = build("random-words", labels=("fox", "cat"), descriptors=FILE)
    assert len(written.prompts) == 30
    assert (
        written.notes[1] == "d.yaml: none of its names is a class of this taxonomy; random words are as long as names"
    )


def test_a_class_without_descriptors_has_its_name_as_text() -> None:
    written = build("random-words", labels=("bee", "wasp"))
    assert [one.text for one in written.prompts if one.kind == "name"] == ["wasp"]
    assert any("1 of 2 classes have no descriptors: wasp" in note for note in written.notes)
    with pytest.raises(DescriptorError, match="1 of 2 classes have no descriptors: wasp"):
        build("random-words", labels=("bee", "wasp"), missing="error")
    everyone = build("random-words", labels=("bee", "wasp"), count=1)
    assert {one.kind for one in everyone.prompts} == {"random words"} and len(everyone.notes) == 1


def test_a_custom_word_list(tmp_path: Path) -> None:
    file = tmp_path / "words.yaml"
    file.write_text("name: mine\nsource: me\nwords: [foo]\n")
    assert phrases("random-words", words=str(file)) == {"ant": ["foo"], "bee": ["foo foo", "foo foo foo foo foo"]}
    with pytest.raises(RecipeError, match="option 'count': expected a number greater than or equal to 1"):
        build("random-words", count=0)
