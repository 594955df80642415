"""A species above subspecies is a class in every format, and an ordinary one where it has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.hooks.registry import create_registry
from bioclip_x.prediction.report import is_ordinary_species
from bioclip_x.taxonomy import SELF

FILES = {
    "rows.csv": "genus,species,subspecies\nCanis,Canis lupus,Canis lupus arctos\nFelis,Felis catus,\n",
    "tree.txtree": """\
Canis [genus]
  Canis lupus [species]
    Canis lupus arctos [subspecies]
Felis [genus]
  Felis catus [species]
""",
    "nodes.yaml": """\
- rank: genus
  name: Canis
  children: [{rank: species, name: Canis lupus, children: [{rank: subspecies, name: Canis lupus arctos}]}]
- {rank: genus, name: Felis, children: [{rank: species, name: Felis catus}]}
""",
    "nested.yaml": """\
ranks: [genus, species, subspecies]
tree:
  Canis: {Canis lupus: [Canis lupus arctos]}
  Felis: [Felis catus]
""",
    "nodes.json": """[
{"id": 1, "name": "Canis", "rank": "genus"}, {"id": 2, "parent": 1, "name": "Canis lupus", "rank": "species"},
{"id": 3, "parent": 2, "name": "Canis lupus arctos", "rank": "subspecies"}, {"id": 4, "name": "Felis", "rank": "genus"},
{"id": 5, "parent": 4, "name": "Felis catus", "rank": "species"}]
""",
    "checklist.tsv": "taxonID\tparentNameUsageID\tscientificName\ttaxonRank\n1\t\tCanis\tgenus\n2\t1\tCanis lupus\tspecies\n"
    "3\t2\tCanis lupus arctos\tsubspecies\n4\t\tFelis\tgenus\n5\t4\tFelis catus\tspecies\n",
    "dump": "",
}


def write(folder: Path, name: str) -> Path:
    if name != "dump":
        (folder / name).write_text(FILES[name])
        return folder / name
    nodes = [
        (1, 1, "no rank"),
        (2, 1, "genus"),
        (3, 2, "species"),
        (4, 3, "subspecies"),
        (5, 1, "genus"),
        (6, 5, "species"),
    ]
    names = {1: "root", 2: "Canis", 3: "Canis lupus", 4: "Canis lupus arctos", 5: "Felis", 6: "Felis catus"}
    (folder / "nodes.dmp").write_text("".join(f"{id}\t|\t{above}\t|\t{rank}\t|\n" for id, above, rank in nodes))
    (folder / "names.dmp").write_text(
        "".join(f"{id}\t|\t{name}\t|\t\t|\tscientific name\t|\n" for id, name in names.items())
    )
    return folder


@pytest.mark.parametrize("name", FILES)
def test_a_species_is_a_class_whatever_is_below_it(tmp_path: Path, name: str) -> None:
    tree = read_taxonomy(create_registry(), write(tmp_path, name))
    assert sorted(tree.class_taxon(c).name for c in range(tree.n_classes)) == [
        "Canis lupus",
        "Canis lupus arctos",
        "Felis catus",
    ]
    inserted = {
        tree.class_taxon(c).name: int(node) for c, node in enumerate(tree.leaf_node_C) if tree.kind_N[node] == SELF
    }
    assert {one: is_ordinary_species(tree, node) for one, node in inserted.items()} == {
        "Canis lupus": False,
        "Felis catus": True,
    }


def test_a_file_may_say_that_a_species_is_no_class(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "genus,species,subspecies,is_class\nCanis,Canis lupus,,false\nCanis,Canis lupus,Canis lupus arctos,true\n"
    )
    (tmp_path / "t.yaml").write_text(
        "- {rank: species, name: Canis lupus, is_class: false, children: [{rank: subspecies, name: Canis lupus arctos}]}\n"
    )
    for file in ("t.csv", "t.yaml"):
        tree = read_taxonomy(create_registry(), tmp_path / file)
        assert [tree.class_taxon(c).name for c in range(tree.n_classes)] == ["Canis lupus arctos"]
