"""docs/taxonomy-formats.md shows every reader with an example, which that reader recognises and reads."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.classes.taxonomy_formats import detect_format, read_head
from bioclip_x.hooks.registry import Registry, create_registry
from bioclip_x_plugins.readers.vocabulary.columns import describe_meaning, find_meaning
from plugins.readers.examples import PACKERS, list_examples, write_example

CLASSES = {
    "bins": ["red fox", "gray wolf", "brown bear"],
    "darwin-core": ["Crepis bakeri"],
    "coldp": ["Abies alba"],
    "acef": ["Bombus hypnorum"],
    "ebird": ["Struthio camelus"],
    "csv": ["Parus major", "Cyanistes caeruleus"],
    "speciesnet": ["bos taurus"],
    "birdnet": ["Parus major", "Cyanistes caeruleus"],
    "parquet": ["Parus major"],
    "newick": ["Parus major", "Parus minor", "Poecile palustris"],
    "nexus": ["Parus major", "Parus minor", "Poecile palustris"],
    "text-tree": ["Abies alba", "Abies chaneyi"],
    "gtdb": ["Acinetobacter baumannii"],
    "lineages": ["Penicillium olsonii", "Ascomycota"],
    "taxdump": ["Parus major"],
    "open-tree": ["Parus major"],
    "edge-list": ["n00001930", "n00002137"],
    "tree-of-life": ["Parus major", "Abies alba"],
    "inaturalist": ["Pica hudsonia"],
    "json-nodes": ["Parus major"],
    "yaml": ["Parus major", "Quercus"],
}
REGISTRY = create_registry()
EXAMPLES = dict(list_examples(REGISTRY))
NEVER_SNIFFED = "bins"


@pytest.fixture
def registry() -> Registry:
    return REGISTRY


def test_the_page_is_up_to_date(request: pytest.FixtureRequest, registry: Registry) -> None:
    docs = request.config.rootpath / "docs"
    spec = importlib.util.spec_from_file_location("format_table", docs / "format_table.py")
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = (docs / "taxonomy-formats.md").read_text("utf-8")
    assert page == script.make_page(page, registry), "run `python docs/format_table.py`"


def test_every_reader_has_an_example(registry: Registry) -> None:
    assert set(EXAMPLES) == set(CLASSES) == set(registry.components("taxonomy_readers"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_recognised_and_read_by_its_reader(tmp_path: Path, registry: Registry, name: str) -> None:
    path = write_example(EXAMPLES[name], tmp_path)
    if name != NEVER_SNIFFED:
        assert detect_format(registry, path, read_head(path)) == name
    tree = read_taxonomy(registry, path, name if name == NEVER_SNIFFED else None)
    assert [tree.class_taxon(c).name for c in range(tree.n_classes)] == CLASSES[name]
    assert not tree.notes


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "parquet"])
def test_a_packed_example_gives_the_same_tree(tmp_path: Path, registry: Registry, name: str, suffix: str) -> None:
    plain = read_taxonomy(registry, write_example(EXAMPLES[name], tmp_path / "plain"), name)
    path = write_example(EXAMPLES[name], tmp_path / "packed", suffix)
    if name != NEVER_SNIFFED:
        assert detect_format(registry, path, read_head(path)) == name
    packed = read_taxonomy(registry, path, name)
    assert packed.fingerprint == plain.fingerprint
    assert [packed.class_taxon(c) for c in range(packed.n_classes)] == [
        plain.class_taxon(c) for c in range(plain.n_classes)
    ]


LATIN_1 = {
    "birdnet": "Parus major_Mésange charbonnière\n",
    "speciesnet": "e4d1e892-0e4b-475a-a8ac-b5c3502e0d55;aves;;paridae;parus;major;mésange\n",
    "bins": "label,bin\nRœfuchs,Hündin\n",
    "csv": "family;species;common_name_de\nPinaceæ;Abies alba;Weißtanne\n",
    "darwin-core": "taxonID\tscientificName\ttaxonRank\n1\tAbies alba Müller\tspecies\n",
    "coldp": "ID\tparentID\tscientificName\tauthorship\trank\n1\t\tAbies alba\tMüller\tspecies\n",
    "ebird": "CATEGORY,SPECIES_CODE,PRIMARY_COM_NAME,SCI_NAME,ORDER,FAMILY\n"
    "species,x,Rüppell's Vulture,Gyps rueppelli,Accipitriformes,Accipitridae\n",
    "newick": "(Zignoëlla_populi,Abies_alba);",
    "nexus": "#NEXUS\nbegin trees;\ntree a = (Zignoëlla_populi,Abies_alba);\nend;\n",
    "text-tree": "Pinaceae [family]\n  Abies alba Müller [species]\n",
    "gtdb": "d__Bacteria;p__Pé;c__;o__;f__;g__;s__\n",
    "lineages": "k__Fungi;p__Ascomycota;g__Zignoëlla\n",
    "edge-list": "parent,child\nVögel,Meisen\n",
    "yaml": "- {family: Pinaceae, species: Abies alba, common_name_de: Weißtanne}\n",
}


@pytest.mark.parametrize("name", LATIN_1)
def test_latin_1_is_read_with_a_warning(tmp_path: Path, registry: Registry, name: str) -> None:
    file = tmp_path / {"coldp": "NameUsage.tsv", "yaml": "a.yaml", "newick": "a.nwk"}.get(name, "a.txt")
    file.write_text(LATIN_1[name], "utf-8")
    expected = read_taxonomy(registry, file, name)
    file.write_text(LATIN_1[name], "cp1252")
    tree = read_taxonomy(registry, file, name)
    assert tree.fingerprint == expected.fingerprint and tree.names == expected.names
    assert [problem.kind for problem in tree.problems] == ["encoding", *(one.kind for one in expected.problems)]
    assert "read as Windows-1252" in tree.notes[0]


def test_the_columns_on_the_page_are_understood(request: pytest.FixtureRequest) -> None:
    page = (request.config.rootpath / "docs" / "taxonomies.md").read_text("utf-8")
    rows = re.findall(
        r"^\| ([^|]+) \| ([^|]+) \|$", page.partition("| meaning | columns |")[2].partition("\n\n")[0], re.MULTILINE
    )
    assert len(rows) > 10
    for meaning, columns in rows[1:]:
        for column in re.findall(r"`([^`]+)`", columns.partition(";")[0]):
            assert describe_meaning(find_meaning(column)) == meaning, column
