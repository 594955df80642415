"""Nodes with parents, and node-link data, against networkx itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.errors import TaxonomyError
from bioclip_x.records.taxon import Synonym
from bioclip_x.taxonomy import TAXON, Taxonomy
from bioclip_x_plugins.readers.trees.json_nodes import JsonNodesReader
from bioclip_x_plugins.readers.trees.yaml import YamlReader
from expected_tree import tree_text

NODES = [
    {"id": 7, "name": "Paridae", "rank": "family", "parent_id": None},
    {"id": 8, "name": "Parus", "rank": "genus", "parent_id": 7},
    {"id": 9, "name": "Parus major", "rank": "species", "parent_id": 8, "authorship": "Linnaeus, 1758", "mass_g": 18},
]
EXPECTED = ["Paridae [family]", "  Parus [genus]", "    Parus major Linnaeus, 1758 [species]"]


def write(path: Path, document: Any) -> Path:
    path.write_text(document if isinstance(document, str) else json.dumps(document, ensure_ascii=False), "utf-8")
    return path


def read(path: Path, **options: str) -> Taxonomy:
    reader = JsonNodesReader(**options)  # type: ignore[arg-type]
    assert reader.sniff(path, path.read_bytes()[:65536])
    return reader.read(path)


def test_nodes_with_parent_ids(tmp_path: Path) -> None:
    tree = read(write(tmp_path / "a.json", NODES))
    assert tree_text(tree) == EXPECTED
    assert dict(tree.class_taxon(0).extra) == {"mass_g": "18"}
    assert tree_text(read(write(tmp_path / "b.json", {"taxa": list(reversed(NODES))}))) == EXPECTED


def test_yaml_and_other_keys(tmp_path: Path) -> None:
    text = """\
- {taxID: 1, scientificName: Paridae, Rank: family}
- {taxID: 2, parent: 1, scientificName: Parus major, Rank: species, common_names: {de: Kohlmeise, en: [great tit, tit]},
   synonyms: [Parus robustus, {name: Parus obscurus, authorship: Brehm}]}
