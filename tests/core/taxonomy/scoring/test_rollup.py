from __future__ import annotations

import math
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.records import Logits, Scores
from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder, tree
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.taxonomy.scoring.best_classes import BLOCK, select_top_rows
from bioclip_x.taxonomy.scoring.rollup import get_plan, roll_up

HALF_ULP = 2.0**-24
"""Largest relative rounding error of a float32 operation."""


@st.composite
def trees(draw: st.DrawFn) -> Taxonomy:
    """Random trees with classes on some inner nodes; unranked, or with repeated, skipped and misplaced ranks."""
    builder = TaxonomyBuilder()
    ranks = draw(st.sampled_from([("",), ("family", "genus", "species"), ("", "order", "family", "genus", "species")]))
    for number in range(1, draw(st.integers(1, 25)) + 1):
        node = builder.add(draw(st.integers(0, number - 1)), draw(st.sampled_from(ranks)), f"taxon {number}")
        if draw(st.booleans()):
            builder.mark_class(node)
    return builder.build()


def naive(logits_C: np.ndarray, taxonomy: Taxonomy, node: int) -> float:
    """The log-probability of a node: a sum over the leaves below it, found by traversal, in float64."""

    def logsumexp(values: list[float]) -> float:
        top = max(values)
        return top + math.log(math.fsum(math.exp(x - top) for x in values))

    below = []
    for c, leaf in enumerate(taxonomy.leaf_node_C):
        above = int(leaf)
        while above not in (node, -1):
            above = int(taxonomy.parent_N[above])
        if above == node:
            below.append(float(logits_C[c]))
    return logsumexp(below) - logsumexp(logits_C.tolist())


def in_parts(logits_BC: torch.Tensor, size: int) -> Logits:
    """Logits that come in parts of `size` classes."""

    class InParts(Logits):
        def chunks(self):  # type: ignore[no-untyped-def]
            for start in range(0, self.n_classes, size):
                yield start, self.part(start, min(start + size, self.n_classes))

    whole = Logits.of(logits_BC)
    return InParts(whole.part, whole.n_images, whole.n_classes)


def assert_as_exact_as_float32(log_probs: torch.Tensor, expected: list[float]) -> None:
    """Within what float32 leaves to a tree of 25 taxa.

    A logit's difference to the reference is rounded, and the log in the end, each by half an ulp: in proportion to the log.
    Exps, sums and quotients came to 9 half ulps at most in 10^8 probabilities of such trees. The walk itself is within 1e-13.
    """
    np.testing.assert_allclose(log_probs.numpy(), expected, rtol=2 * HALF_ULP, atol=12 * HALF_ULP)


@given(
    trees(),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1.0, 10.0, 20.0, 100.0]),
    st.integers(1, 9),
    st.sampled_from([0, tree.SMALL]),
)
def test_agrees_with_a_traversal(taxonomy: Taxonomy, seed: int, scale: float, size: int, small: int) -> None:
    """At 20, logits are as far apart as sums in float32 can be; at 100, mostly further."""
    logits = np.random.default_rng(seed).uniform(-scale, scale, (3, taxonomy.n_classes)).astype(np.float32)
    with patch.object(tree, "SMALL", small):  # in a tree that holds no leaves, runs go on from part to part
        taxonomy = replace(taxonomy)
        assert len(taxonomy.held_nodes)  # worked out once, and kept
    scores = roll_up(in_parts(torch.from_numpy(logits), size), taxonomy, n_best=4)
    assert scores.log_probs_BI.dtype == torch.float32 and scores.log_probs_BI.shape == (3, len(taxonomy.held_nodes))
    for row in range(3):
        expected = [naive(logits[row].astype(np.float64), taxonomy, int(node)) for node in taxonomy.held_nodes]
        assert_as_exact_as_float32(scores.log_probs_BI[row], expected)
        np.testing.assert_allclose(scores.log_probs_BI[row].exp().numpy(), np.exp(expected), rtol=0, atol=1e-6)
        best = np.argsort(-logits[row], kind="stable")[:4]
        np.testing.assert_array_equal(logits[row][scores.top_BK[row].numpy()], logits[row][best])
        expected = [
            naive(logits[row].astype(np.float64), taxonomy, int(taxonomy.leaf_node_C[c])) for c in scores.top_BK[row]
        ]
        assert_as_exact_as_float32(scores.log_top_BK[row], expected)


