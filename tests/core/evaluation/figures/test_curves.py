"""Reliability and accuracy against depth, against loops over images."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.evaluation.figures.curves import (
    compute_calibration_errors,
    compute_depth_curve,
    compute_depths,
    compute_reliability,
    make_rank_points,
)
from bioclip_x.evaluation.intervals import compute_wilson_interval
from bioclip_x.records import Logits, Measure
from bioclip_x.taxonomy import TAXON, Taxonomy
from bioclip_x.taxonomy.scoring.hedging import compute_bets
from bioclip_x.taxonomy.scoring.rollup import roll_up
from bioclip_x.taxonomy.tree import HOLE
from random_trees import trees


@given(st.lists(st.tuples(st.sampled_from((0.0, 0.04, 0.1, 0.11, 0.5, 0.73, 1.0)), st.booleans()), max_size=30))
def test_reliability_equals_a_loop(images: list[tuple[float, bool]]) -> None:
    bins: dict[int, list[tuple[float, bool]]] = {}
    for share, right in images:
        bins.setdefault(max(0, math.ceil(share * 10) - 1), []).append((share, right))
    points = compute_reliability([share for share, _ in images], [right for _, right in images])
    assert len(points) == len(bins)
    for point, (number, members) in zip(points, sorted(bins.items())):
        hits = sum(right for _, right in members)
        assert point.x == pytest.approx(sum(share for share, _ in members) / len(members))
        assert (point.value, point.of) == (hits / len(members), len(members))
        assert (point.low, point.high) == compute_wilson_interval(hits, len(members))
        assert f"{number * 10}% to {number * 10 + 10}%" in point.label


@given(trees(), st.integers(0, 1000))
def test_depth_curve_equals_a_search_over_all_taxa(tree: Taxonomy, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits_BC = torch.tensor(rng.normal(size=(6, tree.n_classes)) * 2)
    class_n = rng.integers(0, tree.n_classes, 6)
    scores = roll_up(Logits.of(logits_BC.float()), tree)
    points = compute_depth_curve(compute_bets(scores, tree), class_n, tree, (1e-9, 0.6, 0.9))
    probs_BC = torch.softmax(logits_BC, 1).numpy()

    def find_named(row: int, threshold: float) -> int:
        """The smallest clade that is probable enough; of equals the most probable."""
        spans = zip(tree.leaf_start_N.tolist(), tree.leaf_stop_N.tolist())
        sums = [float(probs_BC[row, start:stop].sum()) for start, stop in spans]
        named = [node for node in range(tree.n_nodes) if sums[node] >= threshold - 1e-6 and tree.kind_N[node] != HOLE]
        return min(named, key=lambda node: (tree.leaf_stop_N[node] - tree.leaf_start_N[node], -sums[node]))

    for point, threshold in zip(points, (1e-9, 0.6, 0.9)):
        right = [
            tree.leaf_start_N[node] <= class_n[row] < tree.leaf_stop_N[node]
            for row in range(6)
            for node in [find_named(row, threshold)]
        ]
        assert point.value == pytest.approx(np.mean(right))
        assert point.of == 6
    assert points[1].value <= points[2].value  # from one half on, what is named with less certainty lies below


@given(trees())
def test_depth_is_the_number_of_taxa_on_the_path(tree: Taxonomy) -> None:
    expected = [sum(tree.kind_N[above] == TAXON for above in tree.path(node)) for node in range(tree.n_nodes)]
    assert compute_depths(tree).tolist() == expected


def test_ranks_without_images_keep_their_place() -> None:
    points = make_rank_points([("order", Measure(1.0, 0.5, 1.0, 4)), ("class", Measure(None, None, None, 0)),
                               ("genus", Measure(0.25, 0.1, 0.6, 4))])  # fmt: skip
    assert [(point.x, point.value, point.label) for point in points] == [(0.0, 1.0, "order"), (2.0, 0.25, "genus")]


def test_calibration_errors_worked_out_by_hand() -> None:
    # Shares 0.9 and 0.9, one right; share 0.3, wrong: gaps of 0.4 over two images, and of 0.3 over one.
    errors = compute_calibration_errors(compute_reliability([0.9, 0.9, 0.3], [1, 0, 0]))
    assert errors["ECE"].value == pytest.approx((2 * 0.4 + 0.3) / 3)
    assert errors["MCE"].value == pytest.approx(0.4)
    assert compute_calibration_errors(()) == {}
