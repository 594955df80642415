"""Reliability and accuracy against depth, against loops over images."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.evaluation.intervals import compute_binomial_interval
from bioclip_x.evaluation.metrics.curves import (
    compute_depth_curve,
    compute_reliability,
    compute_risk_curve,
    measure_calibration,
)
from bioclip_x.records import Logits
from bioclip_x.taxonomy import Taxonomy
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
        assert (point.low, point.high) == (compute_binomial_interval(hits, len(members)) or (None, None))
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


@given(st.lists(st.tuples(st.sampled_from((0.1, 0.4, 0.9)), st.booleans()), min_size=1, max_size=30))
def test_risk_equals_a_walk_over_the_most_certain_images(images: list[tuple[float, bool]]) -> None:
    points = compute_risk_curve([share for share, _ in images], [right for _, right in images])
    for point, tenth in zip(points, range(1, 11), strict=True):
        of = max(1, math.ceil(tenth * len(images) / 10))
        ranked = sorted(images, reverse=True)
        edge = ranked[of - 1][0]
        tied = [right for share, right in images if share == edge]
        above = [right for share, right in images if share > edge]
        wrong = sum(not right for right in above) + (of - len(above)) * sum(not right for right in tied) / len(tied)
        assert (point.of, point.value) == (of, pytest.approx(wrong / of))
        assert point.low is None or point.low <= point.value + 1e-9 <= point.high + 2e-9


@given(st.lists(st.tuples(st.sampled_from((0.0, 0.2, 1 / 3, 0.61, 1.0)), st.booleans()), min_size=1, max_size=60))
def test_calibration_errors_equal_loops(images: list[tuple[float, bool]]) -> None:
    bins: dict[int, list[tuple[float, bool]]] = {}
    for share, right in images:
        bins.setdefault(max(0, math.ceil(share * 15) - 1), []).append((share, right))
    gap = {i: abs(sum(s - r for s, r in members) / len(members)) for i, members in bins.items()}
    found = measure_calibration([share for share, _ in images], [right for _, right in images])
    assert found["ECE"].value == pytest.approx(sum(gap[i] * len(bins[i]) for i in bins) / len(images))
    large = [gap[i] for i in bins if len(bins[i]) >= 10]
    assert found["MCE"].value == (pytest.approx(max(large)) if large else None)
