from __future__ import annotations

import pytest

from bioclip_x.hooks.registry import create_registry
from bioclip_x.records import PromptSet, TextRequest
from bioclip_x.taxonomy import Details, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.builder import from_labels

SEVEN = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
TIT = ("Animalia", "Chordata", "Aves", "Passeriformes", "Paridae", "Cyanistes", "Cyanistes caeruleus")


def tree(*rows: tuple[tuple[str, ...], dict[str, tuple[str, ...]]]) -> Taxonomy:
    builder = TaxonomyBuilder()
    for names, common in rows:
        builder.add_lineage(list(zip(SEVEN, names)), Details(common))
    return builder.build()


def build(taxonomy: Taxonomy, name: str, language: str = "en", **options: str) -> PromptSet:
    builder = create_registry().make("text_builders", name, options)
    written: PromptSet = builder.build(TextRequest(taxonomy, range(taxonomy.n_classes), language))
    return written


COMMON = {"en": ("Eurasian blue tit", "blue tit"), "de": ("Blaumeise",)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("taxonomic", "Animalia Chordata Aves Passeriformes Paridae Cyanistes caeruleus"),
        ("scientific", "Cyanistes caeruleus"),
        ("common", "Eurasian blue tit"),
        ("scientific+common", "Cyanistes caeruleus with common name Eurasian blue tit"),
        (
            "taxonomic+common",
            "Animalia Chordata Aves Passeriformes Paridae Cyanistes caeruleus with common name Eurasian blue tit",
        ),
    ],
)
def test_the_five_kinds_as_bioclip_writes_them(name: str, expected: str) -> None:
    taxonomy = tree((TIT, COMMON))
    [caption] = build(taxonomy, name).prompts
    assert caption.text == f"a photo of {expected}."
    assert (caption.kind, caption.phrase, caption.class_index) == (name, "", 0)
    [bare] = build(taxonomy, name, form="bare").prompts
    assert bare.text == expected


def test_language() -> None:
    taxonomy = tree((TIT, COMMON))
    assert build(taxonomy, "common", "de").prompts[0].text == "a photo of Blaumeise."


def test_a_missing_common_name_is_replaced_as_in_bioclips_captions() -> None:
    """The captions put the scientific name in its place, and skip the ranks that a lineage lacks."""
    written = build(tree((("Animalia", "", "", "", "", "Emys", "Emys orbicularis"), {})), "taxonomic+common")
    assert written.prompts[0].text == "a photo of Animalia Emys orbicularis with common name Emys orbicularis."
    assert written.notes == (
        "1 of 1 classes have no common name in language 'en'; their scientific name is used instead",
    )
    assert build(tree((TIT, COMMON)), "common", "fr").prompts[0].text == "a photo of Cyanistes caeruleus."


def test_a_class_above_genus_without_a_common_name_has_its_lineage() -> None:
    """Its scientific name is empty in BioCLIP's captions, so the taxonomic one is used."""
    taxonomy = tree((("Animalia", "Chordata", "Aves", "Passeriformes", "Paridae", "", ""), {}))
    assert build(taxonomy, "common").prompts[0].text == "a photo of Animalia Chordata Aves Passeriformes Paridae."


def test_a_class_above_species_and_a_species_without_a_genus() -> None:
    taxonomy = tree(
        (("Plantae", "", "", "", "", "Quercus", ""), {}),
        (("Plantae", "", "", "", "", "", "Morus alba"), {}),
    )
    texts = [prompt.text for prompt in build(taxonomy, "taxonomic", form="bare").prompts]
    assert sorted(texts) == ["Plantae Morus alba", "Plantae Quercus"]


def test_subspecies_keep_their_epithets() -> None:
    builder = TaxonomyBuilder()
    builder.add_lineage([("genus", "Parus"), ("species", "Parus major"), ("subspecies", "Parus major newtoni")])
    texts = {prompt.text for prompt in build(builder.build(), "taxonomic", form="bare").prompts}
    assert texts == {"Parus major newtoni", "Parus major"}  # the species above it is a class, too


def test_plain_labels_are_their_own_name_in_every_kind() -> None:
    taxonomy = from_labels(["red fox"])
    for name in ("taxonomic", "scientific", "common"):
        assert build(taxonomy, name).prompts[0].text == "a photo of red fox."