@given(trees(), st.integers(0, 2**32 - 1))
def test_shares_at_every_rank_that_has_a_table_sum_to_one(taxonomy: Taxonomy, seed: int) -> None:
    logits = torch.from_numpy(np.random.default_rng(seed).normal(0, 20, (2, taxonomy.n_classes)).astype(np.float32))
    scores = roll_up(Logits.of(logits), taxonomy)
    for nodes in taxonomy.rank_tables.values():
        shares = scores.log_probs_BI[:, torch.from_numpy(taxonomy.place_N[nodes])].double().exp().sum(1)
        np.testing.assert_allclose(shares.numpy(), 1, atol=1e-6)


def two_families() -> Taxonomy:
    builder = TaxonomyBuilder()
    for family, species in [("A", "a"), ("B", "b1"), ("B", "b2")]:
        builder.add_lineage([("family", family), ("species", species)])
    return builder.build()


@pytest.mark.parametrize("logits", [[100.0, -100.0, -100.0], [-100.0, -100.0, 100.0], [-3e38, 0.0, 3e38]])
def test_a_clade_whose_share_underflows_keeps_its_log(logits: list[float]) -> None:
    taxonomy = two_families()
    for size in (1, 2, 3):
        scores = roll_up(in_parts(torch.tensor([logits]), size), taxonomy, n_best=3)
        if max(map(abs, logits)) == 100.0:
            exact = [naive(np.array(logits), taxonomy, node) for node in range(taxonomy.n_nodes)]
            np.testing.assert_allclose(scores.log_probs_BI[0].numpy(), exact, rtol=1e-6)
        assert not scores.log_probs_BI.isnan().any()


def test_a_later_part_may_lie_far_above_the_first() -> None:
    """Differences beyond the range of float64's exp, so that the reference must move."""
    taxonomy = two_families()
    scores = roll_up(in_parts(torch.tensor([[-1000.0, 0.0, 1000.0], [0.0, 0.0, 0.0]]), 1), taxonomy, n_best=2)
    family_b = taxonomy.names.index("B")
    assert float(scores.log_probs_BI[0, family_b]) == 0.0
    assert float(scores.log_probs_BI[1, family_b]) == pytest.approx(math.log(2 / 3))
    assert scores.top_BK.tolist()[0] == [2, 1]
    assert scores.log_top_BK[0].tolist() == [0.0, -1000.0]


def test_a_later_part_far_above_the_first_costs_no_digits() -> None:
    """Relative to the first part, the two largest lie at 33.6 and 30.6, rounded by 1e-6: the probabilities must not be."""
    taxonomy = two_families()
    logits = torch.tensor([[-16.2, 17.4, 14.4]])
    scores = roll_up(in_parts(logits, 1), taxonomy, n_best=2)
    expected = [naive(logits[0].double().numpy(), taxonomy, int(taxonomy.leaf_node_C[c])) for c in (1, 2)]
    assert scores.top_BK.tolist() == [[1, 2]]
    np.testing.assert_allclose(scores.log_top_BK[0].numpy(), expected, rtol=0, atol=2e-7)
    of_leaves = scores.log_probs_BI[0, torch.from_numpy(taxonomy.leaf_node_C[1:].astype(np.int64))]
    np.testing.assert_allclose(of_leaves.numpy(), expected, rtol=0, atol=2e-7)


