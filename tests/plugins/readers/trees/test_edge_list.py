from __future__ import annotations

import json
import re
from pathlib import Path

import networkx as nx
import pytest

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import TaxonomyError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.taxonomy import Taxonomy
from bioclip_x_plugins.readers.trees.edge_list import EdgeListReader
from bioclip_x_plugins.readers.trees.text_tree import TextTreeReader

Paths = set[tuple[str, ...]]


def read(path: Path, text: str | bytes) -> Taxonomy:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_taxonomy(create_registry(), path)


def paths(tree: Taxonomy) -> Paths:
    return {tuple(name for _, name in tree.class_taxon(c).lineage) for c in range(tree.n_classes)}


BIRDS: Paths = {("bird", "duck", "teal"), ("bird", "duck", "mallard"), ("bird", "gull")}


@pytest.mark.parametrize(
    "content",
    [
        "bird duck\nduck teal\nduck mallard\nbird gull\n",
        "# by hand\nduck\tteal\r\nduck\tmallard\r\n\r\nbird\tduck\r\nbird\tgull\r\n",
        "duck teal\nduck mallard\nbird duck\nbird gull\n".encode("utf-16"),
        "teal duck\nmallard duck\nduck bird\ngull bird\n",
        "parent,child\nduck,teal\nduck,mallard\nbird,duck\nbird,gull\n",
        "child,parent\nteal,duck\nmallard,duck\nduck,bird\ngull,bird\n",
        "bird __NULL__\nduck bird\ngull bird\nteal duck\nmallard duck\n",
    ],
)
def test_equivalent_files_give_the_same_tree(tmp_path: Path, content: str | bytes) -> None:
    assert paths(read(tmp_path / "birds.txt", content)) == BIRDS


