from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from bioclip_x.errors import DescriptorError, RecipeError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.prompts import Descriptor, DescriptorSet
from bioclip_x.records import PromptSet, TextRequest
from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x_plugins.text.swapped import exchange_descriptors

TREE = {"a1": "A", "a2": "A", "b1": "B", "b2": "B", "c1": "C"}
"""Species → genus; c1 is alone in its own."""


def tree(species: Mapping[str, str] = TREE) -> Taxonomy:
    builder = TaxonomyBuilder()
    for name, genus in species.items():
        builder.add_lineage([("genus", genus), ("species", f"{genus} {name}")])
    return builder.build()


def described(classes: Mapping[str, Sequence[str]]) -> DescriptorSet:
    return DescriptorSet({name: tuple(map(Descriptor, phrases)) for name, phrases in classes.items()}, "d.yaml")


def build(taxonomy: Taxonomy, descriptors: DescriptorSet | None, missing: str = "name", **options: Any) -> PromptSet:
    request = TextRequest(taxonomy, range(taxonomy.n_classes), descriptors=descriptors, missing=missing)
    written: PromptSet = create_registry().make("text_builders", "swapped", options).build(request)
    return written


def given_to(written: PromptSet, taxonomy: Taxonomy) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {taxonomy.class_taxon(c).name: [] for c in range(taxonomy.n_classes)}
    for prompt in written.prompts:
        found[taxonomy.class_taxon(prompt.class_index).name].append(prompt.phrase)
    return found


def test_two_classes_exchange_and_outputs_name_the_source() -> None:
    taxonomy = from_labels(["bee", "ant"])
    written = build(taxonomy, described({"bee": ["a sting", "stripes"], "ant": ["feelers"]}))
    bee = [one for one in written.prompts if taxonomy.class_taxon(one.class_index).name == "bee"]
    assert [(one.text, one.phrase, one.kind, one.source) for one in bee] == [
        ("bee, which has feelers", "feelers", "swapped descriptor", "d.yaml, of ant")
    ]
    assert given_to(written, taxonomy) == {"ant": ["a sting", "stripes"], "bee": ["feelers"]}
    assert written.notes == (
        "a control: the descriptors are those of other classes (swapped); explanations are meaningless",
    )


def test_prompts_differ_from_descriptors_only_in_the_phrases() -> None:
    """Style, name, kinds and missing descriptors are handled alike."""
    taxonomy = from_labels(["bee", "ant", "wasp"])
    file = DescriptorSet(
        {
            "Bee": (Descriptor("a sting"), Descriptor("in a hive", "background")),
            "ant": (Descriptor("feelers"), Descriptor("in a hill", "background")),
        },
        "d.yaml",
    )
    written = build(taxonomy, file, kinds="all", name="file", style="has")
    by_class = {taxonomy.class_taxon(one.class_index).name: [] for one in written.prompts}  # type: ignore[var-annotated]
    for one in written.prompts:
        by_class[taxonomy.class_taxon(one.class_index).name].append((one.text, one.kind))
    assert by_class == {
        "bee": [("Bee, which has feelers", "swapped descriptor"), ("Bee, in a hill", "swapped background")],
        "ant": [("ant, which has a sting", "swapped descriptor"), ("ant, in a hive", "swapped background")],
        "wasp": [("wasp", "name")],
    }
    assert "1 of 3 classes have no descriptors: wasp; their names are used instead" in written.notes
    assert [one.text for one in build(taxonomy, file, style="bare").prompts if one.phrase] in (
        ["a sting", "feelers"], ["feelers", "a sting"],
    )  # fmt: skip
    with pytest.raises(DescriptorError, match="1 of 3 classes have no descriptors: wasp"):
        build(taxonomy, file, missing="error")


def test_within_a_genus_a_single_class_exchanges_across_genera_with_a_note() -> None:
    """A exchanges within itself, or B does; the other has taken in c1, which has nobody."""
    taxonomy = tree()
    written = build(taxonomy, described({f"{genus} {name}": [name] for name, genus in TREE.items()}), within="genus")
    got = given_to(written, taxonomy)
    assert all(phrases != [name.split()[1]] for name, phrases in got.items())
    assert [got["A a1"], got["A a2"]] == [["a2"], ["a1"]] or [got["B b1"], got["B b2"]] == [["b2"], ["b1"]]
    assert (
        "3 of 5 classes swapped descriptors across their genus, which has no other class for some" in written.notes[1]
    )
    with pytest.raises(RecipeError, match="swapped: no class has a 'family' to swap within; ranks: genus, species"):
        build(taxonomy, described({"A a1": ["x"], "A a2": ["y"]}), within="family")


def test_classes_of_equal_descriptors_do_not_exchange_with_each_other() -> None:
    taxonomy = from_labels(["p", "q", "r", "s"])
    file = described({"p": ["x", "y"], "q": ["y", "x"], "r": ["z"], "s": ["w"]})
    for seed in range(20):
        got = given_to(build(taxonomy, file, seed=seed), taxonomy)
        assert {tuple(got["p"]), tuple(got["q"])} == {("z",), ("w",)}


def test_unavoidable_equal_descriptors_are_noted_and_nothing_to_swap_is_an_error() -> None:
    taxonomy = from_labels(["p", "q", "r"])
    written = build(taxonomy, described({"p": ["x"], "q": ["x"], "r": ["z"]}))
    assert any(note.startswith("1 classes got descriptors that equal their own: ") for note in written.notes)
    with pytest.raises(DescriptorError, match="at least two classes must differ in them"):
        build(taxonomy, described({"p": ["x"], "q": ["x"]}))
    with pytest.raises(DescriptorError, match="no descriptors: give --descriptors FILE"):
        build(taxonomy, None)


def test_the_exchange_depends_only_on_seed_and_names() -> None:
    labels = [f"class {i}" for i in range(12)]
    file = described({label: [label] for label in labels})
    one, other = from_labels(labels), from_labels(labels[::-1])
    assert given_to(build(one, file), one) == given_to(build(other, file), other)
    assert given_to(build(one, file, seed=1), one) != given_to(build(one, file), one)


def test_no_class_keeps_its_descriptors_within_a_rank() -> None:
    """Exchanges within a rank are one to one over all classes, holes in lineages included."""
    builder = TaxonomyBuilder()
    for i in range(9):
        genus = [("genus", f"G{i % 3}")] if i < 6 else []
        builder.add_lineage([("kingdom", "K"), *genus, ("species", f"s{i}")])
    taxonomy = builder.build()
    giver, notes = exchange_descriptors(taxonomy, {c: c for c in range(9)}, "genus", seed=3)
    assert sorted(giver) == sorted(giver.values()) == list(range(9))
    assert all(c != other for c, other in giver.items())
    for c, other in giver.items():
        assert taxonomy.class_taxon(c).at("genus") == taxonomy.class_taxon(other).at("genus")
    assert "3 of 9 classes swapped descriptors across their genus" in notes[0]