@pytest.mark.parametrize(
    "logits",
    [
        [0.0, 5.0, 10.0, 15.0],
        [0.0, 5.0, 10.0, 9.0],
        [10.0, 0.0, 15.0, 5.0],
        [0.0, 1.0, 60.0, 50.0],
        [-30.0, 0.0, 5.0, 45.0],
    ],
)
def test_a_run_follows_the_reference_through_its_parts(logits: list[float]) -> None:
    """The first three classes are one run; each is a part, often far above the previous one."""
    builder = TaxonomyBuilder()
    for family, species in [("A", "a1"), ("A", "a2"), ("A", "a3"), ("B", "b")]:
        builder.add_lineage([("family", family), ("species", species)])
    with patch.object(tree, "SMALL", 0):
        taxonomy = builder.build()
        assert get_plan(taxonomy, torch.device("cpu")).run_C.tolist() == [0, 0, 0, 1]
    scores = roll_up(in_parts(torch.tensor([logits]), 1), taxonomy, n_best=4)
    exact = [naive(np.array(logits), taxonomy, node) for node in range(taxonomy.n_nodes)]
    assert_as_exact_as_float32(scores.log_probs_BI[0], [exact[node] for node in taxonomy.held_nodes])
    assert_as_exact_as_float32(scores.log_top_BK[0], [exact[taxonomy.leaf_node_C[c]] for c in scores.top_BK[0]])


def test_impossible_classes_stay_impossible() -> None:
    taxonomy = from_labels(["a", "b", "c"])
    for size in (1, 3):
        scores = roll_up(in_parts(torch.tensor([[-torch.inf, 0.0, -torch.inf]]), size), taxonomy, n_best=2)
        assert scores.log_probs_BI[0].tolist() == [0.0, -math.inf, 0.0, -math.inf]
        assert (int(scores.top_BK[0, 0]), float(scores.log_top_BK[0, 0])) == (1, 0.0)


def test_many_equal_classes_below_one_node_lose_nothing() -> None:
    """A sequential float32 sum would be wrong in the fourth digit."""
    taxonomy = from_labels([f"label {i}" for i in range(200_000)])
    logits = Logits.of(torch.full((1, 200_000), 0.1))
    scores = roll_up(logits, taxonomy)
    assert len(taxonomy.held_nodes) == 1  # large enough for its leaves to be gone again
    np.testing.assert_allclose(scores.log_top_BK[0].double(), -math.log(200_000), atol=1e-6)


def shares_of_inner_nodes(taxonomy: Taxonomy, logits: Logits) -> tuple[Scores, np.ndarray]:
    scores = roll_up(logits, taxonomy, n_best=2)
    inner = np.unique(taxonomy.parent_N[1:])
    return scores, scores.log_probs_BI[:, torch.from_numpy(taxonomy.place_N[inner])].numpy()


@given(trees(), st.integers(0, 2**32 - 1))
def test_a_large_tree_is_the_same_tree(taxonomy: Taxonomy, seed: int) -> None:
    logits = torch.from_numpy(np.random.default_rng(seed).normal(0, 5, (2, taxonomy.n_classes)).astype(np.float32))
    scores, inner = shares_of_inner_nodes(taxonomy, in_parts(logits, 3))
    with patch.object(tree, "SMALL", 0):
        large = replace(taxonomy)  # without what is worked out once
        other, other_inner = shares_of_inner_nodes(large, in_parts(logits, 3))
        np.testing.assert_allclose(inner, other_inner, atol=1e-6)
        assert torch.equal(scores.top_BK, other.top_BK)
        for nodes in large.rank_tables.values():  # what a rank's winner needs is there
            is_held = large.place_N[nodes] >= 0
            assert is_held.all() or np.array_equal(nodes, large.leaf_node_C)


def test_size_favours_large_clades() -> None:
    """One species at logit +2 against 300 species of another family at 0."""
    builder = TaxonomyBuilder()
    builder.add_lineage([("family", "small"), ("species", "s")])
    for i in range(300):
        builder.add_lineage([("family", "large"), ("species", f"l{i}")])
    logits = torch.zeros(1, 301)
    logits[0, 0] = 2
    scores = roll_up(Logits.of(logits), builder.build())
    assert float(scores.log_probs_BI[0, 1].exp()) == pytest.approx(0.024, abs=5e-4)


