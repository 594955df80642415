from __future__ import annotations

import json
from pathlib import Path

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import TaxonomyError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.taxonomy import Taxonomy
from helpers import BIRDS


def read(path: Path, content: str | bytes, format: str | None = None) -> Taxonomy:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_taxonomy(create_registry(), path, format)


def species(tree: Taxonomy) -> list[str]:
    return [tree.class_taxon(c).name for c in range(tree.n_classes)]


def test_a_table_of_birds(tmp_path: Path) -> None:
    tree = read(tmp_path / "t.csv", BIRDS)
    tit = tree.class_taxon(species(tree).index("Cyanistes caeruleus"))
    assert tit.lineage[-2:] == (("genus", "Cyanistes"), ("species", "Cyanistes caeruleus"))
    assert tit.common_name() == "Eurasian blue tit" and tit.common_name("de") == "Blaumeise"
    assert "Quercus" in species(tree) and "Quercus robur" in species(tree)
    assert tree.source == str(tmp_path / "t.csv")


@pytest.mark.parametrize(
    "content",
    [
        BIRDS.replace("\n", "\r\n"),
        b"\xef\xbb\xbf" + BIRDS.encode(),
        BIRDS.encode("utf-16"),
        BIRDS.replace(",", ";"),
        BIRDS.replace(",", "\t"),
        BIRDS.replace("class", "cls", 1).replace("kingdom", " Kingdom", 1).replace("species", "SPECIES", 1),
        BIRDS.replace("Cyanistes caeruleus", "caeruleus").replace("Parus major", "major"),
        BIRDS.replace("species", "specific_epithet", 1),
        BIRDS + "\n,,,,,,,,\n",
    ],
)
def test_equivalent_files_give_the_same_table(tmp_path: Path, content: str | bytes) -> None:
    assert read(tmp_path / "t.txt", content).fingerprint == read(tmp_path / "t.csv", BIRDS).fingerprint


def test_other_columns_are_kept(tmp_path: Path) -> None:
    tree = read(
        tmp_path / "t.csv", "species,gbif_id,habitat,common_name\nParus major,9705453,gardens,great tit|titmouse\n"
    )
    taxon = tree.class_taxon(0)
    assert (taxon.ids, taxon.extra) == ({"gbif": "9705453"}, {"habitat": "gardens"})
    assert taxon.common_names == {"en": ("great tit", "titmouse")}


def test_identifier_columns_end_in_underscore_id(tmp_path: Path) -> None:
    taxon = read(tmp_path / "t.csv", "species,gbif_id,is_hybrid,wnid\nParus major,1,no,n01\n").class_taxon(0)
    assert (taxon.ids, taxon.extra) == ({"gbif": "1"}, {"is_hybrid": "no", "wnid": "n01"})


def test_languages_with_a_country_or_a_script(tmp_path: Path) -> None:
    table = "species,common_name_zh-TW,common_name_pt_BR,common_name_zh_Hant,common_name_note\nParus major,a,b,c,d\n"
    taxon = read(tmp_path / "t.csv", table).class_taxon(0)
    assert taxon.common_names == {"zh-tw": ("a",), "pt-br": ("b",), "zh-hant": ("c",)}
    assert taxon.extra == {"common_name_note": "d"}


