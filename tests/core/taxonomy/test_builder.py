from __future__ import annotations

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.errors import TaxonomyError
from bioclip_x.taxonomy import HOLE, SELF, TAXON, Details, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.taxonomy.editing.restrict import restrict
from bioclip_x.taxonomy.networkx_graph import from_networkx, to_networkx

SEVEN = ("kingdom", "phylum", "class", "order", "family", "genus", "species")

lineages = st.lists(
    st.tuples(*(st.sampled_from(["", "A", "B"]) for _ in SEVEN)).filter(any), min_size=1, max_size=12, unique=True
)


def build(rows: list[tuple[str, ...]]) -> Taxonomy:
    builder = TaxonomyBuilder()
    for row in rows:
        builder.add_lineage(list(zip(SEVEN, row)))
    return builder.build()


def test_a_hand_worked_tree() -> None:
    tree = build(
        [
            ("Animalia", "Chordata", "Aves", "", "", "Parus", "Parus major"),
            ("Animalia", "Chordata", "", "", "", "Emys", "Emys orbicularis"),
            ("Plantae", "", "", "", "", "Quercus", ""),
            ("Plantae", "", "", "", "", "Quercus", "Quercus robur"),
        ]
    )
    rows = [
        (tree.rank(n), tree.names[n], int(tree.kind_N[n]), int(tree.leaf_start_N[n]), int(tree.leaf_stop_N[n]))
        for n in range(1, tree.n_nodes)
    ]
    # Order and family stand in no lineage, so they are no rank of this tree and get no holes.
    assert rows == [
        ("kingdom", "Animalia", TAXON, 0, 2),
        ("phylum", "Chordata", TAXON, 0, 2),
        ("class", "Aves", TAXON, 0, 1),
        ("genus", "Parus", TAXON, 0, 1),
        ("species", "Parus major", TAXON, 0, 1),
        ("class", "", HOLE, 1, 2),
        ("genus", "Emys", TAXON, 1, 2),
        ("species", "Emys orbicularis", TAXON, 1, 2),
        ("kingdom", "Plantae", TAXON, 2, 4),
        ("phylum", "", HOLE, 2, 4),
        ("class", "", HOLE, 2, 4),
        ("genus", "Quercus", TAXON, 2, 4),
        ("species", "Quercus robur", TAXON, 2, 3),
        ("species", "Quercus", SELF, 3, 4),
    ]
    assert list(tree.rank_tables) == ["kingdom", "phylum", "class", "genus", "species"]
    assert [tree.class_taxon(c).name for c in range(4)] == [
        "Parus major", "Emys orbicularis", "Quercus robur", "Quercus",
    ]  # fmt: skip
    assert tree.class_taxon(3).rank == "genus"
    assert tree.class_taxon(1).lineage == (
        ("kingdom", "Animalia"), ("phylum", "Chordata"), ("genus", "Emys"), ("species", "Emys orbicularis"),
    )  # fmt: skip


def test_homonyms_in_two_kingdoms_are_separate_nodes() -> None:
    tree = build(
        [
            ("Animalia", "", "", "", "", "Morus", "Morus bassanus"),
            ("Plantae", "", "", "", "", "Morus", "Morus alba"),
        ]
    )
    genera = [n for n in range(tree.n_nodes) if tree.names[n] == "Morus"]
    assert len(genera) == 2
    assert [tree.taxon(n).at("kingdom") for n in genera] == ["Animalia", "Plantae"]


@given(lineages)
def test_every_rank_table_partitions_the_leaves(rows: list[tuple[str, ...]]) -> None:
    tree = build(rows)
    assert tree.n_classes == len(rows)
    used = [rank for i, rank in enumerate(SEVEN) if any(row[i] for row in rows)]
    assert list(tree.rank_tables) == used
    for nodes in tree.rank_tables.values():
        covered = [leaf for n in nodes for leaf in range(tree.leaf_start_N[n], tree.leaf_stop_N[n])]
        assert covered == list(range(tree.n_classes))


@given(lineages)
def test_leaf_ranges_agree_with_a_traversal(rows: list[tuple[str, ...]]) -> None:
    tree = build(rows)

    def leaves(node: int) -> list[int]:
        below = [leaf for child in tree.children(node) for leaf in leaves(child)]
        return below or [tree.leaf_node_C.tolist().index(node)]

    for node in range(tree.n_nodes):
        assert leaves(node) == list(range(tree.leaf_start_N[node], tree.leaf_stop_N[node]))


@given(lineages)
def test_networkx_round_trip(rows: list[tuple[str, ...]]) -> None:
    tree = build(rows)
    again = from_networkx(to_networkx(tree))
    assert sorted(again.class_taxon(c).lineage for c in range(again.n_classes)) == sorted(
        tree.class_taxon(c).lineage for c in range(tree.n_classes)
    )
    assert sorted(again.names) == sorted(tree.names)


