from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import BIRDS

from bioclip_x.errors import TaxonomyError
from bioclip_x.pipeline.taxonomies import read_taxonomy
from bioclip_x.registry import create_registry
from bioclip_x.taxonomy import Taxonomy


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
def test_the_same_table_however_it_is_written(tmp_path: Path, content: str | bytes) -> None:
    assert read(tmp_path / "t.txt", content).fingerprint == read(tmp_path / "t.csv", BIRDS).fingerprint


def test_other_columns_are_kept(tmp_path: Path) -> None:
    tree = read(
        tmp_path / "t.csv", "species,gbif_id,habitat,common_name\nParus major,9705453,gardens,great tit|titmouse\n"
    )
    taxon = tree.class_taxon(0)
    assert (taxon.ids, taxon.extra) == ({"gbif": "9705453"}, {"habitat": "gardens"})
    assert taxon.common_names == {"en": ("great tit", "titmouse")}


def test_a_class_listed_twice_is_taken_once_and_counted(tmp_path: Path) -> None:
    tree = read(tmp_path / "t.csv", "genus,species\nParus,Parus major\nParus,Parus minor\nParus,Parus major\n")
    assert species(tree) == ["Parus major", "Parus minor"]
    assert len(tree.notes) == 1 and "1 classes are listed twice" in tree.notes[0] and "line 4" in tree.notes[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("species\n", "holds no taxon"),
        ("genus,species\nParus,Parus major\nParus,Parus, minor\n", r"line 3: 3 cells under 2 columns"),
        ("genus,genus\nParus,Parus\n", r"line 1: the column 'genus' stands there twice"),
        ('genus,species\nParus,"Parus major\n', r"not valid CSV"),
        ("genus,habitat\n,gardens\n", r"line 2: no name at any rank"),
        (b"genus,species\nParus,Parus m\xe4jor\n", r"line 2: not valid utf-8; save the file as UTF-8"),
        ("name,habitat\nParus,gardens\n", "in no format that any reader recognises"),
    ],
)
def test_bad_tables(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(TaxonomyError, match=message):
        read(tmp_path / "t.csv", content)


def test_no_rank_among_the_columns(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match="no column is a rank; expected some of kingdom, .* got name, habitat"):
        read(tmp_path / "t.csv", "name,habitat\nParus,gardens\n", format="csv")


def test_folders_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match="is a folder"):
        read_taxonomy(create_registry(), tmp_path)
    with pytest.raises(TaxonomyError, match="does not exist"):
        read_taxonomy(create_registry(), tmp_path / "gone.csv")


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
def test_the_three_shapes_of_yaml(tmp_path: Path, content: str) -> None:
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
    ("content", "message"),
    [
        ("a: [", "line 1.*not valid YAML|not valid YAML"),
        ("- {name: Parus, rnak: genus}", "unknown keys rnak; known: children"),
        ("- {name: 7}", "expected a node with a 'name'"),
        ("ranks: [genus]\ntree: {Parus: {Parus major: [x]}}", "the tree is deeper than its list of ranks"),
        ("ranks: [genus]\ntree: {7: }", "expected a name, got 7"),
        ("just text", "expected a list of lineages"),
        ("- {habitat: gardens}", "no key of the first entry is a rank"),
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