@pytest.mark.parametrize(
    ("genus", "cell", "name"),
    [
        ("Quercus", "robur", "Quercus robur"),
        ("Quercus", "× hispanica", "Quercus × hispanica"),
        ("Quercus", "x hispanica", "Quercus x hispanica"),
        ("Quercus", "sp. nov. 1", "Quercus sp. nov. 1"),
        ("Quercus", "Sp. 1", "Quercus Sp. 1"),
        ("Quercus", "Quercus × hispanica", "Quercus × hispanica"),
        ("Quercus", "Q. robur", "Q. robur"),
        ("canis", "lupus familiaris", "canis lupus familiaris"),
        ("ursus", "u. arctos", "u. arctos"),
        ("Parus", "Cyanistes caeruleus", "Cyanistes caeruleus"),
        ("Cupressus", "× Cuprocyparis leylandii", "× Cuprocyparis leylandii"),
        ("Quercusia", "Quercus", "Quercusia Quercus"),
        ("", "sp. nov. 1", "sp. nov. 1"),
    ],
)
def test_the_genus_is_prefixed_to_a_species_without_one(tmp_path: Path, genus: str, cell: str, name: str) -> None:
    assert species(read(tmp_path / "t.csv", f"family,genus,species\nF,{genus},{cell}\n")) == [name]


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ("Quercus,robur,estremadurensis", "Quercus robur estremadurensis"),
        ("Quercus,robur,subsp. estremadurensis", "Quercus robur subsp. estremadurensis"),
        ("Quercus,robur,Quercus robur estremadurensis", "Quercus robur estremadurensis"),
        ("Parus,Cyanistes caeruleus,Cyanistes caeruleus balearicus", "Cyanistes caeruleus balearicus"),
        ("Parus,major,P. m. newtoni", "P. m. newtoni"),
        (",Parus major,Parus major newtoni", "Parus major newtoni"),
    ],
)
@pytest.mark.parametrize("rank", ["subspecies", "variety", "form"])
def test_the_species_is_prefixed_to_lower_ranks(tmp_path: Path, rank: str, row: str, name: str) -> None:
    assert species(read(tmp_path / "t.csv", f"genus,species,{rank}\n{row}\n"))[0] == name


@pytest.mark.parametrize("odd", ["\u2028", "\x0b", "\x0c", "\x85", "\x1c"])
def test_only_line_ends_end_a_row(tmp_path: Path, odd: str) -> None:
    table = f"genus,species,note{odd}\r\nParus,Parus maj{odd}or,a\r\n"
    tree = read(tmp_path / "t.csv", table)
    assert [" ".join(name.split()) for name in species(tree)] == ["Parus maj or"]
    with pytest.raises(TaxonomyError, match="line 3: 4 cells under 3 columns"):
        read(tmp_path / "t.csv", f"{table}Parus,Parus,minor,b\r\n")


def test_repeated_classes_are_merged_and_counted(tmp_path: Path) -> None:
    tree = read(tmp_path / "t.csv", "genus,species\nParus,Parus major\nParus,Parus minor\nParus,Parus major\n")
    assert species(tree) == ["Parus major", "Parus minor"]
    assert tree.notes == (f"{tmp_path / 't.csv'}, line 4: Parus major is listed again and taken once",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\xff\xfe", "is empty"),
        (" \n\n".encode("utf-16"), "is empty"),
        ("\n \n", "is empty"),
        ("species\n", "holds no taxon"),
        ("genus,species\nParus,Parus major\nParus,Parus, minor\n", r"line 3: 3 cells under 2 columns"),
        ("genus,genus\nParus,Parus\n", r"line 1: the column 'genus' occurs twice"),
        ("class,cls,species\nAves,Mammalia,Parus major\n", r"line 1: 'class' and 'cls' are both the class rank"),
        ("sp,species\nParus minor,Parus major\n", r"line 1: 'sp' and 'species' are both the species rank"),
        ("gbif_id,GBIF_ID,species\n1,2,Parus major\n", r"line 1: 'gbif_id' and 'GBIF_ID' are both the gbif id"),
        ('genus,species\nParus,"Parus major\n', r"line 2: not valid CSV: a quote is opened and never closed"),
        ('genus,species\n\na,b,c\nParus,"Parus major\nParus,b\n', r"line 4: not valid CSV: a quote is opened"),
        (
            'genus,species\nParus,"' + "Parus major\n" * 100_000,
            r"line 2: .* more than 1,048,576 characters; is a quote opened",
        ),
        ('genus,"species\nParus,Parus major\n', r"line 1: not valid CSV: a quote is opened and never closed"),
        ("genus,habitat\n,gardens\n", r"line 2: no name at any rank"),
        ("name,habitat\nParus,gardens\n", "in no format that any reader recognises"),
        (b"a\n\0", "line 2 has a NUL byte, so it is binary, or text in UTF-16"),
    ],
)
def test_bad_tables(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(TaxonomyError, match=message):
        read(tmp_path / "t.csv", content)


def test_no_rank_among_the_columns(tmp_path: Path) -> None:
    with pytest.raises(
        TaxonomyError, match=r"no column is a rank, .* expected some of kingdom, .* nothing is known of 'name'"
    ):
        read(tmp_path / "t.csv", "name,habitat\nParus,gardens\n", format="csv")


def test_folders_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match=r"is a folder that no reader recognises, and that has no files"):
        read_taxonomy(create_registry(), tmp_path)
    with pytest.raises(TaxonomyError, match="does not exist"):
        read_taxonomy(create_registry(), tmp_path / "gone.csv")


