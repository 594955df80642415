from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import TaxonomyError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.taxonomy import Taxonomy

BIRDTREE = """#NEXUS
[R-package APE, Mon May 4; 2020]
BEGIN TAXA;
	DIMENSIONS NTAX = 3;
	TAXLABELS
		Parus_major
		'Bell''s vireo'
		Poecile_palustris
	;
END;
BEGIN TREES;
	Translate
		1	Parus_major,
		2	'Bell''s vireo',
		3	Poecile_palustris
	;
	TREE tree_1 = [&R] ((1[&rate=0.5]:2.1,2:2.1)98:9.8,3:11.9);
	TREE * 'the other' = [&R] ((1:2.1,3:2.1)Paridae:9.8,2:11.9);
END;
"""


def read(path: Path, text: str, format: str | None = None) -> Taxonomy:
    path.write_text(text, "utf-8")
    return read_taxonomy(create_registry(), path, format)


def lineages(tree: Taxonomy) -> list[list[str]]:
    return [[name for _, name in tree.class_taxon(c).lineage] for c in range(tree.n_classes)]


@pytest.mark.parametrize("name", ["birds.nex", "birds.tre", "birds.nwk"])
def test_the_first_tree_with_its_translation(tmp_path: Path, name: str) -> None:
    tree = read(tmp_path / name, BIRDTREE)
    clade = "clade of Parus major … Bell's vireo"
    assert lineages(tree) == [[clade, "Parus major"], [clade, "Bell's vireo"], ["Poecile palustris"]]
    assert next(tree.taxon(node).extra for node in range(tree.n_nodes) if tree.names[node] == clade) == {
        "support": "98"
    }
    assert "the first of 2 trees, 'tree 1', is read" in tree.notes[0]


def test_another_tree_by_its_name_and_a_rank_for_its_tips(tmp_path: Path) -> None:
    tree = read(tmp_path / "a.nex", BIRDTREE, "nexus:tree=the other,tips=species")
    assert lineages(tree)[0] == ["Paridae", "Parus major"] and tree.class_taxon(0).rank == "species" and not tree.notes
    with pytest.raises(TaxonomyError, match="has no tree 'third'; it has tree 1, the other"):
        read(tmp_path / "a.nex", BIRDTREE, "nexus:tree=third")


def test_without_trees_the_taxa_are_the_classes(tmp_path: Path) -> None:
    tree = read(tmp_path / "a.nex", BIRDTREE.partition("BEGIN TREES")[0])
    assert lineages(tree) == [["Parus major"], ["Bell's vireo"], ["Poecile palustris"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "#NEXUS\nBEGIN TREES;\nTREE t = ((a,b);\nEND;\n",
            "line 3: column 16: the tree ends with 1 of its brackets still open",
        ),
        ("#NEXUS\nBEGIN DATA;\nMATRIX a ACGT;\nEND;\n", "has neither a TREE in a block TREES nor TAXLABELS"),
        ("#NEXUS\n", "has neither a TREE"),
    ],
)
def test_errors(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TaxonomyError, match=message):
        read(tmp_path / "a.nex", text)


def test_a_newick_reader_names_the_reader_of_nexus(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match="this is NEXUS, which --taxonomy-format nexus reads"):
        read(tmp_path / "a.nex", BIRDTREE, "newick")