"""
    tree = read(write(tmp_path / "a.yaml", text))
    taxon = tree.class_taxon(0)
    assert taxon.lineage == (("family", "Paridae"), ("species", "Parus major"))
    assert taxon.common_names == {"de": ("Kohlmeise",), "en": ("great tit", "tit")}
    assert taxon.synonyms == (Synonym("Parus robustus"), Synonym("Parus obscurus", "Brehm"))


def graph() -> nx.DiGraph[Any]:
    made: nx.DiGraph[Any] = nx.DiGraph()
    for node in NODES:
        made.add_node(node["id"], **{key: value for key, value in node.items() if key not in ("id", "parent_id")})
    made.add_edges_from([(7, 8), (8, 9)])
    return made


@pytest.mark.parametrize("edges", ["edges", "links"])
def test_node_link_data_from_networkx(tmp_path: Path, edges: str) -> None:
    assert tree_text(read(write(tmp_path / "a.json", nx.node_link_data(graph(), edges=edges)))) == EXPECTED


def test_old_node_link_data_with_indices_and_reversed_edges(tmp_path: Path) -> None:
    nodes = [{"id": str(node["id"]), "name": node["name"]} for node in NODES] + [{"id": "10", "name": "Periparus"}]
    up = [{"source": 1, "target": 0}, {"source": 2, "target": 1}, {"source": 3, "target": 0}]
    down = [{"source": link["target"], "target": link["source"]} for link in up]
    for links in (up, down):
        tree = read(write(tmp_path / "a.json", {"directed": True, "nodes": nodes, "links": links}))
        assert [line.replace(" [unranked]", "") for line in tree_text(tree)] == [
            "Paridae",
            "  Parus",
            "    Parus major",
            "  Periparus",
        ]


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_any_forest_round_trips(tmp_path_factory: pytest.TempPathFactory, seeds: list[int], random: Any) -> None:
    """Against networkx: the same edges between the same names, whatever the order of nodes and edges."""
    made: nx.DiGraph[Any] = nx.DiGraph()
    for child, seed in enumerate(seeds):
        made.add_node(child, name=f"taxon {child}")
        if child and seed % 5:
            made.add_edge(seed % child, child)
    document = nx.node_link_data(made, edges="edges")
    random.shuffle(document["nodes"])
    random.shuffle(document["edges"])
    tree = read(write(tmp_path_factory.mktemp("forest") / "a.json", document))
    taxa = [node for node in range(1, tree.n_nodes) if tree.kind_N[node] == TAXON]
    found = {
        (tree.names[tree.owner(int(tree.parent_N[node]))], tree.names[node]) for node in taxa if tree.parent_N[node] > 0
    }
    assert found == {(f"taxon {parent}", f"taxon {child}") for parent, child in made.edges}
    assert len(taxa) == len(seeds)


def test_several_parents(tmp_path: Path) -> None:
    nodes = [{"id": "a"}, {"id": "b"}, {"id": "c", "parent": ["a", "b"]}]
    path = write(tmp_path / "a.json", nodes)
    with pytest.raises(TaxonomyError, match="node 3: c has several parents"):
        read(path)
    assert tree_text(read(path, dag="first")) == ["a [unranked]", "  c [unranked]", "b [unranked]"]
    assert tree_text(read(path, dag="all")) == ["a [unranked]", "  c [unranked]", "b [unranked]", "  c [unranked]"]


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"directed": False, "nodes": [{"id": 1}], "links": []}, "undirected"),
        ({"directed": True, "nodes": []}, "expected a list of nodes"),
        ({"directed": True, "nodes": [{"id": 1}], "links": [{"source": 1, "target": 9}]}, "edge 1: no node has the id"),
        ({"directed": True, "nodes": [{"id": 1}], "links": [{"source": 1}]}, "edge 1: expected 'source'"),
        ({"directed": True, "nodes": [{"id": 1}], "links": [7]}, "edge 1: expected 'source'"),
        ([{"id": 1, "parent_id": 2}, {"id": 2, "parent_id": 1}], "cycle"),
        ([{"id": 1, "parent_id": 5}], "'5'"),
        ([{"id": 1, "parent_id": None}, {"name": "x"}], "node 2: expected a node with an 'id'"),
        ([{"id": 1, "parent_id": None}, 7], "node 2: expected a node"),
        ([{"id": {"a": 1}, "parent_id": None}], "node 1: expected a text or a number"),
        ([{"id": 1, "parent_id": None, "common_names": 3.5, "ids": [1]}], "'ids' must be a dict"),
        ([{"id": 1, "parent_id": None, "synonyms": "x"}], "'synonyms' must be a list"),
        ({"directed": True, "nodes": [{"id": [1]}], "links": []}, "expected a text or a number"),
        ([{"id": True, "parent_id": None}], "expected a text or a number"),
    ],
)
def test_errors_name_the_node(tmp_path: Path, document: Any, told: str) -> None:
    with pytest.raises(TaxonomyError, match=told):
        JsonNodesReader().read(write(tmp_path / "a.json", document))


@pytest.mark.parametrize(
    "document",
    [
        [{"family": "Paridae", "species": "Parus major"}],
        [{"rank": "family", "name": "Paridae", "children": []}],
        {"ranks": ["genus"], "tree": ["Parus"]},
        [[["Animalia"], "animals"]],
    ],
)
def test_other_documents_are_not_recognised(tmp_path: Path, document: Any) -> None:
    path = write(tmp_path / "a.json", document)
    assert not JsonNodesReader().sniff(path, path.read_bytes())
    assert YamlReader().sniff(path, path.read_bytes())


def test_onecodex_ncbi_subset(shared_data: Path) -> None:
    path = shared_data / "ncbi_gtdb" / "onecodex" / "ncbi_subset_tax.json"
    document = json.loads(path.read_text("utf-8"))
    tree = read(path)
    taxa = [node for node in range(1, tree.n_nodes) if tree.kind_N[node] == TAXON]
    names = [node["name"] for node in document["nodes"]]
    expected = sorted((names[link["target"]], names[link["source"]]) for link in document["links"])  # child → parent
    assert (
        sorted(
            (tree.names[tree.owner(int(tree.parent_N[node]))], tree.names[node])
            for node in taxa
            if tree.parent_N[node] > 0
        )
        == expected
    )
    assert len(taxa) == len(names)
