from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records import Taxon
from bioclip_x.records.taxon import Synonym
from bioclip_x.taxonomy import Details, TaxonomyBuilder
from bioclip_x.taxonomy.names.resolver import Resolver

GANNET = [("kingdom", "Animalia"), ("family", "Sulidae"), ("genus", "Morus"), ("species", "Morus bassanus")]
MULBERRY = [("kingdom", "Plantae"), ("family", "Moraceae"), ("genus", "Morus"), ("species", "Morus alba")]
TIT = [("kingdom", "Animalia"), ("family", "Paridae"), ("genus", "Cyanistes"), ("species", "Cyanistes caeruleus")]
OAK = [("kingdom", "Plantae"), ("family", "Fagaceae"), ("genus", "Quercus"), ("species", "Quercus × hispanica")]


def resolver() -> Resolver:
    builder = TaxonomyBuilder()
    builder.add_lineage(
        GANNET, Details({"en": ("northern gannet", "gannet"), "de": ("Basstölpel",)}, ids={"gbif": "2480962"})
    )
    builder.add_lineage(MULBERRY)
    builder.add_lineage(
        TIT, Details({"en": ("blue tit", "nun")}, synonyms=(Synonym("Parus caeruleus", "Linnaeus, 1758"),))
    )
    builder.add_lineage(OAK)
    # A moth that some call nun as well, and whose genus took in all of another.
    builder.add_lineage([("kingdom", "Animalia"), ("family", "Erebidae")])
    erebidae = builder.add(builder.add(0, "kingdom", "Animalia"), "family", "Erebidae")
    lymantria = builder.add(
        erebidae, "genus", "Lymantria", Details(synonyms=(Synonym("Ocneria"), Synonym("Porthetria")))
    )
    builder.add(lymantria, "species", "Lymantria monacha", Details({"en": ("nun",)}))
    builder.add(lymantria, "species", "Lymantria detrita")
    return Resolver(builder.build())


def names(found: Resolver, name: str, **by: str) -> list[str]:
    return [found.taxonomy.names[node] for node in found.find(name, **by).nodes]


def test_scientific_and_common_names_in_any_spelling() -> None:
    found = resolver()
    assert names(found, "morus_BASSANUS") == ["Morus bassanus"]
    assert names(found, "Gannet") == ["Morus bassanus"]
    assert names(found, "BASSTÖLPEL") == names(found, "Basstölpel") == ["Morus bassanus"]
    assert names(found, "unicorn") == [] and names(found, "") == [] and names(found, ";") == []


@pytest.mark.parametrize(
    "name", ["Quercus × hispanica", "Quercus x hispanica", "quercus ×hispanica", "Quercus_×_hispanica"]
)
def test_a_hybrid_sign_however_it_is_written(name: str) -> None:
    assert names(resolver(), name) == ["Quercus × hispanica"]


@pytest.mark.parametrize(
    "name", ["Morus bassanus (Linnaeus, 1758)", "Morus bassanus L.", "†Morus bassanus", "Animalia; Morus bassanus L."]
)
def test_authors_and_daggers_do_not_matter(name: str) -> None:
    assert names(resolver(), name) == ["Morus bassanus"]


def test_homonyms_are_ambiguous_without_rank_kingdom_or_path() -> None:
    found = resolver()
    assert not found.find("Morus").found
    assert names(found, "Morus") == ["Morus", "Morus"]
    assert found.find("Morus", kingdom="plantae").found
    assert found.find("Plantae; Morus").nodes == found.find("Plantae > Morus").nodes
    assert found.find("Plantae; Morus").nodes == found.find("Morus", kingdom="Plantae").nodes
    assert found.find("Morus", lineage=["Moraceae"]).nodes == found.find("Morus", kingdom="Plantae").nodes
    assert names(found, "Morus", rank="species") == []
    assert found.find("nun").by == "common name" and names(found, "nun") == ["Cyanistes caeruleus", "Lymantria monacha"]


def test_classes_are_those_taxa_that_can_be_reported() -> None:
    found = resolver()
    gannet, mulberry = found.classes("gannet"), found.classes("Morus alba")
    assert [found.taxonomy.class_taxon(c).name for c in (*gannet, *mulberry)] == ["Morus bassanus", "Morus alba"]
    assert found.classes("Morus") == () and found.classes("unicorn") == ()


def test_a_class_with_a_name_precedes_a_taxon_above_the_classes_with_it() -> None:
    builder = TaxonomyBuilder()
    builder.add_lineage([("genus", "Bison"), ("species", "Bison bison")], Details({"en": ("bison",)}))
    builder.add_lineage([("genus", "Gorilla"), ("species", "Gorilla gorilla")], Details({"en": ("gorilla",)}))
    builder.add_lineage([("genus", "Gorilla"), ("species", "Gorilla beringei")], Details({"en": ("gorilla",)}))
    found = Resolver(builder.build())
    assert names(found, "bison") == ["Bison"] and found.find_class("bison").by == "common name"
    assert [found.taxonomy.class_taxon(c).name for c in found.classes("Bison")] == ["Bison bison"]
    assert found.find_class("gorilla") == found.find("gorilla") and found.classes("gorilla") == ()
    assert found.find_class("bison", "genus") == found.find("bison", "genus")
    assert found.find_class("unicorn").nodes == ()


