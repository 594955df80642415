"""WaffleCLIP's texts."""

from __future__ import annotations

from typing import Any

import pytest

from bioclip_x.hooks.registry import create_registry
from bioclip_x.prompts import Descriptor, DescriptorSet, load_words
from bioclip_x.recipe_resolution import resolve_recipe
from bioclip_x.records import PromptSet, TextRequest
from bioclip_x.taxonomy.builder import from_labels

LABELS = ("red fox", "badger", "gray wolf")
"""Names of 2, 1 and 2 words, 20 letters in all: random texts have 2 words (5/3) of 4 letters (20/5)."""


def build(descriptors: DescriptorSet | None = None, **options: Any) -> PromptSet:
    taxonomy = from_labels(LABELS)
    request = TextRequest(taxonomy, range(taxonomy.n_classes), descriptors=descriptors)
    written: PromptSet = create_registry().make("text_builders", "shared-random", options).build(request)
    return written


def test_all_classes_have_the_same_15_pairs_of_words_and_characters() -> None:
    written, taxonomy = build(), from_labels(LABELS)
    assert [one.class_index for one in written.prompts] == sorted(list(range(3)) * 30)
    of = [[one.phrase for one in written.prompts if one.class_index == c] for c in range(3)]
    assert of[0] == of[1] == of[2] and len(set(of[0])) == 30
    words, characters = of[0][:15], of[0][15:]
    known = set(load_words("everyday").words)
    assert all(len(one.split()) == 2 and set(one.split()) <= known for one in words)
    assert all([len(group) for group in one.split()] == [4, 4] for one in characters)
    assert all(
        one.text == f"{taxonomy.class_taxon(one.class_index).name}, which has {one.phrase}" for one in written.prompts
    )
    assert written.notes == (
        "a control: the same random texts for all classes (WaffleCLIP); explanations are meaningless",
    )


def test_texts_are_those_of_both_controls_without_descriptors() -> None:
    file = DescriptorSet({"badger": (Descriptor("a striped face, seen from the side"),)}, "d.yaml", style="bare")
    assert build(file) == build()
    registry, taxonomy = create_registry(), from_labels(LABELS)
    options = {"shared": True, "count": 4, "style": "has", "seed": 2}
    apart = {
        one.text
        for control in ("random-words", "random-characters")
        for one in registry.make("text_builders", control, options).build(TextRequest(taxonomy, range(3))).prompts
    }
    assert {one.text for one in build(pairs=4, seed=2).prompts} == apart


@pytest.mark.parametrize("options", [{"seed": 1}, {"pairs": 14}])
def test_another_seed_is_another_draw(options: dict[str, int]) -> None:
    assert build(**options) != build() and build(**options) == build(**options)


def test_the_waffle_plugin_uses_them() -> None:
    registry = create_registry()
    recipe = resolve_recipe(registry, plugins=registry.load(["bioclip_x_plugins.waffle"]))
    assert [one.name for one in recipe.text] == ["shared-random"] and recipe.pooling == "mean"
