from __future__ import annotations

import pytest

from bioclip_x.records import Taxon
from bioclip_x.records.taxon import Synonym
from bioclip_x.taxonomy import Details, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.names.matching import match_list
from bioclip_x.taxonomy.names.open_names import is_open_name
from bioclip_x.taxonomy.names.resolver import Resolver


def tree() -> Taxonomy:
    builder = TaxonomyBuilder()
    for name in ("Loxia curvirostra", "Loxia pytyopsittacus", "Poecile montanus", "Poecile cinctus", "Bombus hypnorum"):
        builder.add_lineage([("genus", name.split()[0]), ("species", name)])
    builder.add_lineage([("genus", "Quercus"), ("species", "Quercus × hispanica")])
    return builder.build()


@pytest.mark.parametrize(
    "name",
    [
        "Loxia curvirostra / Loxia pytyopsittacus", "Loxia curvirostra/pytyopsittacus", "Poecile montanus X Poecile cinctus",
        "Poecile montanus x P. cinctus", "Poecile montanus × cinctus", "Loxia cf. curvirostra", "Poecile montanus aff. cinctus",
        "Loxia sp. 3",
    ],
)  # fmt: skip
def test_names_of_no_single_species_are_left_out(name: str) -> None:
    assert is_open_name(name)
    match = match_list(Resolver(tree()), [Taxon("", name, (("", name),))])
    assert match.nodes == () and match.open == (name,)
    [found, left_out] = match.notes("list.txt")
    assert found == "list.txt: 0 of 1 names found" and "1 name no single species" in left_out


@pytest.mark.parametrize("name", ["Quercus x hispanica", "Poecile montanus borealis", "Axx bxx", "Xenops minutus"])
def test_names_of_one_taxon_are_not_open(name: str) -> None:
    assert not is_open_name(name)


def test_a_genus_alone_stands_for_all_of_it_and_a_subspecies_for_its_species() -> None:
    taxonomy = tree()
    names = (
        "Loxia sp.",
        "Poecile montanus borealis",
        "Bombus (Pyrobombus) hypnorum (Linnaeus, 1758)",
        "Quercus x hispanica",
    )
    match = match_list(Resolver(taxonomy), [Taxon("", name, (("", name),)) for name in names])
    assert [taxonomy.names[node] for node in match.nodes] == [
        "Loxia", "Poecile montanus", "Bombus hypnorum", "Quercus × hispanica",
    ]  # fmt: skip
    assert (match.of_genus, match.of_species, match.open) == (names[:1], names[1:2], ())


def test_a_synonym_is_found_at_the_rank_at_which_it_was_published() -> None:
    builder = TaxonomyBuilder()
    gaur = Details(synonyms=(Synonym("Bos gaurus", "C. H. Smith, 1827", "species"), Synonym("Bibos gaurus")))
    builder.add_lineage([("species", "Bos frontalis"), ("subspecies", "Bos frontalis gaurus")], gaur)
    builder.add_lineage([("species", "Bos taurus")], Details(synonyms=(Synonym("Bos taurus indicus"),)))
    found = Resolver(taxonomy := builder.build())

    def find(name: str, rank: str) -> list[str]:
        return [taxonomy.names[node] for node in found.find(name, rank).nodes]

    assert find("Bos gaurus", "species") == find("Bibos gaurus", "species") == ["Bos frontalis gaurus"]
    assert find("Bos gaurus", "subspecies") == ["Bos frontalis gaurus"]
    assert find("Bos taurus indicus", "subspecies") == ["Bos taurus"]
    assert find("Bos gaurus", "genus") == []


def test_a_synonym_of_another_rank_is_found_in_a_tree_that_accepts_it() -> None:
    builder = TaxonomyBuilder()
    builder.add_lineage([("genus", "Bos"), ("species", "Bos gaurus")])
    taxonomy = builder.build()
    for synonym in (Synonym("Bos gaurus", rank="species"), Synonym("Bos gaurus")):
        gaur = Taxon(
            "subspecies", "Bos frontalis gaurus", (("subspecies", "Bos frontalis gaurus"),), synonyms=(synonym,)
        )
        match = Resolver(taxonomy).match(gaur)
        assert [taxonomy.names[node] for node in match.nodes] == ["Bos gaurus"] and match.by == "synonym"


@pytest.mark.parametrize(
    ("name", "species"),
    [
        ("Annas Hummingbird", "Calypte anna"), ("ANNA’S HUMMINGBIRD", "Calypte anna"), ("Black footed Albatross", "Phoebastria nigripes"),
        ("black-footed albatross", "Phoebastria nigripes"), ("weisstanne", "Abies alba"), ("Ruppells Vulture", "Gyps rueppelli"),
        ("Rüppell’s Vulture", "Gyps rueppelli"),
    ],
)  # fmt: skip
def test_common_names_in_the_spellings_of_lists(name: str, species: str) -> None:
    builder = TaxonomyBuilder()
    for accepted, language, common in (
        ("Calypte anna", "en", "Anna's Hummingbird"), ("Phoebastria nigripes", "en", "Black-footed Albatross"),
        ("Abies alba", "de", "Weißtanne"), ("Gyps rueppelli", "en", "Rüppell's Vulture"),
    ):  # fmt: skip
        builder.add_lineage([("species", accepted)], Details({language: (common,)}))
    taxonomy = builder.build()
    assert [taxonomy.names[node] for node in Resolver(taxonomy).find(name).nodes] == [species]


def test_labels_are_found_in_other_spellings_but_an_exact_one_wins() -> None:
    builder = TaxonomyBuilder()
    for label in ("white-throated sparrow", "Bär", "Bar"):
        builder.add(0, "", label)
    taxonomy = builder.build()
    found = Resolver(taxonomy)
    assert [taxonomy.names[n] for n in found.find("White throated Sparrow").nodes] == ["white-throated sparrow"]
    assert [taxonomy.names[n] for n in found.find("bär").nodes] == ["Bär"]