@pytest.mark.parametrize("format", [None, "csv"])
def test_files_that_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str | None) -> None:
    path = tmp_path / "t.csv"
    path.write_text(BIRDS)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    for opening in ("open", "read_bytes"):
        monkeypatch.setattr(Path, opening, refuse)
    with pytest.raises(TaxonomyError, match=r"t\.csv cannot be read: Permission denied"):
        read_taxonomy(create_registry(), path, format)


YAML = """
- rank: family
  name: Paridae
  children:
    - {rank: genus, name: Parus, is_class: true, children: [{rank: species, name: Parus major}]}
"""


@pytest.mark.parametrize(
    "content",
    [
        YAML,
        "ranks: [family, genus, species]\ntree: {Paridae: {Parus: [Parus major]}}\n",
        "- {family: Paridae, genus: Parus, species: Parus major}\n",
        "- {Family: Paridae, GENUS: Parus, species: major}\n",
    ],
)
def test_the_three_layouts_of_yaml(tmp_path: Path, content: str) -> None:
    tree = read(tmp_path / "t.yaml", content)
    assert "Parus major" in species(tree)
    assert ("Parus" in species(tree)) == ("is_class" in content)
    assert tree.class_taxon(0).at("family") == "Paridae"


def test_json_and_names_in_several_languages(tmp_path: Path) -> None:
    nodes = [
        {"rank": "species", "name": "Parus major", "common_names": {"en": "great tit", "de": ["Kohlmeise", "Meise"]}}
    ]
    taxon = read(tmp_path / "t.json", json.dumps(nodes)).class_taxon(0)
    assert taxon.common_names == {"en": ("great tit",), "de": ("Kohlmeise", "Meise")}


@pytest.mark.parametrize(
    "names",
    [
        "common_name: [great tit, big tit], common_name_de: Kohlmeise",
        "common_names: {en: [great tit, ' big tit ', ''], de: Kohlmeise, fr: null}",
        "common_names: {EN: great tit}, common_name: big tit, common_name_de: [Kohlmeise]",
    ],
)
def test_common_names_in_a_list_of_lineages(tmp_path: Path, names: str) -> None:
    taxon = read(tmp_path / "t.yaml", f"- {{species: Parus major, {names}}}\n").class_taxon(0)
    assert {language: set(names) for language, names in taxon.common_names.items()} == {
        "en": {"great tit", "big tit"},
        "de": {"Kohlmeise"},
    }


def test_numbers_may_be_identifiers(tmp_path: Path) -> None:
    for content in (
        "- {species: Parus major, gbif_id: 97, weight: 1.5, habitat: null}",
        "- {name: Parus major, rank: species, ids: {gbif: 97, inat: null}, extra: {weight: 1.5}}",
    ):
        taxon = read(tmp_path / "t.yaml", content).class_taxon(0)
        assert (taxon.ids, taxon.extra) == ({"gbif": "97"}, {"weight": "1.5"})


