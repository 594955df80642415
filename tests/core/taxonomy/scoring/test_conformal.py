"""Conformal sets against loops in float64, and their coverage on simulated data against its law."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bioclip_x.calibration.sets import compute_coverage_law
from bioclip_x.records import Logits
from bioclip_x.taxonomy import HOLE, Taxonomy
from bioclip_x.taxonomy.scoring import conformal
from bioclip_x.taxonomy.scoring.rollup import roll_up
from random_trees import above, classes_below, in_parts, logits, shares, trees


def naive_set(p: np.ndarray, kind: str, q: float) -> set[int]:
    """Classes by descending probability, the first of equals first."""
    order = sorted(range(len(p)), key=lambda c: (-p[c], c))
    members = {order[0]}
    before = 0.0
    for place, c in enumerate(order):
        score = -math.log(p[c]) if kind == "lac" else before
        if place and score <= q:
            members.add(c)
        before += p[c]
    return members


@given(trees(), logits, st.sampled_from(["lac", "aps"]), st.floats(0.05, 0.97))
def test_sets_are_those_of_loops(tree: Taxonomy, many: np.ndarray, kind: str, level: float) -> None:
    logits_BC = many[:, : tree.n_classes] / max(1.0, float(np.abs(many).max()) / 5)
    q = -math.log(level) if kind == "lac" else level
    scores = conformal.roll_up_sets(in_parts(logits_BC), tree, kind, q, 1)  # type: ignore[arg-type]
    assert scores.reported_BK is not None
    for row in range(3):
        p = np.exp(logits_BC[row].astype(np.float64))
        p /= p.sum()
        order = np.sort(p)[::-1]
        near = -np.log(p) if kind == "lac" else np.cumsum(order) - order
        if np.abs(near - q).min() < 1e-5 or np.unique(p.round(7)).size < len(p):
            continue  # at the threshold, and among equals, rounding decides
        found = {int(node) for node in scores.reported_BK[row] if node >= 0}
        expected = {int(tree.leaf_node_C[c]) for c in naive_set(p, kind, q)}
        assert found == expected
        for c in range(tree.n_classes):
            score = conformal.score_classes(
                roll_up(in_parts(logits_BC), tree, n_best=tree.n_classes),
                np.full(3, c),
                kind,
                tree,  # type: ignore[arg-type]
            )[row]
            assert (score <= q) == (int(tree.leaf_node_C[c]) in expected)


@given(trees(), logits, st.floats(0.02, 0.98))
def test_clades_are_those_of_a_walk(tree: Taxonomy, many: np.ndarray, q: float) -> None:
    logits_BC = many[:, : tree.n_classes] / max(1.0, float(np.abs(many).max()) / 5)
    scores = roll_up(in_parts(logits_BC), tree)
    found_B = conformal.find_clades(scores, tree, q)
    for row in range(3):
        share = shares(logits_BC[row], tree)
        if min(abs(one - q) for one in share) < 1e-5:
            continue
        path = above(tree, int(tree.leaf_node_C[scores.top_BK[row, 0]]))
        smallest = next((node for node in path if share[node] > q), 0)
        expected = next(node for node in above(tree, smallest) if tree.kind_N[node] != HOLE)
        assert found_B[row] == expected
        for c in range(tree.n_classes):
            score = conformal.score_classes(scores, np.full(3, c), "clade", tree)[row]
            assert (score <= q) == (c in classes_below(tree, smallest))


def test_the_threshold_is_that_of_the_theorem() -> None:
    rng = np.random.default_rng(0)
    for n, coverage in [(9, 0.9), (19, 0.95), (20, 0.95), (57, 0.8), (99, 0.99), (1, 0.5)]:
        score_n = rng.normal(size=n)
        k = next(k for k in range(1, n + 2) if k / (n + 1) >= coverage - 1e-12)
        expected = sorted(score_n)[k - 1] if k <= n else math.inf
        assert conformal.find_conformal_threshold(score_n, coverage) == expected
    for coverage in (0.5, 0.8, 0.9, 0.95, 0.99):
        fewest = conformal.find_fewest(coverage)
        assert math.isfinite(conformal.find_conformal_threshold(np.zeros(fewest), coverage))
        assert math.isinf(conformal.find_conformal_threshold(np.zeros(fewest - 1), coverage))


@pytest.mark.parametrize("kind", conformal.SET_SCORES)
def test_coverage_of_exchangeable_images_follows_the_law(kind: conformal.SetScore) -> None:
    """Labels drawn from probabilities that are not the model's: the guarantee does not need calibrated ones."""
    rng = np.random.default_rng(3)
    builder_logits = rng.normal(size=(6000, 12)) * 1.5
    from bioclip_x.taxonomy import TaxonomyBuilder

    builder = TaxonomyBuilder()
    for c in range(12):
        builder.add_lineage([("order", f"o{c // 6}"), ("family", f"f{c // 3}"), ("species", f"s{c}")])
    tree = builder.build()
    truth = np.exp(0.5 * builder_logits + rng.normal(size=12))
    class_n = np.array([rng.choice(12, p=p / p.sum()) for p in truth])
    scores = roll_up(Logits.of(torch.from_numpy(builder_logits).float()), tree, n_best=12)
    score_n = conformal.score_classes(scores, class_n, kind, tree)
    assert (score_n == 0).mean() < 0.7  # below the coverage, so that the threshold is not among equal scores
    n, coverage = 60, 0.85
    reached = []
    for _ in range(1500):
        drawn = rng.permutation(6000)
        q = conformal.find_conformal_threshold(score_n[drawn[:n]], coverage)
        reached.append((score_n[drawn[n:]] <= q).mean())
    k = conformal.find_order(n, coverage)
    law = stats.beta(k, n + 1 - k)
    spread = law.std() / math.sqrt(len(reached))
    few_values = 1 / len(np.unique(score_n.round(6)))  # clades have few distinct scores: ties cover a little more
    assert law.mean() - 4 * spread < np.mean(reached) < law.mean() + 4 * spread + (0.02 if few_values > 0.01 else 0)
    assert np.mean(reached) >= coverage - 4 * spread
    low, high = compute_coverage_law(n, coverage)
    assert np.mean([low <= one <= high for one in reached]) == pytest.approx(0.95, abs=0.03)