def test_networkx_keeps_details_and_classes_on_inner_nodes() -> None:
    graph = nx.DiGraph([("oaks", "English oak")])
    graph.nodes["oaks"].update(rank="genus", name="Quercus", is_class=True, common_names={"en": ["oak"]})
    graph.nodes["English oak"].update(rank="species", name="Quercus robur", ids={"gbif": "2878688"})
    tree = from_networkx(graph)
    assert {tree.class_taxon(c).name for c in range(tree.n_classes)} == {"Quercus", "Quercus robur"}
    back = to_networkx(tree)
    by_name = {about["name"]: about for _, about in back.nodes(data=True)}
    assert by_name["Quercus"]["is_class"] and by_name["Quercus"]["common_names"] == {"en": ("oak",)}
    assert by_name["Quercus robur"]["ids"] == {"gbif": "2878688"}


@pytest.mark.parametrize(
    ("edges", "message"),
    [([("a", "b"), ("b", "a")], "cycle"), ([("a", "c"), ("b", "c")], "several parents, first 'c'")],
)
def test_networkx_graphs_that_are_not_trees_are_errors(edges: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(TaxonomyError, match=message):
        from_networkx(nx.DiGraph(edges))


@pytest.mark.parametrize("key", ["common_names", "ids", "extra"])
def test_networkx_attributes_of_a_wrong_type_are_errors(key: str) -> None:
    graph = nx.DiGraph([("birds", "robin")])
    graph.nodes["robin"][key] = "Rotkehlchen"
    with pytest.raises(TaxonomyError, match=f"node 'robin': {key} must be a mapping such as .*, got 'Rotkehlchen'"):
        from_networkx(graph)


def test_networkx_undirected_and_empty() -> None:
    with pytest.raises(TaxonomyError, match="undirected"):
        from_networkx(nx.Graph([("a", "b")]))  # type: ignore[arg-type]
    with pytest.raises(TaxonomyError, match="empty"):
        from_networkx(nx.DiGraph())


def test_repeated_ranks_get_no_table() -> None:
    """NCBI repeats clades on a path, and places some ranks out of order: neither is a partition."""
    builder = TaxonomyBuilder()
    genus = builder.add(builder.add(builder.add(0, "clade", "X"), "clade", "Y"), "genus", "G")
    builder.add(builder.add(genus, "genus", "G again"), "species", "G g")
    assert list(builder.build().rank_tables) == ["species"]


def test_labels() -> None:
    tree = from_labels(["red fox", "gray wolf"])
    assert [tree.class_taxon(c).name for c in range(2)] == ["red fox", "gray wolf"]
    assert tree.rank_tables == {}
    with pytest.raises(TaxonomyError, match="'red fox' is given twice"):
        from_labels(["red fox", "red fox"])
    with pytest.raises(TaxonomyError, match="empty"):
        from_labels(["red fox", " "])


def test_restrict_keeps_paths_and_details() -> None:
    builder = TaxonomyBuilder()
    for name in ("Parus major", "Parus minor"):
        builder.add_lineage(
            [("family", "Paridae"), ("genus", "Parus"), ("species", name)], Details({"en": (name.upper(),)})
        )
    part = restrict(builder.build(), [1])
    assert part.n_classes == 1
    assert part.class_taxon(0).lineage == (("family", "Paridae"), ("genus", "Parus"), ("species", "Parus minor"))
    assert part.class_taxon(0).common_name() == "PARUS MINOR"
    with pytest.raises(TaxonomyError, match="no class is left"):
        restrict(builder.build(), [])


def test_fingerprint_depends_on_the_tree_only() -> None:
    rows = [("A", "", "", "", "", "G", "G g"), ("A", "", "", "", "", "H", "H h")]
    assert build(rows).fingerprint == build(rows).fingerprint != build(rows[:1]).fingerprint


def test_networkx_nodes_with_several_parents_are_kept_once_or_copied() -> None:
    graph = nx.DiGraph([("A", "C"), ("B", "C"), ("C", "D")])
    with pytest.raises(TaxonomyError, match=r"'C' .*'A', 'B'.*several_parents='first'"):
        from_networkx(graph)
    first = from_networkx(graph, several_parents="first")
    assert sorted(first.class_taxon(c).name for c in range(first.n_classes)) == ["B", "D"]
    every = from_networkx(graph, several_parents="all")
    assert [every.class_taxon(c).lineage[0][1] for c in range(every.n_classes)] == ["A", "B"]
    assert {every.class_taxon(c).name for c in range(every.n_classes)} == {"D"}