@given(st.integers(1, 9 * BLOCK), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_the_largest_rows_of_many_are_those_of_all(n: int, k: int, seed: int) -> None:
    values = torch.from_numpy(np.random.default_rng(seed).normal(size=(n, 2)).astype(np.float32))
    rows = select_top_rows(values, min(k, n))
    expected = np.argsort(-values.numpy(), axis=0)[: min(k, n)].T
    np.testing.assert_array_equal(rows.numpy(), expected)


@given(trees(), st.integers(0, 2**32 - 1), st.integers(1, 9), st.sampled_from([0, tree.SMALL]))
def test_with_few_possible_classes_no_class_is_named_twice(
    taxonomy: Taxonomy, seed: int, size: int, small: int
) -> None:
    """Up to all but one class is excluded, class 0 or not, and many logits are equal."""
    rng = np.random.default_rng(seed)
    logits = rng.integers(-2, 3, (3, taxonomy.n_classes)).astype(np.float32)
    logits[rng.random(logits.shape) < 0.7] = -np.inf
    logits[np.arange(3), rng.integers(0, taxonomy.n_classes, 3)] = 1.0
    with patch.object(tree, "SMALL", small):
        taxonomy = replace(taxonomy)
        scores = roll_up(in_parts(torch.from_numpy(logits), size), taxonomy, n_best=16)
    k = min(16, taxonomy.n_classes)
    for row, top in enumerate(scores.top_BK.tolist()):
        assert len(set(top)) == len(top) == k
        possible = sorted(np.flatnonzero(np.isfinite(logits[row])), key=lambda c: (-logits[row, c], c))[:k]
        assert top[: len(possible)] == possible
        shares = np.exp(logits[row].astype(np.float64))
        expected = np.log(shares[possible] / shares.sum())
        np.testing.assert_allclose(scores.log_top_BK[row][: len(possible)].numpy(), expected, rtol=1e-6, atol=1e-6)
        assert np.isneginf(scores.log_top_BK[row][len(possible) :].numpy()).all()
        assert scores.n_tied_B is not None
        assert int(scores.n_tied_B[row]) == min(k, int((logits[row] == logits[row].max()).sum()))


@given(trees(), st.integers(0, 2**32 - 1), st.integers(1, 9), st.sampled_from([800.0, 1e4, 1e30]))
def test_a_possible_clade_stays_possible_at_any_gap(taxonomy: Taxonomy, seed: int, size: int, gap: float) -> None:
    """exp(-746) is 0 in float64."""
    rng = np.random.default_rng(seed)
    logits = (-gap * rng.integers(0, 4, (3, taxonomy.n_classes))).astype(np.float32)
    logits[rng.random(logits.shape) < 0.2] = -np.inf
    logits[:, rng.integers(taxonomy.n_classes)] = 0.0
    scores = roll_up(in_parts(torch.from_numpy(logits), size), taxonomy, n_best=taxonomy.n_classes)
    for row in range(3):
        of_row = logits[row].astype(np.float64)
        for place, node in enumerate(taxonomy.held_nodes.tolist()):
            below = of_row[taxonomy.leaf_start_N[node] : taxonomy.leaf_stop_N[node]]
            expected = np.logaddexp.reduce(below) - np.logaddexp.reduce(of_row)
            assert float(scores.log_probs_BI[row, place]) == pytest.approx(expected, rel=1e-6, abs=1e-6)
        expected_C = of_row - np.logaddexp.reduce(of_row)
        np.testing.assert_allclose(
            scores.log_top_BK[row].numpy(), expected_C[scores.top_BK[row].numpy()], rtol=1e-6, atol=1e-6
        )


def test_the_largest_gap_between_floats_is_no_exclusion() -> None:
    scores = roll_up(in_parts(torch.tensor([[-3e38, 0.0, 3e38]]), 1), two_families(), n_best=3)
    assert scores.top_BK.tolist() == [[2, 1, 0]]
    assert bool(scores.log_probs_BI.isfinite().all()) and bool(scores.log_top_BK.isfinite().all())


def test_no_image() -> None:
    taxonomy = two_families()
    scores = roll_up(Logits.of(torch.empty(0, 3)), taxonomy, ("family",), n_best=2)
    assert scores.log_probs_BI.shape == (0, len(taxonomy.held_nodes))
    assert scores.top_BK.shape == scores.log_top_BK.shape == (0, 2)
    assert scores.n_tied_B is not None and scores.n_tied_B.shape == (0,)


@given(trees(), st.integers(0, 2**32 - 1), st.integers(1, 9), st.sampled_from([1.0, 100.0]), st.integers(1, 5))
def test_exact_logits_of_the_best_classes_are_in_all_sums(
    taxonomy: Taxonomy, seed: int, size: int, scale: float, k: int
) -> None:
    """The others are approximate. At 100, sums are in log space."""
    rng = np.random.default_rng(seed)
    rounded = rng.permutation(np.linspace(-scale, scale, 2 * taxonomy.n_classes)).reshape(2, -1).astype(np.float32)
    exact = (rounded + scale / taxonomy.n_classes / 10 * rng.uniform(-1, 1, rounded.shape)).astype(np.float32)
    approximate = in_parts(torch.from_numpy(rounded), size)
    scores = roll_up(replace(approximate, exact=Logits.of(torch.from_numpy(exact)).part), taxonomy, n_best=k)
    for row in range(2):
        # More classes are exact where the winner is not certain.
        n_exact = next(n for n in (k, 8 * k, 64 * k) if n >= taxonomy.n_classes or is_certain(rounded, exact, n))
        exact_ones = np.argsort(-rounded[row], kind="stable")[: min(n_exact, taxonomy.n_classes)]
        logits = rounded[row].astype(np.float64)
        logits[exact_ones] = exact[row, exact_ones]
        expected = [naive(logits, taxonomy, int(node)) for node in taxonomy.held_nodes]
        np.testing.assert_allclose(scores.log_probs_BI[row].numpy(), expected, rtol=1e-6, atol=3e-6)
        assert scores.top_BK[row].tolist() == sorted(exact_ones, key=lambda c: (-exact[row, c], c))


@pytest.mark.parametrize("drop", [0.5, 3.56, 20.0, 60.0])
def test_an_exact_logit_far_below_the_approximate_one_leaves_the_others_exact(drop: float) -> None:
    """The approximate exponential is subtracted from the sum of its run, which must not keep its rounding errors."""
    taxonomy = from_labels(["taxon 1", "taxon 2"])
    rounded = torch.tensor([[-100.0, -100 / 3], [100 / 3, 100.0]])
    exact = rounded - torch.tensor([drop, 0.25])
    approximate = replace(in_parts(rounded, 2), exact=Logits.of(exact).part)
    scores = roll_up(approximate, taxonomy, n_best=2)
    expected = exact.double().log_softmax(1)
    np.testing.assert_allclose(scores.log_probs_BI[:, 1:].numpy(), expected.numpy(), rtol=1e-6, atol=3e-6)


def is_certain(rounded: np.ndarray, exact: np.ndarray, n: int) -> bool:
    """Whether in each row the best exact logit of the n best is beyond the reach of the others."""
    for of_row, exact_of_row in zip(rounded, exact):
        best = np.argsort(-of_row, kind="stable")[:n]
        error = np.abs(of_row[best].astype(np.float64) - exact_of_row[best]).max()
        if float(exact_of_row[best].max()) - float(of_row[best[-1]]) <= 4 * error:
            return False
    return True


def test_the_winner_among_many_that_rounding_ties_does_not_depend_on_k() -> None:
    """A hundred classes within the rounding of half precision; the exact winner is the last of them."""
    taxonomy = from_labels([f"label {i}" for i in range(400)])
    rng = np.random.default_rng(0)
    exact = np.concatenate([np.linspace(9.999, 10.001, 100), rng.uniform(-5, 5, 300)]).astype(np.float32)
    rounded = (exact + rng.normal(0, 0.01, 400)).astype(np.float32)
    logits = replace(Logits.of(torch.from_numpy(rounded[None])), exact=Logits.of(torch.from_numpy(exact[None])).part)
    found = [roll_up(logits, taxonomy, n_best=k) for k in (1, 5, 16, 60, 400)]
    assert [scores.top_BK[0, 0].item() for scores in found] == [99] * 5
    assert all(scores.top_BK.shape[1] >= k for scores, k in zip(found, (1, 5, 16, 60, 400)))
