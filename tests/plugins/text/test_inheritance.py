"""Descriptors inherited from taxa above the classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.errors import DescriptorError, RecipeError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.prompts import Descriptor, DescriptorSet
from bioclip_x.records import Prompt, PromptSet, TextRequest
from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder
from bioclip_x_plugins.readers.tables.table import TableReader
from bioclip_x_plugins.text.class_descriptors import match_descriptors

FILE = {
    "great tit": ["a black cap", "white cheeks"],
    "Parus": ["white cheeks", "a stout bill"],  # the first is said of the species already
    "Paridae": ["a short bill", "a small body", "strong feet", "acrobatic poses"],
    "Aves": ["feathers"],
    "Quercus": ["lobed leaves"],
}


@pytest.fixture
def birds(birds_csv: Path) -> Taxonomy:
    return TableReader().read(birds_csv)


def described(classes: dict[str, list[str]], style: str = "bare") -> DescriptorSet:
    return DescriptorSet({name: tuple(map(Descriptor, said)) for name, said in classes.items()}, "d.yaml", style=style)


def build(
    taxonomy: Taxonomy, builder: str = "descriptors", file: DescriptorSet | None = None, **options: Any
) -> PromptSet:
    request = TextRequest(taxonomy, range(taxonomy.n_classes), descriptors=file or described(FILE))
    written: PromptSet = create_registry().make("text_builders", builder, options).build(request)
    return written


def of(written: PromptSet, taxonomy: Taxonomy, name: str) -> list[Prompt]:
    return [one for one in written.prompts if taxonomy.class_taxon(one.class_index).name == name]


def test_a_species_inherits_descriptors_with_half_the_weight_per_level(birds: Taxonomy) -> None:
    prompts = of(build(birds, inherit=0.5), birds, "Parus major")
    assert [(one.phrase, one.taxon, one.rank) for one in prompts] == [
        ("a black cap", "", ""),
        ("white cheeks", "", ""),
        ("a stout bill", "Parus", "genus"),
        *[(phrase, "Paridae", "family") for phrase in FILE["Paridae"]],
        ("feathers", "Aves", "class"),
    ]
    # Own: 1 each, 2 together. Genus: half of that, family a quarter, class (the fourth level up) a sixteenth.
    assert [one.weight for one in prompts] == [1, 1, 1, *[0.125] * 4, 0.125]
    assert {one.kind for one in prompts} == {"descriptor"} and {one.source for one in prompts} == {"d.yaml"}


def test_a_class_without_a_list_inherits_and_its_own_name_is_in_the_sentence(birds: Taxonomy) -> None:
    written = build(birds, file=described(FILE, style="has"), inherit=0.5)
    prompts = of(written, birds, "Cyanistes caeruleus")
    assert [one.text for one in prompts] == [
        f"Eurasian blue tit, which has {phrase}" for phrase in [*FILE["Paridae"], "feathers"]
    ]
    assert [one.weight for one in prompts] == [
        1,
        1,
        1,
        1,
        1,
    ]  # four of the family; one of the class, two levels up: 4 / 4
    assert [one.text for one in of(written, birds, "Emys orbicularis")] == ["Emys orbicularis"]
    [note] = written.notes
    assert note == "1 of 6 classes have no descriptors: Emys orbicularis; their names are used instead"


def test_a_genus_that_is_a_class_itself_has_its_list_and_its_species_inherit_it(birds: Taxonomy) -> None:
    written = build(birds, inherit=1)
    assert [(one.phrase, one.taxon) for one in of(written, birds, "Quercus")] == [("lobed leaves", "")]
    assert [(one.phrase, one.taxon) for one in of(written, birds, "Quercus robur")] == [("lobed leaves", "Quercus")]


def test_without_inheritance_skipped_descriptors_are_noted(birds: Taxonomy) -> None:
    written = build(birds)
    assert [(one.phrase, one.weight, one.taxon) for one in of(written, birds, "Parus major")] == [
        ("a black cap", 1, ""), ("white cheeks", 1, "")
    ]  # fmt: skip
    assert "d.yaml: 3 skipped that name taxa above the classes (--inherit): Parus, Paridae, Aves" in written.notes
    assert not any("above the classes" in note for note in build(birds, inherit=0.5).notes)
    assert [one.kind for one in of(written, birds, "Quercus robur")] == ["name"]


def one_species() -> Taxonomy:
    builder = TaxonomyBuilder()
    builder.add_lineage([("family", "Paridae"), ("genus", "Parus"), ("species", "Parus major")])
    return builder.build()


@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4), st.floats(0.01, 1))
def test_each_levels_weights_sum_to_its_weight(own: int, genus: int, family: int, inherit: float) -> None:
    """Against the rule in words: the level d above the lowest that has phrases weighs inherit^d times what that does."""
    taxonomy = one_species()
    lists = {"Parus major": own, "Parus": genus, "Paridae": family}
    file = described({name: [f"{name} {i}" for i in range(count)] for name, count in lists.items() if count})
    if not file.classes:
        return
    prompts = of(build(taxonomy, file=file, inherit=inherit), taxonomy, "Parus major")
    levels = {d: count for d, count in enumerate((own, genus, family)) if count}
    lowest = min(levels)
    for d, rank in enumerate(("", "genus", "family")):
        total = sum(one.weight for one in prompts if one.rank == rank)
        expected = inherit ** (d - lowest) * levels[lowest] if d in levels else 0
        assert total == pytest.approx(expected)


def test_names_of_several_taxa_are_skipped_and_named(birds: Taxonomy) -> None:
    found, notes = match_descriptors(described({"Parus": ["a"], "parus": ["b"], "unicorn": ["c"]}), birds, above=True)
    assert [one.key for one in found.values()] == ["Parus"]
    assert notes == [
        "d.yaml: 1 skipped that are the same taxon as 'Parus': parus",
        "d.yaml: 1 skipped that name no class of this taxonomy: unicorn",
    ]


def test_background_is_inherited_on_request(birds: Taxonomy) -> None:
    file = DescriptorSet(
        {"great tit": (Descriptor("a black cap"),), "Parus": (Descriptor("in a garden", "background"),)}, "d.yaml"
    )
    assert [one.text for one in of(build(birds, file=file, inherit=0.5), birds, "Parus major")] == [
        "great tit, which is a black cap"
    ]
    both = of(build(birds, file=file, inherit=0.5, kinds="all"), birds, "Parus major")
    assert [(one.text, one.kind, one.weight) for one in both] == [
        ("great tit, which is a black cap", "descriptor", 1), ("great tit, in a garden", "background", 0.5)
    ]  # fmt: skip
    with pytest.raises(DescriptorError, match="none of its names is a class of this taxonomy"):
        build(birds, file=file, kinds="background")


def test_controls_inherit_as_descriptors_do(birds: Taxonomy) -> None:
    mine = build(birds, inherit=0.5)
    random = build(birds, "random-words", inherit=0.5)
    assert [one.weight for one in random.prompts] == [one.weight for one in mine.prompts]
    words = [len(one.phrase.split()) for one in mine.prompts if one.phrase]
    assert [len(one.phrase.split()) for one in random.prompts if one.phrase] == words
    # What all birds inherit is the same random text for all of them.
    feathers = {one.phrase for one, real in zip(random.prompts, mine.prompts) if real.phrase == "feathers"}
    assert len(feathers) == 1 and len([one for one in mine.prompts if one.phrase == "feathers"]) == 3
    assert {one.taxon for one in random.prompts} == {""}
    swapped = build(birds, "swapped", inherit=0.5)
    lists = [[(one.phrase, one.weight) for one in of(mine, birds, n)] for n in ("Parus major", "Quercus robur")]
    given_away = [
        [(one.phrase, one.weight) for one in of(swapped, birds, one.name)] for one in map(birds.class_taxon, range(6))
    ]
    assert lists[0] in given_away and lists[1] in given_away


def test_a_weight_beyond_one_is_refused() -> None:
    with pytest.raises(RecipeError, match="option 'inherit': expected a number less than or equal to 1"):
        create_registry().make("text_builders", "descriptors", {"inherit": 2})