def test_column_order_is_guessed_with_a_warning_or_set(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("duck bird\ngull bird\nteal duck\n", "utf-8")
    guessed = EdgeListReader().read(path)
    assert [problem.kind for problem in guessed.problems] == ["order"]
    assert (
        paths(EdgeListReader(order="child-parent").read(path))
        == paths(guessed)
        == {("bird", "duck", "teal"), ("bird", "gull")}
    )
    with pytest.raises(TaxonomyError, match="bird has several parents"):
        EdgeListReader(order="parent-child").read(path)


def test_names_of_several_words_with_tabs_and_commas(tmp_path: Path) -> None:
    expected = {("Ducks, Geese", "Anas crecca")}
    assert paths(read(tmp_path / "a.edges", "Ducks, Geese\tAnas crecca\n")) == expected
    assert paths(read(tmp_path / "b.edges", '"Ducks, Geese",Anas crecca\n')) == expected


DIAMOND = "animal pet\nanimal canine\npet dog\ncanine dog\ndog pug\n"


def test_several_parents(tmp_path: Path) -> None:
    path = tmp_path / "dag.txt"
    with pytest.raises(TaxonomyError, match=r"line 3: dog has several parents \(pet, canine\).*--dag first"):
        read(path, DIAMOND)
    first = EdgeListReader(dag="first").read(path)
    assert paths(first) == {("animal", "pet", "dog", "pug"), ("animal", "canine")}
    both = EdgeListReader(dag="all").read(path)
    assert paths(both) == {("animal", "pet", "dog", "pug"), ("animal", "canine", "dog", "pug")}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a b\nb c\nc a\n", 1, "a cycle of parents"),
        (
            "a b\nb c d\n",
            2,
            "expected a parent and a child, got 'b c d'; separate names of several words by tabs or commas",
        ),
        ("a b\n" + "".join(f"b c{i}\n" for i in range(3000)) + "b\n", 3002, "got 'b'"),
        ("a,b\nb,\n", 2, "got 'b,'"),
        ("a b\nb \0\n", 2, "a NUL byte"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(text, "utf-8")
    with pytest.raises(TaxonomyError) as caught:
        EdgeListReader().read(path)
    assert f"{path}, line {line}: " in str(caught.value) and message in str(caught.value)


def test_a_repeated_edge_is_ignored(tmp_path: Path) -> None:
    tree = read(tmp_path / "a.txt", "a b\nb c\nb c\n")
    assert paths(tree) == {("a", "b", "c")}
    assert [(problem.kind, problem.line) for problem in tree.problems] == [("listed twice", 3)]


def test_a_bad_line_below_a_header_is_an_error_of_this_format(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match="line 3: expected a parent and a child, got 'x'"):
        read(tmp_path / "a.txt", "parent,child\na,b\nx\n")


def test_lists_of_names_are_not_recognised(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match="no format that any reader recognises"):
        read(tmp_path / "birds.txt", "Parus major\nParus minor\nCorvus corax\n")


def test_names_from_a_file_next_to_the_list(tmp_path: Path) -> None:
    (tmp_path / "classes_flat.txt").write_text("0 Aves\n1 Parus major\n", "utf-8")
    (tmp_path / "classes.txt").write_text("0 wrong\n1 wrong\n", "utf-8")
    tree = read(tmp_path / "cub_flat.parent-child.txt", "0 1\n0 2\n")
    assert paths(tree) == {("Aves", "Parus major"), ("Aves", "2")}
    assert tree.class_taxon(0).ids == {"id": "1"}
    assert "2 of 3 identifiers are taken from classes_flat.txt; 1 have none" in tree.problems[0].message


def test_numeric_ids_of_another_list_are_ignored(tmp_path: Path) -> None:
    index = {"0": [1, "tench"], "1": ["n01", "goldfish"]}
    (tmp_path / "other_class_index.json").write_text(json.dumps(index), "utf-8")
    assert paths(read(tmp_path / "wordnet.parent-child.txt", "fish 1\nfish n01\n")) == {
        ("fish", "1"),
        ("fish", "goldfish"),
    }


def test_names_from_a_given_file(tmp_path: Path) -> None:
    path, names = tmp_path / "a.txt", tmp_path / "my-names.csv"
    path.write_text("0 1\n", "utf-8")
    names.write_text("0,Aves\n1,Great Tit\n", "utf-8")
    assert paths(EdgeListReader(names=names).read(path)) == {("Aves", "Great Tit")}
    names.write_text("0,Aves\n1\n", "utf-8")
    with pytest.raises(TaxonomyError, match=r"my-names.csv, line 2: expected an identifier and a name, got '1'"):
        EdgeListReader(names=names).read(path)


@pytest.mark.parametrize("name", ["flat", "balanced", "wikispecies"])
def test_cub_matches_the_published_tree(shared_data: Path, name: str) -> None:
    folder = shared_data / "hierarchies" / "semantic_embeddings" / "CUB-Hierarchy"
    drawn = paths(TextTreeReader().read(folder / f"hierarchy_{name}.txt"))
    # There the authors remark on some names: "Gaviinae ?", "Alcae (subord)".
    drawn = {tuple(re.sub(r" (\?|\(\w+\))$", "", part) for part in path) for path in drawn}
    assert paths(read_taxonomy(create_registry(), folder / f"cub_{name}.parent-child.txt")) == drawn


def test_cifar_matches_the_published_tree(shared_data: Path) -> None:
    folder = shared_data / "hierarchies" / "semantic_embeddings" / "Cifar-Hierarchy"
    drawn = read_taxonomy(create_registry(), folder / "hierarchy.txt")
    assert paths(read_taxonomy(create_registry(), folder / "cifar.parent-child.txt")) == paths(drawn)


def test_nabirds_lists_children_first(shared_data: Path) -> None:
    tree = read_taxonomy(
        create_registry(), shared_data / "hierarchies" / "semantic_embeddings" / "NAB-Hierarchy" / "hierarchy.txt"
    )
    assert tree.n_classes == 555
    assert ("Birds", "Ducks, Geese, and Swans", "Snow Goose", "Snow Goose (Blue morph)") in paths(tree)


@pytest.mark.parametrize(("name", "classes"), [("inat", 8142), ("inat2019", 1010), ("inat_insecta", 2031)])
def test_inaturalist(shared_data: Path, name: str, classes: int) -> None:
    folder = shared_data / "hierarchies" / "semantic_embeddings" / "iNaturalist-Hierarchy"
    tree = read_taxonomy(create_registry(), folder / f"hierarchy_{name}.txt")
    assert tree.n_classes == classes and "__NULL__" not in tree.names
    assert ("Lampsilis teres" in tree.names) == (
        name == "inat"
    )  # the others' numbers are not those of inat_class_index.json


def test_wordnet_is_not_a_tree(shared_data: Path) -> None:
    folder = shared_data / "hierarchies" / "semantic_embeddings" / "ILSVRC"
    path = folder / "wordnet.parent-child.txt"
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_edges_from((line[:9], line[10:]) for line in path.read_text("utf-8").splitlines())
    several = [node for node, degree in graph.in_degree() if degree > 1]
    with pytest.raises(TaxonomyError) as caught:
        read_taxonomy(create_registry(), path)
    assert len([problem for problem in caught.value.problems if problem.kind == "several parents"]) == len(several)
    first = EdgeListReader(dag="first").read(path)
    assert first.n_nodes == len(graph) + 1
    # As many copies of a node as there are ways to it from the top.
    ways = {node: 1 for node, degree in graph.in_degree() if not degree}
    for node in nx.topological_sort(graph):
        ways.setdefault(node, sum(ways[above] for above in graph.predecessors(node)))
    both = EdgeListReader(dag="all").read(path)
    assert both.n_nodes == sum(ways.values()) + 1


def test_imagenets_part_of_wordnet_is_a_tree(shared_data: Path) -> None:
    tree = read_taxonomy(
        create_registry(),
        shared_data / "hierarchies" / "semantic_embeddings" / "ILSVRC" / "wordnet.parent-child.mintree.txt",
    )
    assert tree.n_classes == 1000
    tench = next(tree.class_taxon(c) for c in range(1000) if tree.class_taxon(c).name == "tench")
    assert tench.ids == {"id": "n01440764"}
