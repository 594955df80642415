"""Tables with a column of scientific names, and columns whose cells say what they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import TaxonomyError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.taxonomy import TAXON, Taxonomy


def read(tmp_path: Path, content: str, name: str = "t.csv", encoding: str = "utf-8") -> Taxonomy:
    path = tmp_path / name
    path.write_bytes(content.encode(encoding))
    return read_taxonomy(create_registry(), path)


def paths(tree: Taxonomy) -> list[str]:
    return [" > ".join(name for _, name in tree.class_taxon(c).lineage) for c in range(tree.n_classes)]


def names(tree: Taxonomy) -> set[str]:
    return {name for name, kind in zip(tree.names, tree.kind_N.tolist()) if kind == TAXON}


def test_a_column_of_scientific_names(tmp_path: Path) -> None:
    tree = read(
        tmp_path,
        "scientific_name,common_name,family,order\nParus major,great tit,Paridae,Passeriformes\n"
        'Cyanistes caeruleus,blue tit,Paridae,Passeriformes\nTurdus merula,"blackbird",Turdidae,Passeriformes\n',
    )
    assert paths(tree) == [
        "Passeriformes > Paridae > Parus major",
        "Passeriformes > Paridae > Cyanistes caeruleus",
        "Passeriformes > Turdidae > Turdus merula",
    ]
    assert [tree.class_taxon(c).common_name() for c in range(3)] == ["great tit", "blue tit", "blackbird"]
    assert tree.class_taxon(0).rank == "species"
    assert dict(tree.columns)["scientific_name"] == "scientific name"


@pytest.mark.parametrize("column", ["taxon", "Taxon", "name", "binomial", "latin_name"])
def test_names_under_a_vague_heading(tmp_path: Path, column: str) -> None:
    tree = read(tmp_path, f"{column},family\nParus major,Paridae\nTurdus merula,Turdidae\n")
    assert paths(tree) == ["Paridae > Parus major", "Turdidae > Turdus merula"]


def test_a_column_of_common_names_is_not_taken_for_scientific_ones(tmp_path: Path) -> None:
    tree = read(
        tmp_path,
        "name,family,species\nGreat tit,Paridae,Parus major\nRed fox,Canidae,Vulpes vulpes\n",
    )
    assert paths(tree) == ["Paridae > Parus major", "Canidae > Vulpes vulpes"]
    assert tree.class_taxon(0).extra == {"name": "Great tit"}


def test_inaturalists_export_of_observations(tmp_path: Path) -> None:
    header = (
        "id,quality_grade,species_guess,scientific_name,common_name,taxon_id,taxon_kingdom_name,taxon_class_name,"
        "taxon_family_name,taxon_genus_name,taxon_species_name,taxon_subspecies_name\n"
    )
    tree = read(
        tmp_path,
        header + "1,research,Great Tit,Parus major,Great Tit,203153,Animalia,Aves,Paridae,Parus,Parus major,\n"
        "2,research,Great Tit,Parus major,Great Tit,203153,Animalia,Aves,Paridae,Parus,Parus major,\n"
        "3,needs_id,tits,Paridae,Tits,1,Animalia,Aves,Paridae,,,\n"
        "4,research,tit,Parus major newtoni,,2,Animalia,Aves,Paridae,Parus,Parus major,Parus major newtoni\n"
        "5,casual,Something,,,,,,,,,\n",
    )
    found = {taxon.name: taxon for taxon in map(tree.class_taxon, range(tree.n_classes))}
    assert set(found) == {"Parus major", "Paridae", "Parus major newtoni"}
    assert found["Parus major"].lineage[-3:] == (("family", "Paridae"), ("genus", "Parus"), ("species", "Parus major"))
    assert found["Parus major"].ids == {"taxon": "203153"} and found["Parus major"].common_name() == "Great Tit"
    assert found["Parus major newtoni"].rank == "subspecies"
    assert any("a row without a name" in note for note in tree.notes)
    assert any(note.startswith("listed twice") or "taken once" in note for note in tree.notes)


def test_iucns_taxonomy(tmp_path: Path) -> None:
    tree = read(
        tmp_path,
        "internalTaxonId,scientificName,kingdomName,phylumName,className,orderName,familyName,genusName,speciesName,infraType,"
        "infraName,infraAuthority,subpopulationName,authority\n"
        '3746,Canis lupus,ANIMALIA,CHORDATA,MAMMALIA,CARNIVORA,CANIDAE,Canis,lupus,,,,,"Linnaeus, 1758"\n'
        "1,Panthera leo ssp. persica,ANIMALIA,CHORDATA,MAMMALIA,CARNIVORA,FELIDAE,Panthera,leo,ssp.,persica,"
        '"(Meyer, 1826)",,"(Linnaeus, 1758)"\n',
    )
    wolf, lion = (
        next(t for t in map(tree.class_taxon, range(tree.n_classes)) if name in t.name) for name in ("lupus", "persica")
    )
    assert wolf.lineage[:5] == (
        ("kingdom", "Animalia"), ("phylum", "Chordata"), ("class", "Mammalia"), ("order", "Carnivora"), ("family", "Canidae"),
    )  # fmt: skip
    assert (wolf.authorship, wolf.ids) == ("Linnaeus, 1758", {"iucn": "3746"})
    assert (lion.rank, lion.authorship) == ("subspecies", "(Meyer, 1826)")
    assert ("species", "Panthera leo") in lion.lineage


def test_iocs_list_with_a_column_per_language(tmp_path: Path) -> None:
    tree = read(
        tmp_path, "Seq,Order,Family,IOC_14.1,English,German\n1,X,Struthionidae,Struthio camelus,Common Ostrich,Strauß\n"
    )
    taxon = tree.class_taxon(0)
    assert taxon.name == "Struthio camelus" and taxon.common_names == {"en": ("Common Ostrich",), "de": ("Strauß",)}


def test_german_columns_with_a_byte_order_mark(tmp_path: Path) -> None:
    tree = read(tmp_path, "\ufeffFamilie;Gattung;Art;Deutscher Name\nParidae;Parus;Parus major;Kohlmeise\n")
    assert paths(tree) == ["Paridae > Parus > Parus major"]
    assert tree.class_taxon(0).common_names == {"de": ("Kohlmeise",)}


def test_latin_1(tmp_path: Path) -> None:
    tree = read(
        tmp_path,
        "genus,species,nom commun\nÆgithalos,Ægithalos caudatus,Mésange à longue queue\n",
        encoding="latin-1",
    )
    assert tree.class_taxon(0).common_names == {"fr": ("Mésange à longue queue",)}
    assert "line 2: not UTF-8; read as Windows-1252" in tree.notes[0]


def test_synonyms_and_a_common_name_from_a_later_row(tmp_path: Path) -> None:
    tree = read(
        tmp_path,
        "scientific_name,family,common_name,synonyms\nCyanistes caeruleus,Paridae,,\n"
        'Cyanistes caeruleus,,blue tit,"Parus caeruleus Linnaeus, 1758"\n',
    )
    taxon = tree.class_taxon(0)
    assert tree.n_classes == 1 and taxon.common_name() == "blue tit" and taxon.lineage[0] == ("family", "Paridae")
    assert [(one.name, one.authorship) for one in taxon.synonyms] == [("Parus caeruleus", "Linnaeus, 1758")]


def test_homonyms_stay_apart(tmp_path: Path) -> None:
    tree = read(tmp_path, "scientific_name,kingdom\nOenanthe aquatica,Plantae\nOenanthe aquatica,Animalia\n")
    assert paths(tree) == ["Plantae > Oenanthe aquatica", "Animalia > Oenanthe aquatica"]


def test_species_that_are_common_names_are_noticed(tmp_path: Path) -> None:
    tree = read(tmp_path, "species,scientific_name\nGreat Tit,Parus major\nBlackbird,Turdus merula\n")
    assert paths(tree) == ["Parus major", "Turdus merula"]
    assert "'species' ('Great Tit', 'Blackbird') is not used" in tree.notes[0]


def test_a_class_column_with_labels_is_noticed(tmp_path: Path) -> None:
    tree = read(tmp_path, "class,family\ngreat_tit,Paridae\nblackbird,Turdidae\nrook,Corvidae\n")
    assert names(tree) == {"Paridae", "Turdidae", "Corvidae"}
    assert "'class' holds labels ('great_tit', 'blackbird', 'rook'), not taxonomic classes" in tree.notes[0]


@pytest.mark.parametrize(
    "classes", ["0 1 2", "cat_1 dog_1 cow_1", "tit thrush crow", "golden_retriever robin barn_owl"]
)
def test_labels_of_many_kinds(tmp_path: Path, classes: str) -> None:
    rows = "".join(f"{one},{family}\n" for one, family in zip(classes.split(), ("Paridae", "Turdidae", "Corvidae")))
    assert names(read(tmp_path, f"class,family\n{rows}")) == {"Paridae", "Turdidae", "Corvidae"}


@pytest.mark.parametrize(
    "classes", ["Aves Mammalia Insecta", "mammalia aves reptilia", "Clostridia_A Bacilli Negativicutes"]
)
def test_taxonomic_classes_are_no_labels(tmp_path: Path, classes: str) -> None:
    rows = "".join(f"{one},{family}\n" for one, family in zip(classes.split(), ("Aidae", "Bidae", "Cidae")))
    assert set(classes.split()) <= names(read(tmp_path, f"class,family\n{rows}"))


def test_labels_alone_have_no_rank(tmp_path: Path) -> None:
    tree = read(tmp_path, "image,class\na.jpg,sports_car\nb.jpg,red_bus\n")
    assert paths(tree) == ["sports_car", "red_bus"] and tree.class_taxon(0).rank == ""
    assert "'class' holds labels" in tree.notes[0]


def test_a_table_without_names_is_refused_with_its_columns(tmp_path: Path) -> None:
    with pytest.raises(
        TaxonomyError, match=r"looks most like csv .* but no column is a rank .*nothing is known of 'file', 'label'"
    ):
        read(tmp_path, "file,label\na.jpg,3\n")


def test_order_that_is_a_number(tmp_path: Path) -> None:
    tree = read(tmp_path, "order,family,species\n1,Paridae,Parus major\n2,Turdidae,Turdus merula\n")
    assert paths(tree) == ["Paridae > Parus major", "Turdidae > Turdus merula"]
    assert "'order' holds numbers ('1', '2')" in tree.notes[0]
