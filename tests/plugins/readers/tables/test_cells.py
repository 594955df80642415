"""Cells of rank columns as files have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.hooks.registry import create_registry
from bioclip_x.taxonomy import TAXON, Taxonomy
from bioclip_x_plugins.readers.tables.cells import has_common_names


def read(tmp_path: Path, content: str, name: str = "t.csv") -> Taxonomy:
    (tmp_path / name).write_text(content, "utf-8")
    return read_taxonomy(create_registry(), tmp_path / name)


def names(tree: Taxonomy) -> set[str]:
    return {name for name, kind in zip(tree.names, tree.kind_N.tolist()) if kind == TAXON}


HOLES = """class,order,family,genus,species,common_name
Aves,Passeriformes,Paridae,Parus,Parus major,great tit
Aves,NA,NA,Turdus,Turdus merula,NA
Insecta,incertae sedis,None,Bombus,Bombus terrestris,NaN
Mammalia,unknown,unassigned,Vulpes,Vulpes vulpes,red fox
Mammalia,-,?,Lutra,Lutra lutra,otter
"""


def test_placeholders_are_holes(tmp_path: Path) -> None:
    tree = read(tmp_path, HOLES)
    assert tree.n_classes == 5
    assert names(tree) == {
        "Aves", "Passeriformes", "Paridae", "Parus", "Parus major", "Turdus", "Turdus merula", "Insecta", "Bombus",
        "Bombus terrestris", "Mammalia", "Vulpes", "Vulpes vulpes", "Lutra", "Lutra lutra",
    }  # fmt: skip
    common = {taxon.name: taxon.common_name() for taxon in map(tree.class_taxon, range(5))}
    assert common["Turdus merula"] == common["Bombus terrestris"] == "" and common["Lutra lutra"] == "otter"


def test_placeholders_in_every_other_column(tmp_path: Path) -> None:
    tree = read(
        tmp_path, "species,authorship,gbif_id,synonyms,habitat,common_name_de\nParus major,NA,n/a,none,?,unknown\n"
    )
    taxon = tree.class_taxon(0)
    assert (taxon.authorship, taxon.ids, taxon.synonyms, taxon.extra, taxon.common_names) == ("", {}, (), {}, {})


def test_placeholders_in_yaml(tmp_path: Path) -> None:
    lineages = "- {family: NA, genus: Turdus, species: Turdus merula, common_name: NA}\n- {family: Paridae, species: Parus major}"
    tree = read(tmp_path, lineages, "t.yaml")
    assert names(tree) == {"Turdus", "Turdus merula", "Paridae", "Parus major"} and not tree.details
    nested = (
        "ranks: [order, family, species]\ntree: {NA: {Paridae: [Parus major]}, unknown: {Turdidae: [Turdus merula]}}\n"
    )
    assert names(read(tmp_path, nested, "n.yaml")) == {"Paridae", "Parus major", "Turdidae", "Turdus merula"}
    nodes = "- {rank: order, name: unknown, children: [{rank: species, name: Parus major}]}\n"
    assert names(read(tmp_path, nodes, "o.yaml")) == {"Parus major"}


def test_a_row_of_placeholders_is_left_out_with_a_note(tmp_path: Path) -> None:
    tree = read(tmp_path, "family,species\nParidae,Parus major\nNA,unidentified\nunknown,NA\n")
    assert tree.n_classes == 1
    assert tree.notes[0].startswith("no taxon: 2 times, first") and "only placeholders" in tree.notes[0]


def test_underscores_in_species(tmp_path: Path) -> None:
    tree = read(tmp_path, "family,genus,species\nParidae,Parus,Parus_major\nParidae,cyanistes,cyanistes_caeruleus\n")
    assert {tree.class_taxon(c).name for c in range(2)} == {"Parus major", "cyanistes caeruleus"}


def test_underscores_that_are_part_of_a_name(tmp_path: Path) -> None:
    tree = read(tmp_path, "phylum,genus,species\nFirmicutes_A,Pseudomonas_E,Pseudomonas_E putida\n")
    assert names(tree) == {"Firmicutes_A", "Pseudomonas_E", "Pseudomonas_E putida"}


def test_prefixes_of_ranks(tmp_path: Path) -> None:
    tree = read(
        tmp_path, "kingdom,class,family,genus,species\nk__Fungi,c__,f__Aspergillaceae,g__Penicillium,s__olsonii\n"
    )
    assert names(tree) == {"Fungi", "Aspergillaceae", "Penicillium", "Penicillium olsonii"}


def test_a_subgenus_is_no_part_of_a_species_name(tmp_path: Path) -> None:
    tree = read(tmp_path, 'genus,species\nBombus,"Bombus (Pyrobombus) hypnorum (Linnaeus, 1758)"\n')
    assert tree.class_taxon(0).name == "Bombus hypnorum" and tree.class_taxon(0).authorship == "(Linnaeus, 1758)"


def test_serovars_are_no_authors(tmp_path: Path) -> None:
    tree = read(
        tmp_path, "genus,species,subspecies\nSalmonella,Salmonella enterica,Salmonella enterica serovar Typhi\n"
    )
    assert "Salmonella enterica serovar Typhi" in names(tree)


def test_common_names_in_brackets(tmp_path: Path) -> None:
    tree = read(
        tmp_path,
        "family (x),family,species\n,Rutaceae (citrus family),Citrus Limon (Lemon)\n,Rutaceae (citrus family),"
        "Citrus Aurantium (Bitter orange)\n,Lamiaceae,Mentha Spicata\n",
    )
    found = {taxon.name: taxon for taxon in map(tree.class_taxon, range(tree.n_classes))}
    assert {name: (one.authorship, one.common_name()) for name, one in found.items()} == {
        "Citrus Limon": ("", "Lemon"), "Citrus Aurantium": ("", "Bitter orange"), "Mentha Spicata": ("", ""),
    }  # fmt: skip
    family = next(node for node in range(tree.n_nodes) if tree.names[node] == "Rutaceae")
    assert tree.taxon(family).common_name() == "citrus family"


@pytest.mark.parametrize(
    "texts",
    [["Parus major (Linnaeus, 1758)"], ["Abies alba (L.) Mill."], ["Parus major (Linnaeus)"], ["Felis catus (de Vries)"],
     ["Aus bus (Smith & Jones)", "Cus dus (red thing)"]],
)  # fmt: skip
def test_authors_in_brackets(texts: list[str]) -> None:
    assert not has_common_names(texts)
