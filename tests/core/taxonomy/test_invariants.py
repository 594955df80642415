from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.invariants import find_fault
from random_trees import trees


def holds_naively(tree: Taxonomy) -> bool:
    """Walks the tree from the root by its children, in their order, and numbers nodes and leaves."""
    below: dict[int, list[int]] = {node: [] for node in range(tree.n_nodes)}
    for node in range(1, tree.n_nodes):
        if not 0 <= tree.parent_N[node] < tree.n_nodes:
            return False
        below[int(tree.parent_N[node])].append(node)
    ranges: dict[int, tuple[int, int]] = {}
    order: list[int] = []
    leaves: list[int] = []

    def walk(node: int) -> None:
        order.append(node)
        start = len(leaves)
        if not below[node]:
            leaves.append(node)
        for child in below[node]:
            walk(child)
        ranges[node] = start, len(leaves)

    walk(0)
    return (
        order == list(range(tree.n_nodes))
        and leaves == tree.leaf_node_C.tolist()
        and [ranges[node] for node in order] == list(zip(tree.leaf_start_N.tolist(), tree.leaf_stop_N.tolist()))
    )


@given(trees(), st.data())
def test_changed_trees_are_judged_as_by_a_walk(tree: Taxonomy, data: st.DataObject) -> None:
    assert find_fault(tree) == "" and holds_naively(tree)
    name = data.draw(st.sampled_from(["parent_N", "leaf_start_N", "leaf_stop_N", "leaf_node_C"]))
    array = getattr(tree, name).copy()
    place = data.draw(st.integers(1 if name == "parent_N" else 0, max(len(array) - 1, 1)))
    if place >= len(array):
        return
    array[place] = data.draw(st.integers(-2, tree.n_nodes + 1))
    changed = replace(tree, **{name: array})
    assert (find_fault(changed) == "") == holds_naively(changed)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"parent_N": np.array([-1, 2, 1], np.int32)}, "no parent before it"),
        ({"parent_N": np.array([0, 0, 1], np.int32)}, "no root"),
        ({"rank_N": np.array([0, 1, 9], np.int16)}, "rank has no name"),
        ({"kind_N": np.array([3, 0, 3], np.uint8)}, "no kind"),
        ({"names": ("", "Parus")}, "names has 2 values for 3 nodes"),
        ({"leaf_node_C": np.array([1], np.int32)}, "not the leaves"),
        ({"class_of_row": np.array([0, 1], np.int32)}, "row is of no class"),
        ({"n_beside": 1}, "beside the tree"),
        ({"parent_N": np.array([-1, 0, 1], np.int64)}, "parent_N is int64"),
    ],
)
def test_faults_are_named(change: dict[str, Any], fault: str) -> None:
    builder = TaxonomyBuilder()
    builder.add_lineage([("genus", "Parus"), ("species", "Parus major")])
    tree = builder.build()
    assert (tree.n_nodes, find_fault(tree)) == (3, "")
    assert fault in find_fault(replace(tree, **change))
