"""Compiling, compared with a recursive reference, and on deep or wide trees."""

from __future__ import annotations

from dataclasses import dataclass, field
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.errors import TaxonomyError
from bioclip_x.limits import TREE_LEVELS
from bioclip_x.taxonomy import HOLE, SELF, TAXON, Taxonomy, TaxonomyBuilder, lineages
from bioclip_x.taxonomy.beside import add_beside
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.taxonomy.editing.restrict import restrict_with_index
from bioclip_x.taxonomy.ranks import ORDER

RANKS = ("", "clade x", "order", "family", "subfamily", "genus", "species")


@dataclass
class Node:
    rank: str
    name: str
    kind: int = TAXON
    is_class: bool = False
    children: list[Node] = field(default_factory=list)


@st.composite
def forests(draw: st.DrawFn) -> list[tuple[int, str, bool]]:
    """(parent, rank, is a class) of nodes 1, 2, …; 0 is the root."""
    n = draw(st.integers(1, 18))
    return [(draw(st.integers(0, i)), draw(st.sampled_from(RANKS)), draw(st.booleans())) for i in range(n)]


def by_recursion(forest: list[tuple[int, str, bool]]) -> Node:
    nodes = [Node("", "", kind=3)]
    for number, (parent, rank, is_class) in enumerate(forest, start=1):
        nodes.append(Node(rank, f"t{number}", is_class=is_class or rank == "species"))
        nodes[parent].children.append(nodes[-1])
    unruly: set[str] = set()

    def look(node: Node, above: str) -> None:
        if node.rank in ORDER:
            if above and ORDER[above] >= ORDER[node.rank]:
                unruly.update((above, node.rank))
            above = node.rank
        for child in node.children:
            look(child, above)

    look(nodes[0], "")
    ordered = sorted({node.rank for node in nodes if node.rank in ORDER} - unruly, key=ORDER.__getitem__)

    def between(top: int, bottom: int) -> list[str]:
        return [rank for rank in ordered if top < ORDER[rank] < bottom]

    def hang(parent: Node, holes: list[str], child: Node) -> None:
        for rank in holes:
            found = next((one for one in parent.children if one.kind == HOLE and one.rank == rank), None)
            if found is None:
                found = Node(rank, "", HOLE)
                parent.children.append(found)
            parent = found
        parent.children.append(child)

    def fill(node: Node, above: str) -> None:
        below = node.rank if node.rank in ORDER else above
        top = ORDER[below] if below else -1
        own, node.children = node.children, []
        for child in own:
            hang(node, between(top, ORDER[child.rank]) if child.rank in ordered else [], child)
            fill(child, below)
        if node.kind == TAXON and (node.is_class or not own):
            missing = between(top, 99) if node.rank in ordered else []
            if own or missing:
                hang(node, missing[:-1], Node(ordered[-1] if missing else "", node.name, SELF))

    fill(nodes[0], "")
    return nodes[0]


def shape(node: Node) -> tuple[object, ...]:
    return (node.rank, node.name, node.kind, frozenset(map(shape, node.children)))


def shape_of(tree: Taxonomy, node: int = 0) -> tuple[object, ...]:
    children = frozenset(shape_of(tree, child) for child in tree.children(node))
    return (tree.rank(node), tree.names[node], int(tree.kind_N[node]), children)


@given(forests())
def test_compiling_agrees_with_a_recursive_reference(forest: list[tuple[int, str, bool]]) -> None:
    builder = TaxonomyBuilder()
    for number, (parent, rank, is_class) in enumerate(forest, start=1):
        assert builder.add(parent, rank, f"t{number}", line=number + 1) == number
        if is_class:
            builder.mark_class(number)
    tree = builder.build()
    assert shape_of(tree) == shape(by_recursion(forest))
    for node in range(1, tree.n_nodes):  # depth first, and with the lines of the file
        assert tree.parent_N[node] < node
        assert tree.line_N is not None
        assert tree.line_N[node] == (int(tree.names[node][1:]) + 1 if tree.kind_N[node] == TAXON else 0)
    for node in range(tree.n_nodes):
        leaves = [c for c, leaf in enumerate(tree.leaf_node_C) if node in (0, *tree.path(int(leaf)))]
        assert leaves == list(range(tree.leaf_start_N[node], tree.leaf_stop_N[node]))


@given(forests(), st.integers(0, 2**32 - 1))
def test_restricting_equals_compiling_the_kept_classes(forest: list[tuple[int, str, bool]], seed: int) -> None:
    builder = TaxonomyBuilder()
    for number, (parent, rank, is_class) in enumerate(forest, start=1):
        builder.add(parent, rank, f"t{number}")
        if is_class:
            builder.mark_class(number)
    tree = builder.build()
    kept = np.flatnonzero(np.random.default_rng(seed).random(tree.n_classes) < 0.5)
    if not len(kept):
        kept = np.array([0])
    again = TaxonomyBuilder()
    node_of = {0: 0}
    for class_index in kept.tolist():
        for node in tree.path(tree.owner(int(tree.leaf_node_C[class_index]))):
            if tree.kind_N[node] == TAXON and node not in node_of:
                parent = node_of[tree.owner(int(tree.parent_N[node]))]
                node_of[node] = again.add(parent, tree.rank(node), tree.names[node], merge=False)
                again.mark_class(node_of[node], is_class=False)
    for class_index in kept.tolist():
        owner = tree.owner(int(tree.leaf_node_C[class_index]))
        again.mark_class(node_of[owner])
    part, old = restrict_with_index(tree, kept)
    assert shape_of(part) == shape_of(again.build())
    assert sorted(old.tolist()) == kept.tolist()
    assert [part.class_taxon(c) for c in range(part.n_classes)] == [tree.class_taxon(c) for c in old.tolist()]


def test_a_tree_of_the_most_levels_and_one_of_more() -> None:
    builder = TaxonomyBuilder()
    node = 0
    for level in range(TREE_LEVELS):
        node = builder.add(node, "", f"level {level}")
    tree = builder.build()
    assert tree.n_classes == 1 and len(tree.levels) == TREE_LEVELS + 1
    assert tree.names[TREE_LEVELS - 1] == f"level {TREE_LEVELS - 2}" and tree.leaf_node_C.tolist() == [TREE_LEVELS]
    builder.add(node, "", "one more")
    with pytest.raises(TaxonomyError, match=r"a\.csv has 5,001 levels; expected at most 5,000"):
        builder.build("a.csv")


def test_half_a_character_is_no_name() -> None:
    with pytest.raises(TaxonomyError, match=r"begins with 'Bus \\udcff' has half a character"):
        from_labels(["Aus", "Bus \udcffx", "Cus"])
    with pytest.raises(TaxonomyError, match="half a character"):
        add_beside(from_labels(["Aus"]), ["a\ud800"])


@given(st.lists(st.integers(0, 9), max_size=40))
def test_keys_are_numbered_in_order_of_appearance_by_sorting_and_hashing(keys: list[int]) -> None:
    expected = list(dict.fromkeys(keys))
    for few in (0, 100):
        with patch.object(lineages, "FEW", few):
            index, distinct = lineages.number_keys(np.array(keys, np.int64))
        assert distinct.tolist() == expected
        assert index.tolist() == [expected.index(key) for key in keys]