def test_synonyms_come_after_accepted_names_and_before_common_ones() -> None:
    found = resolver()
    assert found.find("Parus_caeruleus").by == "synonym" and names(found, "Parus caeruleus L.") == [
        "Cyanistes caeruleus"
    ]
    builder = TaxonomyBuilder()
    builder.add_lineage([("species", "Aus bus")], Details({"en": ("Dus eus", "Cus cus")}))
    builder.add_lineage([("species", "Cus cus")], Details(synonyms=(Synonym("Aus bus"), Synonym("Dus eus"))))
    other = Resolver(builder.build())
    assert names(other, "Aus bus") == ["Aus bus"] and other.find("Aus bus").by == "name"
    assert names(other, "Dus eus") == ["Cus cus"] and names(other, "Cus cus") == ["Cus cus"]


def test_a_species_of_a_genus_that_was_renamed_is_found_by_its_epithet() -> None:
    found = resolver()
    assert names(found, "Porthetria monacha") == ["Lymantria monacha"]
    assert names(found, "Ocneria detritus (Esper)") == ["Lymantria detrita"], "the epithet takes the genus' gender"
    assert names(found, "Ocneria dispar") == [] and names(found, "Morus monacha") == []


def test_a_lineage_ranks_candidates_and_excludes_none() -> None:
    found = resolver()
    assert names(found, "Animalia; Lymantriidae; Lymantria monacha") == ["Lymantria monacha"], "its family has moved"
    assert names(found, "Animalia; Phaethontidae; Morus") == ["Morus"]
    assert names(found, "Oddia; Strangeidae; Lymantria") == ["Lymantria"]
    assert names(found, "Fungi; Morus") == ["Morus"], "an older book's plant; one code never names two so"
    assert names(found, "Fungi; Lymantria") == [], "an animal's name is not a fungus'"
    assert names(found, "Protozoa; Lymantria") == ["Lymantria"], "protists may be under either code"


def test_a_family_in_two_places_is_distinguished_by_its_lineage() -> None:
    builder = TaxonomyBuilder()
    for order in ("Osmundales", ""):
        builder.add_lineage([("kingdom", "Plantae"), ("order", order), ("family", "Osmundaceae")])
    found = Resolver(builder.build())
    for node in found.find("Osmundaceae").nodes:
        assert found.match(found.taxonomy.taxon(node)).nodes == (node,)
    assert len(found.find("Osmundaceae", lineage=["Plantae", "Pteridales"]).nodes) == 2


def test_identifiers_come_before_names() -> None:
    found = resolver()
    match = found.find("Sula bassana", ids={"GBIF": "2480962"})
    assert match.by == "id" and found.taxonomy.names[match.nodes[0]] == "Morus bassanus"
    assert not found.find("Sula bassana", ids={"inat": "2480962"}).nodes


def test_a_taxon_of_another_tree_is_found_by_its_own_synonyms() -> None:
    found = resolver()
    old = Taxon("species", "Sula bassana", (("family", "Sulidae"), ("species", "Sula bassana")))
    assert not found.match(old).nodes
    known = Taxon(
        "species", "Sula bassana", old.lineage, synonyms=(Synonym("Pelecanus bassanus"), Synonym("Morus bassanus"))
    )
    assert found.match(known).found and found.match(known).by == "synonym"
    split = Taxon("species", "Aus bus", (), synonyms=(Synonym("Morus alba"), Synonym("Lymantria monacha")))
    assert len(found.match(split).nodes) == 2


def test_a_taxon_without_rank_stands_in_for_one_of_the_rank() -> None:
    builder = TaxonomyBuilder()
    builder.add(builder.add(0, "", "Aves"), "", "Parus major")
    builder.add(0, "genus", "Aves")
    found = Resolver(builder.build())
    assert [found.taxonomy.rank(node) for node in found.find("Aves", "class").nodes] == [""]
    assert [found.taxonomy.rank(node) for node in found.find("Aves", "genus").nodes] == ["genus"]


def test_suggestions() -> None:
    found = resolver()
    assert found.near("Cyanistes ceruleus")[0] == "species Cyanistes caeruleus"
    assert found.near("Parus ceruleus")[0] == "species Cyanistes caeruleus (parus caeruleus)"
    assert found.near("Paridea", "family") == ("family Paridae",)
    assert found.near("Moris", "family") == ("genus Morus",), "no family has a similar name"
    assert found.near("Xyzzy") == ()


def test_synonyms_of_the_mammals_of_the_catalogue_of_life(shared_data: Path) -> None:
    tree = read_taxonomy(create_registry(), shared_data / "col_dwca" / "txtree" / "102.txtree")
    found = Resolver(tree)
    synonyms = [(other.name, node) for node, about in tree.details.items() for other in about.synonyms]
    matches = [(name, node, found.find(name)) for name, node in synonyms]
    astray = [name for name, node, match in matches if node not in match.nodes and match.by != "name"]
    assert len(synonyms) > 11_000 and not astray, "but for accepted names that are the same, each finds its taxon"
    assert sum(match.nodes == (node,) for _, node, match in matches) > 0.98 * len(synonyms)
    assert names(found, "Platypus anatinus") == ["Ornithorhynchus anatinus"], "its genus was once called so"
