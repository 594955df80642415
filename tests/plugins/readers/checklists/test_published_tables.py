"""Tables as GBIF, WCVP, WFO, WoRMS and ITIS publish them, in text and in Parquet."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.hooks.registry import create_registry
from bioclip_x.taxonomy import Taxonomy

WCVP = (
    "plant_name_id|ipni_id|taxon_rank|taxon_status|family|genus_hybrid|genus|species_hybrid|species|infraspecific_rank|"
    "infraspecies|parenthetical_author|primary_author|taxon_name|taxon_authors|accepted_plant_name_id|"
    "basionym_plant_name_id|parent_plant_name_id|powo_id\n"
    "100|a|Genus|Accepted|Rosaceae||Rosa||||||L.|Rosa|L.|100|||\n"
    "101|b|Species|Accepted|Rosaceae||Rosa||canina||||L.|Rosa canina|L.|101||100|\n"
    "102|c|Species|Synonym|Rosaceae||Rosa||caninoides||||Dumort.|Rosa caninoides|Dumort.|101|||\n"
    "103|d|Variety|Accepted|Rosaceae||Rosa||canina|var.|andegavensis||Bast.|Rosa canina var. andegavensis|Bast.|103||101|\n"
    "104|e|Species|Unplaced|Rosaceae||Rosa||dubia||||Wibel|Rosa dubia|Wibel||||\n"
)
WFO = (
    "taxonID|scientificNameID|scientificName|taxonRank|parentNameUsageID|scientificNameAuthorship|family|genus|"
    "specificEpithet|taxonomicStatus|acceptedNameUsageID\n"
    "wfo-1|x|Rosa|genus||L.|Rosaceae|Rosa||Accepted|\n"
    "wfo-2|x|Rosa canina|species|wfo-1|L.|Rosaceae|Rosa|canina|Accepted|\n"
    "wfo-3|x|Rosa andegavensis|species||Bastárd|Rosaceae|Rosa|andegavensis|Synonym|wfo-2\n"
)
WORMS_MATCH = (
    "ScientificName,AphiaID,Match type,LSID,ScientificName,Authority,AphiaID_accepted,ScientificName_accepted,"
    "Authority_accepted,Kingdom,Phylum,Class,Order,Family,Genus,Subgenus,Species,Subspecies,Taxon status\n"
    'Gadus morua,126436,near_1,urn,Gadus morhua,"Linnaeus, 1758",126436,Gadus morhua,"Linnaeus, 1758",Animalia,Chordata,'
    "Teleostei,Gadiformes,Gadidae,Gadus,,morhua,,accepted\n"
    'Gadus callarias,1,exact,urn,Gadus callarias,"Linnaeus, 1758",126436,Gadus morhua,"Linnaeus, 1758",Animalia,Chordata,'
    "Teleostei,Gadiformes,Gadidae,Gadus,,morhua,,unaccepted\n"
    "Foo bar,,none,,,,,,,,,,,,,,,,\n"
)
WORMS_RECORDS = (
    "AphiaID,url,scientificname,authority,status,unacceptreason,taxonRankID,rank,valid_AphiaID,valid_name,valid_authority,"
    "parentNameUsageID,kingdom,phylum,class,order,family,genus\n"
    '126436,u,Gadus morhua,"Linnaeus, 1758",accepted,NA,220,Species,126436,Gadus morhua,"Linnaeus, 1758",125732,Animalia,'
    "Chordata,Teleostei,Gadiformes,Gadidae,Gadus\n"
    '1,u,Gadus callarias,"Linnaeus, 1758",unaccepted,NA,220,Species,126436,Gadus morhua,"Linnaeus, 1758",NA,Animalia,Chordata,'
    "Teleostei,Gadiformes,Gadidae,Gadus\n"
)
ITIS = (
    "tsn|parent_tsn|complete_name|taxon_author_id|rank_id|kingdom_id|name_usage|tsn_accepted\n"
    "202423|0|Animalia|0|10|5|valid|\n178265|202423|Paridae|0|140|5|valid|\n178266|178265|Parus|0|180|5|valid|\n"
    "178267|178266|Parus major|5|220|5|valid|\n3|0|Parus maior|5|220|5|invalid|178267\n"
)
GBIF = (
    "gbifID\ttaxonID\tscientificName\tacceptedNameUsageID\tkingdom\tclass\tfamily\tgenus\tspecies\ttaxonRank\t"
    "taxonomicStatus\ttaxonKey\tacceptedTaxonKey\tacceptedScientificName\n"
    "1\tinat:1\tParus major Linnaeus, 1758\t\tAnimalia\tAves\tParidae\tParus\tParus major\tSPECIES\tACCEPTED\t9\t9\t"
    "Parus major Linnaeus, 1758\n"
    "2\tavibase-1\tParus major Linnaeus, 1758\t\tAnimalia\tAves\tParidae\tParus\tParus major\tSPECIES\tACCEPTED\t9\t9\t"
    "Parus major Linnaeus, 1758\n"
    "3\t\tParus major Linnaeus, 1758\t\tAnimalia\tAves\tParidae\tParus\tParus major\tSPECIES\tACCEPTED\t9\t9\t"
    "Parus major Linnaeus, 1758\n"
    "4\t\tParus caeruleus Linnaeus, 1758\t\tAnimalia\tAves\tParidae\tCyanistes\tCyanistes caeruleus\tSPECIES\tSYNONYM\t7\t8\t"
    "Cyanistes caeruleus (Linnaeus, 1758)\n"
)


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def write_parquet(path: Path, text: str, delimiter: str) -> Path:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = list(csv.DictReader(text.splitlines(), delimiter=delimiter))
    pq.write_table(pa.table({name: [row[name] or None for row in rows] for name in rows[0]}), path)
    return path


def read(path: Path) -> Taxonomy:
    return read_taxonomy(create_registry(), path)


def classes(tree: Taxonomy) -> list[str]:
    return sorted(tree.class_taxon(c).name for c in range(tree.n_classes))


def synonyms(tree: Taxonomy) -> Mapping[str, Sequence[str]]:
    taxa = map(tree.class_taxon, range(tree.n_classes))
    return {taxon.name: [one.name for one in taxon.synonyms] for taxon in taxa if taxon.synonyms}


@pytest.mark.parametrize("kind", ["text", "parquet"])
def test_wcvp(tmp_path: Path, kind: str) -> None:
    tree = read(write(tmp_path / "n.csv", WCVP) if kind == "text" else write_parquet(tmp_path / "n.parquet", WCVP, "|"))
    assert classes(tree) == ["Rosa canina", "Rosa canina var. andegavensis"]
    assert synonyms(tree) == {"Rosa canina": ["Rosa caninoides"]}
    rose = next(taxon for taxon in map(tree.class_taxon, range(2)) if taxon.name == "Rosa canina")
    assert rose.lineage == (("family", "Rosaceae"), ("genus", "Rosa"), ("species", "Rosa canina"))
    assert any("Rosa dubia" in note for note in tree.notes)


def test_wfo_in_latin_1(tmp_path: Path) -> None:
    tree = read(write(tmp_path / "classification.csv", WFO, "latin-1"))
    assert classes(tree) == ["Rosa canina"] and "read as Windows-1252" in tree.notes[0]
    [synonym] = tree.class_taxon(0).synonyms
    assert (synonym.name, synonym.authorship) == ("Rosa andegavensis", "Bastárd")


def test_worms_taxon_match(tmp_path: Path) -> None:
    tree = read(write(tmp_path / "matched.csv", WORMS_MATCH))
    assert classes(tree) == ["Gadus morhua"] and synonyms(tree) == {"Gadus morhua": ["Gadus callarias"]}
    assert tree.class_taxon(0).at("class") == "Teleostei" and tree.class_taxon(0).authorship == "Linnaeus, 1758"
    assert any("line 4: a row without a name" in note for note in tree.notes)


@pytest.mark.parametrize("kind", ["text", "parquet"])
def test_worms_records(tmp_path: Path, kind: str) -> None:
    path = (
        write(tmp_path / "r.csv", WORMS_RECORDS)
        if kind == "text"
        else write_parquet(tmp_path / "r.parquet", WORMS_RECORDS, ",")
    )
    tree = read(path)
    assert classes(tree) == ["Gadus morhua"] and synonyms(tree) == {"Gadus morhua": ["Gadus callarias"]}
    assert tree.class_taxon(0).at("family") == "Gadidae"


def test_itis(tmp_path: Path) -> None:
    tree = read(write(tmp_path / "taxonomic_units.csv", ITIS))
    assert [tree.class_taxon(c).lineage for c in range(tree.n_classes)] == [
        (("kingdom", "Animalia"), ("family", "Paridae"), ("genus", "Parus"), ("species", "Parus major"))
    ]
    assert synonyms(tree) == {"Parus major": ["Parus maior"]} and not tree.notes


@pytest.mark.parametrize("kind", ["text", "parquet"])
def test_gbifs_occurrences_give_each_taxon_once(tmp_path: Path, kind: str) -> None:
    tree = read(
        write(tmp_path / "o.tsv", GBIF) if kind == "text" else write_parquet(tmp_path / "o.parquet", GBIF, "\t")
    )
    assert classes(tree) == ["Cyanistes caeruleus", "Parus major"]
    assert synonyms(tree) == {"Cyanistes caeruleus": ["Parus caeruleus"]}
    assert dict(tree.columns)["taxonID"] == "not used: identifier taxon at the publisher"


def test_gbifs_simple_download(tmp_path: Path) -> None:
    """It has no accepted names but `species` and `speciesKey`; what could not be matched has no name."""
    tree = read(
        write(
            tmp_path / "simple.csv",
            "gbifID\toccurrenceID\tkingdom\tfamily\tgenus\tspecies\ttaxonRank\tscientificName\tverbatimScientificName\t"
            "taxonKey\tspeciesKey\tbasisOfRecord\n"
            "1\ta\tAnimalia\tParidae\tParus\tParus major\tSPECIES\tParus major Linnaeus, 1758\tx\t9\t9\tHUMAN_OBSERVATION\n"
            "2\tb\tAnimalia\tParidae\tCyanistes\tCyanistes caeruleus\tSPECIES\tParus caeruleus Linnaeus, 1758\tx\t7\t8\tX\n"
            "3\tc\t\t\t\t\tUNRANKED\tincertae sedis\tx\t0\t\tX\n",
        )
    )
    assert classes(tree) == ["Cyanistes caeruleus", "Parus major"]
    assert synonyms(tree) == {"Cyanistes caeruleus": ["Parus caeruleus"]}
    assert any("line 4: a row without a name" in note for note in tree.notes)


def test_occurrences_of_several_publishers(tmp_path: Path) -> None:
    """Their taxonID identifies nothing, and they know more or less of the lineage; another kingdom is another taxon."""
    tree = read(
        write(
            tmp_path / "o.csv",
            "occurrenceID,taxonID,scientificName,taxonRank,kingdom,order,family\n"
            "1,a,Oenanthe deserti,species,Animalia,,Muscicapidae\n"
            "2,b,Oenanthe deserti,species,Animalia,Passeriformes,Muscicapidae\n3,,Oenanthe deserti,species,,Passeriformes,\n"
            "4,x,Oenanthe deserti,species,Plantae,,\n",
        )
    )
    assert classes(tree) == ["Oenanthe deserti", "Oenanthe deserti"]
    bird = next(taxon for taxon in map(tree.class_taxon, range(2)) if taxon.at("kingdom") == "Animalia")
    assert bird.at("order") == "Passeriformes" and bird.at("family") == "Muscicapidae"


def test_a_blank_column_shadows_no_other(tmp_path: Path) -> None:
    tree = read(
        write(
            tmp_path / "t.csv",
            "taxonID,scientificName,canonicalName,taxonRank,parentNameUsageID,higherTaxonID\n"
            "1,Parus,,genus,,\n2,,Parus major,species,,1\n",
        )
    )
    assert [tree.class_taxon(c).lineage for c in range(tree.n_classes)] == [
        (("genus", "Parus"), ("species", "Parus major"))
    ]


def test_placeholders_as_identifiers_and_authors(tmp_path: Path) -> None:
    tree = read(
        write(
            tmp_path / "ids.csv",
            "id,taxonID,scientificName,taxonRank,scientificNameAuthorship,family\n1,NA,Parus major,species,NA,Paridae\n"
            "2,NA,Turdus merula,species,n/a,Turdidae\n",
        )
    )
    assert [tree.class_taxon(c).lineage[0][1] for c in range(2)] == ["Paridae", "Turdidae"]
    assert [tree.class_taxon(c).authorship for c in range(2)] == ["", ""] and not tree.notes
    parents = read(
        write(
            tmp_path / "p.csv",
            "taxonID,scientificName,taxonRank,parentNameUsageID\n1,Paridae,family,NA\n2,Parus major,species,1\n",
        )
    )
    assert classes(parents) == ["Parus major"] and not parents.notes


def test_children_of_a_placeholder_lie_below_its_parent(tmp_path: Path) -> None:
    tree = read(
        write(
            tmp_path / "t.csv",
            "taxonID,scientificName,taxonRank,parentNameUsageID\n1,Passeriformes,order,\n2,incertae sedis,family,1\n"
            "3,Parus major,species,2\n",
        )
    )
    assert tree.class_taxon(0).lineage == (("order", "Passeriformes"), ("species", "Parus major"))
    assert "line 3: a row without a name is left out" in tree.notes[0]


def test_common_names_in_several_languages(tmp_path: Path) -> None:
    tree = read(
        write(
            tmp_path / "t.csv",
            "taxonID,scientificName,taxonRank,vernacularName,German\n1,Parus major,species,great tit,Kohlmeise\n",
        )
    )
    assert tree.class_taxon(0).common_names == {"en": ("great tit",), "de": ("Kohlmeise",)}


def test_ebird_with_renamed_columns(tmp_path: Path) -> None:
    text = (
        "species_code,scientific_name,common_name,order,family,category\n"
        "gretit1,Parus major,Great Tit,Passeriformes,Paridae,species\n"
        "x00001,Parus major x minor,hybrid tit,Passeriformes,Paridae,hybrid\n"
    )
    for path in (write(tmp_path / "t.csv", text), write_parquet(tmp_path / "t.parquet", text, ",")):
        tree = read(path)
        assert classes(tree) == ["Parus major"] and tree.class_taxon(0).common_name() == "Great Tit"
        assert tree.class_taxon(0).ids == {"ebird": "gretit1"}


def test_a_list_with_another_kind_of_category_is_not_ebirds(tmp_path: Path) -> None:
    tree = read(
        write(
            tmp_path / "t.csv",
            "scientific_name,family,category\nParus major,Paridae,LC\nGyps rueppelli,Accipitridae,CR\n",
        )
    )
    assert classes(tree) == ["Gyps rueppelli", "Parus major"]
