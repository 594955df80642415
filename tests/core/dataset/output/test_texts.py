"""The texts of a sample, against values worked out by hand from BioCLIP's rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.dataset.output.texts import MEMBERS, build_texts, choose_text, clean_lineage, make_text_members
from bioclip_x.errors import DatasetError, PluginError
from bioclip_x.hooks.options import ComponentRef
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records import Taxon
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.taxonomy.names.lineage_text import format_taxonomic_name
from bioclip_x.taxonomy.ranks import LINNAEAN

TIT = ["Animalia", "Chordata", "Aves", "Passeriformes", "Paridae", "Parus", "Parus major"]


def test_the_ten_members_of_a_full_lineage() -> None:
    whole = "Animalia Chordata Aves Passeriformes Paridae Parus major"
    tagged = "kingdom Animalia phylum Chordata class Aves order Passeriformes family Paridae genus Parus species major"
    assert make_text_members(TIT, "Great Tit") == {
        "scientific_name.txt": "Parus major",
        "taxonomic_name.txt": whole,
        "common_name.txt": "Great Tit",
        "sci.txt": "a photo of Parus major.",
        "com.txt": "a photo of Great Tit.",
        "taxon.txt": f"a photo of {whole}.",
        "taxonTag.txt": f"a photo of {tagged}.",
        "sci_com.txt": "a photo of Parus major with common name Great Tit.",
        "taxon_com.txt": f"a photo of {whole} with common name Great Tit.",
        "taxonTag_com.txt": f"a photo of {tagged} with common name Great Tit.",
    }
    assert tuple(make_text_members(TIT)) == MEMBERS


@pytest.mark.parametrize(
    ("lineage", "common", "scientific", "taxonomic"),
    [
        (TIT, "Parus major", "Parus major", "Animalia Chordata Aves Passeriformes Paridae Parus major"),
        (["Animalia", "", "Aves", "", "", "", ""], "Animalia Aves", "", "Animalia Aves"),
        (["", "", "", "", "", "PARUS", ""], "Parus", "Parus", "Parus"),
        (["", "", "", "", "", "", "Major"], "Major", "Major", "major"),
    ],
)
def test_without_a_common_name(lineage: list[str], common: str, scientific: str, taxonomic: str) -> None:
    members = make_text_members(lineage)
    assert members["common_name.txt"] == common
    assert members["com.txt"] == f"a photo of {common}."
    assert (members["scientific_name.txt"], members["taxonomic_name.txt"]) == (scientific, taxonomic)
    assert members["sci.txt"] == f"a photo of {scientific}."


@pytest.mark.parametrize(
    ("genus", "species", "expected"),
    [
        ("Parus", "major", ("Parus", "major")),
        ("parus", "PARUS MAJOR", ("Parus", "major")),
        ("", "Parus major", ("Parus", "major")),
        ("Bison", "Bison bison", ("Bison", "bison")),
        ("Bison", "Bison bison bison", ("Bison", "bison")),
        ("Cyanistes", "Parus caeruleus", ("Cyanistes", "parus caeruleus")),
        ("Parus", "Parus", ("Parus", "parus")),
        ("Quercus", "Quercus × rosacea", ("Quercus", "× rosacea")),
        ("Unknown", "pleasehelp", ("", "")),
        ("", "  Parus   major ", ("Parus", "major")),
    ],
)
def test_genus_and_species(genus: str, species: str, expected: tuple[str, str]) -> None:
    assert clean_lineage(["", "", "", "", "", genus, species])[-2:] == expected


@pytest.mark.parametrize("kingdom", ["Archaeplastida", "CHLOROPLASTIDA"])
def test_kingdoms_that_are_renamed(kingdom: str) -> None:
    assert clean_lineage([kingdom, *[""] * 6])[0] == "Plantae"
    assert clean_lineage(["metazoa", *[""] * 6])[0] == "Animalia"


def test_a_lineage_without_names_and_one_of_another_length() -> None:
    with pytest.raises(DatasetError, match="blanks only"):
        make_text_members(["", "unknown", "", " ", "", "", ""])
    with pytest.raises(DatasetError, match="expected 7 names"):
        clean_lineage(TIT[:-1])


def test_it_is_the_taxonomic_name_of_the_text_builders_for_names_as_they_should_be() -> None:
    taxon = Taxon("species", "Parus major", tuple(zip(LINNAEAN, TIT)))
    assert make_text_members(TIT)["taxonomic_name.txt"] == format_taxonomic_name(taxon)


names = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)


@given(st.lists(names, min_size=7, max_size=7), names)
def test_any_names_give_ten_texts_of_one_space_between_words(lineage: list[str], common: str) -> None:
    if not any(clean_lineage(lineage)):
        return
    members = make_text_members(lineage, common)
    for member in ("scientific_name.txt", "taxonomic_name.txt"):
        assert members[member] == " ".join(members[member].split())
    assert members["common_name.txt"]


def test_texts_of_builders_are_those_of_each_class() -> None:
    taxonomy = from_labels(["Parus major", "Turdus merula"])
    refs = {"names.txt": ComponentRef(name="scientific"), "t.txt": ComponentRef(name="templates")}
    texts = build_texts(create_registry(), refs, taxonomy)
    assert texts["names.txt"] == [["a photo of Parus major."], ["a photo of Turdus merula."]]
    assert [len(one) for one in texts["t.txt"]] == [80, 80]
    assert all("Turdus merula" in text for text in texts["t.txt"][1])


@pytest.mark.parametrize(("member", "told"), [("sci.txt", "BioCLIP's own"), ("a/b.txt", "such as"), ("jpg", "such as")])
def test_members_that_cannot_be(member: str, told: str) -> None:
    with pytest.raises(DatasetError, match=told):
        build_texts(create_registry(), {member: ComponentRef(name="scientific")}, from_labels(["a"]))


def test_a_builder_that_is_not_there() -> None:
    with pytest.raises(PluginError, match="nothing-like-it"):
        build_texts(create_registry(), {"a.txt": ComponentRef(name="nothing-like-it")}, from_labels(["a"]))


def test_the_choice_is_even_and_depends_on_image_and_seed_alone() -> None:
    prompts = ["a", "b", "c", "d"]
    chosen = [choose_text(prompts, str(number), 1) for number in range(4000)]
    assert chosen == [choose_text(prompts, str(number), 1) for number in range(4000)]
    assert chosen != [choose_text(prompts, str(number), 2) for number in range(4000)]
    assert all(900 < chosen.count(prompt) < 1100 for prompt in prompts)
    assert choose_text(["one"], "x") == "one"
