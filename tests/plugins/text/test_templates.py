from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from open_clip.zero_shot_metadata import OPENAI_IMAGENET_TEMPLATES
from PIL import Image

from bioclip_x import Classifier
from bioclip_x.errors import DescriptorError, RecipeError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records import PromptSet, TextRequest
from bioclip_x.taxonomy import Details, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.builder import from_labels

TIT = [("kingdom", "Animalia"), ("genus", "Cyanistes"), ("species", "Cyanistes caeruleus")]


def build(taxonomy: Taxonomy, language: str = "en", **options: Any) -> PromptSet:
    builder = create_registry().make("text_builders", "templates", options)
    written: PromptSet = builder.build(TextRequest(taxonomy, range(taxonomy.n_classes), language))
    return written


@pytest.fixture
def tits() -> Taxonomy:
    builder = TaxonomyBuilder()
    builder.add_lineage(TIT, Details({"en": ("blue tit",), "de": ("Blaumeise",)}))
    return builder.build()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("common", "a photo of a blue tit."),
        ("scientific", "a photo of a Cyanistes caeruleus."),
        ("taxonomic", "a photo of a Animalia Cyanistes caeruleus."),
        ("scientific+common", "a photo of a Cyanistes caeruleus with common name blue tit."),
        ("taxonomic+common", "a photo of a Animalia Cyanistes caeruleus with common name blue tit."),
    ],
)
def test_kinds_of_names_in_templates(tits: Taxonomy, name: str, expected: str) -> None:
    [prompt] = build(tits, set="clip", name=name).prompts
    assert (prompt.text, prompt.kind, prompt.phrase, prompt.source) == (expected, name, "", "templates clip")


def test_the_bioclip_template_equals_the_name_builders(tits: Taxonomy) -> None:
    for name in ("common", "scientific", "taxonomic", "scientific+common", "taxonomic+common"):
        names = create_registry().make("text_builders", name).build(TextRequest(tits, [0]))
        assert [one.text for one in build(tits, set="bioclip", name=name).prompts] == [
            one.text for one in names.prompts
        ]


def test_openais_80_with_a_label_as_open_clip_writes_them() -> None:
    written = build(from_labels(["red fox", "gray wolf"]))
    expected = [
        (c, fill(label)) for c, label in enumerate(("red fox", "gray wolf")) for fill in OPENAI_IMAGENET_TEMPLATES
    ]
    assert [(one.class_index, one.text) for one in written.prompts] == expected
    assert written.notes == ()


def test_a_missing_common_name_is_replaced_by_the_scientific_one_with_a_note(tits: Taxonomy) -> None:
    written = build(tits, "fr", set="clip")
    assert [one.text for one in written.prompts] == ["a photo of a Cyanistes caeruleus."]
    assert "1 of 1 classes have no common name in language 'fr'" in written.notes[0]


def test_a_custom_file_and_unknown_sets(tits: Taxonomy, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nsource: me\ntemplates: ['{} on snow', 'my {}']\n")
    assert [one.text for one in build(tits, set=str(file)).prompts] == ["blue tit on snow", "my blue tit"]
    with pytest.raises(DescriptorError, match="no template set is called 'openai'; built in: bioclip, clip, openai-80"):
        build(tits, set="openai")
    with pytest.raises(RecipeError, match="text builder 'templates': option 'name'"):
        build(tits, name="latin")


def test_a_class_is_pooled_as_clip_pools_it(tiny_model: str, pictures: Path) -> None:
    """The logit is s·x·m/|m| with m the mean of the 80 unit embeddings: CLIP's zero-shot classifier, written out."""
    classifier = Classifier(tiny_model, labels=("red fox", "gray wolf"), text="templates:openai-80", k=2)
    assert classifier.recipe.pooling == "ensemble"
    encoder = classifier.encoder
    weights = []
    for label in ("red fox", "gray wolf"):
        embeddings = encoder.encode_texts([fill(label) for fill in OPENAI_IMAGENET_TEMPLATES])
        weights.append(torch.nn.functional.normalize(embeddings.mean(0), dim=0))
    pixels = encoder.preprocess(Image.open(pictures / "a.png").convert("RGB"))[None]
    logits = encoder.card.logit_scale * encoder.encode_images(pixels).embeddings_BD @ torch.stack(weights, 1)
    expected = dict(zip(("red fox", "gray wolf"), logits.softmax(1)[0].tolist()))
    [result] = classifier.classify(pictures / "a.png")
    got = {one.taxon.name: one.probability for one in result.predictions}
    assert got == pytest.approx(expected, abs=1e-5)
