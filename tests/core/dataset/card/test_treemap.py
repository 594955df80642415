"""The layout of the map."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.dataset.card.treemap import Box, Node, Tile, choose_labels, lay_out, prune, squarify

values_of = st.lists(st.integers(1, 10**7), min_size=1, max_size=40).map(lambda one: sorted(one, reverse=True))
side = st.floats(1, 2000)


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> Node:
    ranks = ("kingdom", "phylum", "class", "order")
    name = draw(st.text("abc", max_size=8))
    children = draw(st.lists(trees(depth=depth - 1), max_size=4)) if depth else []
    children.sort(key=lambda child: -child.images)
    images = sum(child.images for child in children) if children else draw(st.integers(1, 1000))
    return Node(name, ranks[3 - depth], images, tuple(children))


def overlap(one: Box, other: Box) -> float:
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return max(width, 0) * max(height, 0)


def is_inside(box: Box, outer: Box, by: float = 1e-6) -> bool:
    return (
        box.x >= outer.x - by
        and box.y >= outer.y - by
        and box.x + box.width <= outer.x + outer.width + by
        and box.y + box.height <= outer.y + outer.height + by
    )


@given(values_of, side, side)
def test_areas_are_proportional_boxes_lie_inside_and_none_overlap(
    values: list[int], width: float, height: float
) -> None:
    whole = Box(3, 5, width, height)
    boxes = squarify(values, whole)
    total = sum(values)
    assert [box.area for box in boxes] == pytest.approx([value / total * whole.area for value in values], rel=1e-6)
    assert all(is_inside(box, whole) for box in boxes)
    assert sum(overlap(*pair) for pair in combinations(boxes, 2)) == pytest.approx(0, abs=1e-6 * whole.area)


def test_the_example_of_the_paper() -> None:
    """Figure 4 of Bruls et al.: areas 6, 6, 4, 3, 2, 2, 1 in a box of 6 by 4."""
    boxes = squarify([6, 6, 4, 3, 2, 2, 1], Box(0, 0, 6, 4))
    expected = [
        (0, 0, 3, 2),
        (0, 2, 3, 2),
        (3, 0, 12 / 7, 7 / 3),
        (3 + 12 / 7, 0, 9 / 7, 7 / 3),
        (3, 7 / 3, 1.2, 5 / 3),
    ]
    for box, numbers in zip(boxes, expected):
        assert box == pytest.approx(numbers)


def test_nothing_to_lay_out() -> None:
    assert squarify([], Box(0, 0, 1, 1)) == []


@given(trees())
def test_leaves_fill_the_map_by_their_images(tree: Node) -> None:
    box = Box(0, 0, 300, 200)
    tiles = list(lay_out(tree, box))
    for tile in tiles:
        assert tile.box.area == pytest.approx(tile.node.images / tree.images * box.area, rel=1e-6)
        above = [one for one in tiles if any(node is one.node for node in tile.path)]
        assert all(is_inside(tile.box, one.box) for one in above)


@given(trees())
def test_labels_do_not_overlap_and_fit(tree: Node) -> None:
    labels = choose_labels(list(lay_out(tree, Box(0, 0, 300, 200))))
    for one, other in combinations(labels, 2):
        assert overlap(one.tile.box, other.tile.box) == pytest.approx(0, abs=1e-3)
    for label in labels:
        assert 9 <= label.size <= 21
        assert label.size < label.tile.box.height


def test_a_taxon_is_named_where_too_little_of_it_is() -> None:
    genera = (Node("Parus", "genus", 4), *(Node(f"Genus {i}", "genus", 1) for i in range(6)))
    tree = Node("", "", 10, (Node("Paridae", "family", 10, genera),))
    assert [label.text for label in choose_labels(list(lay_out(tree, Box(0, 0, 120, 60))))] == ["Paridae"]
    large = [label.text for label in choose_labels(list(lay_out(tree, Box(0, 0, 1200, 600))))]
    assert large == [genus.name for genus in genera]


@given(trees(), st.integers(1, 500))
def test_pruning_keeps_the_images_and_counts_the_taxa(tree: Node, least: int) -> None:
    pruned = prune(tree, least)
    assert pruned.images == tree.images
    stack = [(pruned, tree)]
    while stack:
        after, before = stack.pop()
        if not after.children:
            continue
        assert sum(child.images for child in after.children) == after.images
        assert sum(child.pooled or bool(child.name) for child in after.children) == sum(
            bool(child.name) for child in before.children
        )
        assert all(child.images >= least for child in after.children if child.name and not child.pooled)
        large = [child for child in before.children if child.images >= least]
        stack += zip((child for child in after.children if not child.pooled and child.images >= least), large)


def test_a_tile_has_the_node_at_the_end_of_its_path() -> None:
    node = Node("Aves", "class", 3)
    assert Tile((Node("Chordata", "phylum", 3, (node,)), node), Box(0, 0, 1, 1)).node is node
