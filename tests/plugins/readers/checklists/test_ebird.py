"""eBird's taxonomy, in small."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.errors import TaxonomyError
from bioclip_x.taxonomy import Taxonomy
from bioclip_x_plugins.readers.checklists.ebird import EbirdReader
from expected_tree import tree_text

DUCKS = 'Anseriformes,"Anatidae (Ducks, Geese, and Waterfowl)"'
EBIRD = f"""\
TAXON_ORDER,CATEGORY,SPECIES_CODE,PRIMARY_COM_NAME,SCI_NAME,ORDER,FAMILY,SPECIES_GROUP,REPORT_AS
2,species,ostric2,Common Ostrich,Struthio camelus,Struthioniformes,Struthionidae (Ostriches),Ostriches,
3,slash,y00934,Common/Somali Ostrich,Struthio camelus/molybdophanes,Struthioniformes,Struthionidae (Ostriches),,
5,species,mallar3,Mallard,Anas platyrhynchos,{DUCKS},Waterfowl,
6,domestic,mallar2,Mallard (Domestic type),Anas platyrhynchos (Domestic type),{DUCKS},,mallar3
7,issf,mallar1,Mallard (Northern),Anas platyrhynchos platyrhynchos,{DUCKS},,mallar3
8,species,gadwal,Gadwall,Mareca strepera,{DUCKS},,
9,hybrid,x00004,Mallard x Gadwall (hybrid),Anas platyrhynchos x Mareca strepera,{DUCKS},,
10,spuh,duck1,duck sp.,Anatidae sp.,{DUCKS},,
11,spuh,anas1,Anas sp.,Anas sp.,{DUCKS},,
12,intergrade,x1,Mallard (Northern x Mexican),Anas platyrhynchos platyrhynchos x diazi,{DUCKS},,mallar3
"""
CLEMENTS = """\
sort v2024,species_code,Clements v2024b change,category,English name,scientific name,range,order,family,extinct,extinct year
1,,,family,,Struthionidae,,Struthioniformes,Struthionidae (Ostriches),,
2,ostric2,,species,Common Ostrich,Struthio camelus,,Struthioniformes,Struthionidae (Ostriches),,
3,,,subspecies,,Struthio camelus syriacus,,Struthioniformes,Struthionidae (Ostriches),1,1966
"""
OSTRICH = [
    "Struthioniformes [order]",
    "  Struthionidae [family]",
    "    Struthio [genus]",
    "      Struthio camelus [species]",
]


def read(path: Path, text: str, **options: str) -> Taxonomy:
    path.write_text(text, "utf-8")
    reader = EbirdReader(**options)  # type: ignore[arg-type]
    assert reader.sniff(path, text.encode())
    return reader.read(path)


def test_species_by_default_with_other_categories_counted(tmp_path: Path) -> None:
    tree = read(tmp_path / "a.csv", EBIRD)
    assert tree_text(tree) == [
        *OSTRICH,
        "Anseriformes [order]",
        "  Anatidae [family]",
        "    Anas [genus]",
        "      Anas platyrhynchos [species]",
        "    Mareca [genus]",
        "      Mareca strepera [species]",
    ]
    mallard = next(
        tree.class_taxon(c) for c in range(tree.n_classes) if tree.class_taxon(c).name == "Anas platyrhynchos"
    )
    assert (mallard.common_name(), mallard.ids) == ("Mallard", {"ebird": "mallar3"})
    family = next(node for node in range(tree.n_nodes) if tree.names[node] == "Anatidae")
    assert tree.taxon(family).common_name() == "Ducks, Geese, and Waterfowl"
    assert {problem.kind: problem.message.split()[0] for problem in tree.problems} == {
        f"category {category}": count
        for category, count in (
            ("slash", "1"),
            ("domestic", "1"),
            ("issf", "1"),
            ("hybrid", "1"),
            ("spuh", "2"),
            ("intergrade", "1"),
        )
    }


def test_forms_are_below_their_species(tmp_path: Path) -> None:
    tree = read(tmp_path / "a.csv", EBIRD, keep="forms")
    lines = tree_text(tree)
    place = lines.index("      Anas platyrhynchos [species]")
    assert lines[place + 1 : place + 3] == [
        "        Anas platyrhynchos (Domestic type) [domestic]",
        "        Anas platyrhynchos platyrhynchos [subspecies]",
    ]
    names = {tree.class_taxon(c).name for c in range(tree.n_classes)}
    assert "Anas platyrhynchos" in names  # a mallard of no kind in particular is a class still


def test_entries_that_are_not_taxa_are_below_the_lowest_taxon_that_contains_them(tmp_path: Path) -> None:
    tree = read(tmp_path / "a.csv", EBIRD, keep="all")
    at = {tree.class_taxon(c).name: tree.class_taxon(c).lineage[-2:] for c in range(tree.n_classes)}
    assert at["Anatidae sp."] == (("family", "Anatidae"), ("spuh", "Anatidae sp."))
    assert at["Anas sp."] == (("genus", "Anas"), ("spuh", "Anas sp."))
    assert at["Struthio camelus/molybdophanes"][0] == ("genus", "Struthio")
    assert at["Anas platyrhynchos x Mareca strepera"][0] == ("family", "Anatidae")
    assert tree.problems == ()


def test_an_unlisted_species_of_a_form_is_added(tmp_path: Path) -> None:
    head, *rows = EBIRD.splitlines(keepends=True)
    lines = tree_text(read(tmp_path / "a.csv", head + rows[4], keep="forms"))
    assert lines[-2:] == ["      Anas platyrhynchos [species]", "        Anas platyrhynchos platyrhynchos [subspecies]"]


def test_clements_checklist(tmp_path: Path) -> None:
    assert tree_text(read(tmp_path / "a.csv", CLEMENTS)) == OSTRICH
    tree = read(tmp_path / "a.csv", CLEMENTS, keep="forms")
    assert tree_text(tree) == [*OSTRICH, "        Struthio camelus syriacus [subspecies]"]
    extinct = next(tree.class_taxon(c) for c in range(tree.n_classes) if tree.class_taxon(c).rank == "subspecies")
    assert extinct.extra == {"extinct": "true", "category": "subspecies"}


@pytest.mark.parametrize("text", ["family,species,common_name\n", "CATEGORY,name\n", ""])
def test_other_tables_are_not_recognised(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text, "utf-8")
    assert not EbirdReader().sniff(path, text.encode())


def test_nothing_but_a_header_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match="names no taxon"):
        read(tmp_path / "a.csv", EBIRD.splitlines(keepends=True)[0])