def test_a_node_with_null_values(tmp_path: Path) -> None:
    keys = ("rank", "children", "common_names", "ids", "extra", "is_class")
    node = {"name": "Parus major", **dict.fromkeys(keys)}
    assert species(read(tmp_path / "t.json", json.dumps([node]))) == ["Parus major"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- {species: Parus major}\n- {genus: no}", "entry 2, genus: expected text, got False; put it in quotes"),
        ("- {species: 1.10}", "entry 1, species: expected text, got 1.1; put it in quotes"),
        ("- {species: Parus major, common_name: [great tit, 5]}", "entry 1, common_name: expected text, got 5"),
        ("- {species: Parus major, common_name: yes}", "entry 1, common_name: expected text, got True"),
        ("- {species: Parus major, common_name_de: {de: Meise}}", "entry 1, common_name_de: expected text, got {"),
        (
            "- {species: Parus major, common_names: {no: meis}}",
            "entry 1, common_names: expected a language .* got False",
        ),
        ("- {species: Parus major, common_names: {klingon: tit}}", "expected a language .* got 'klingon'"),
        ("- {species: Parus major, common_names: {en: 5}}", "entry 1, common_names: expected text, got 5"),
        ("- {species: Parus major, habitat: no}", "entry 1, habitat: expected text, got False"),
        ("- {species: Parus major, seen: 2020-01-01}", "entry 1, seen: expected text, got datetime.date"),
        ("- {species: Parus major, no: x}", "entry 1: expected text as a key, got False; put it in quotes"),
        ("- {species: a, class: b}\n- {species: a, class: b, cls: c}", "entry 2: 'class' and 'cls' are both"),
        ("- {name: Parus, common_names: great tit}", "Parus: 'common_names' must be names by language"),
        ("- {name: Parus, common_names: {en: 5}}", "Parus, common_names, en: expected text, got 5"),
        ("- {name: Parus, common_names: {no: meis}}", "Parus, common_names: expected a language, got False"),
        ("- {name: Parus, ids: [1]}", r"Parus: 'ids' must be a mapping, got \[1\]"),
        ("- {name: Parus, ids: {gbif: no}}", "Parus, ids, gbif: expected text, got False"),
        ("- {name: Parus, extra: {no: x}}", "Parus, extra: expected text, got False"),
        ("- {name: Parus, children: 5}", "Parus: 'children' must be a list of nodes, got 5"),
        ("- {name: Parus, is_class: 'false'}", "Parus: 'is_class' must be true or false, got 'false'"),
        ("- {name: Parus, rank: 5}", "Parus, rank: expected text, got 5"),
    ],
)
def test_values_that_yaml_does_not_parse_as_text_are_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(TaxonomyError, match=message):
        read(tmp_path / "t.yaml", content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [", "line 1.*not valid YAML|not valid YAML"),
        ("- {name: Parus, rnak: genus}", "unknown keys rnak; known: authorship, .*children"),
        ("- {name: 7}", "expected a node with a 'name'"),
        ("ranks: [genus]\ntree: {Parus: {Parus major: [x]}}", "the tree is deeper than its list of ranks"),
        ("ranks: [genus]\ntree: {7: }", "expected a name, got 7"),
        ("just text", "expected a list of lineages"),
        ("- {habitat: gardens}", "no key of the first entry is a rank"),
        ("- {0: a, 1: b, 2: c, 3: d, 4: e, 5: f, 6: g}", r": 0, 1, 2, 3, 4, … \(2 more\)$"),
        ("a: &a {b: *a}", "not valid YAML|expected|recursive|cycl"),
    ],
)
def test_bad_yaml(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(TaxonomyError, match=message):
        read(tmp_path / "t.yaml", content)


def test_a_list_of_real_lineages(shared_data: Path) -> None:
    """Rank columns as other people have them, ranks missing, with the classes at mixed ranks."""
    tree = read_taxonomy(create_registry(), shared_data / "grocery_produce" / "classes.csv")
    assert tree.n_classes > 20 and "species" in tree.rank_tables


def test_all_errors_in_a_tree_of_nodes_are_reported_together(tmp_path: Path) -> None:
    content = """
- name: Paridae
  children:
    - {name: Parus major, colour: red}
    - {nam: Parus minor}
    - {name: Parus ater, is_class: perhaps}
"""
    with pytest.raises(TaxonomyError) as caught:
        read(tmp_path / "t.yaml", content)
    told = str(caught.value).splitlines()
    assert len(told) == len(caught.value.problems) == 3
    assert "Paridae > Parus major: unknown keys colour" in told[0]
    assert "Paridae: expected a node with a 'name'" in told[1]
    assert "Paridae > Parus ater: 'is_class' must be true or false, got 'perhaps'" in told[2]


def test_labels_that_are_not_taxa_are_dropped_with_a_note(tmp_path: Path) -> None:
    tree = read(tmp_path / "t.csv", "class,species,common_name\n,,blank\nMammalia,Lepus europaeus,brown hare\n")
    assert species(tree) == ["Lepus europaeus"]
    assert [str(problem) for problem in tree.problems] == [
        f"{tmp_path / 't.csv'}, line 2: 'blank' has no name at any rank; left out (--beside keeps such labels)"
    ]
