from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder, node_log_probs


@st.composite
def trees(draw: st.DrawFn) -> Taxonomy:
    """Random trees, unranked, with classes on some inner nodes."""
    builder = TaxonomyBuilder()
    for number in range(1, draw(st.integers(1, 25)) + 1):
        node = builder.add(draw(st.integers(0, number - 1)), "", f"taxon {number}")
        if draw(st.booleans()):
            builder.mark_class(node)
    return builder.build()


def naive(log_probs_C: np.ndarray, tree: Taxonomy, node: int) -> float:
    """The sum over the leaves below, by walking up from each, in float64."""
    total = []
    for c, leaf in enumerate(tree.leaf_node_C):
        above = int(leaf)
        while above not in (node, -1):
            above = int(tree.parent_N[above])
        if above == node:
            total.append(float(log_probs_C[c]))
    top = max(total)
    return top + math.log(math.fsum(math.exp(x - top) for x in total))


@given(trees(), st.integers(0, 2**32 - 1), st.sampled_from([1.0, 10.0, 100.0]))
def test_agrees_with_a_walk(tree: Taxonomy, seed: int, scale: float) -> None:
    logits = np.random.default_rng(seed).uniform(-scale, scale, (3, tree.n_classes)).astype(np.float32)
    log_probs_BC = torch.log_softmax(torch.from_numpy(logits), dim=1)
    log_BN = node_log_probs(log_probs_BC, tree)
    assert log_BN.dtype == torch.float32 and log_BN.shape == (3, tree.n_nodes)
    for row in range(3):
        expected = [naive(log_probs_BC[row].numpy(), tree, node) for node in range(tree.n_nodes)]
        np.testing.assert_allclose(log_BN[row].numpy(), expected, rtol=1e-6, atol=1e-6)


def test_a_clade_whose_share_underflows_keeps_its_log() -> None:
    builder = TaxonomyBuilder()
    for family, species in [("A", "a"), ("B", "b1"), ("B", "b2")]:
        builder.add_lineage([("family", family), ("species", species)])
    tree = builder.build()
    log_BN = node_log_probs(torch.log_softmax(torch.tensor([[100.0, -100.0, -100.0]]), dim=1), tree)
    family_b = tree.names.index("B")
    assert float(log_BN[0, family_b]) == pytest.approx(-200 + math.log(2), abs=1e-4)


def test_impossible_classes_stay_impossible() -> None:
    tree = Taxonomy.from_labels(["a", "b"])
    log_BN = node_log_probs(torch.tensor([[0.0, -torch.inf]]), tree)
    assert log_BN[0].tolist() == [0.0, 0.0, -math.inf]


def test_size_favours_large_clades() -> None:
    """The design's own figure: one species at logit +2 against 300 relatives of another family at 0."""
    builder = TaxonomyBuilder()
    builder.add_lineage([("family", "small"), ("species", "s")])
    for i in range(300):
        builder.add_lineage([("family", "large"), ("species", f"l{i}")])
    logits = torch.zeros(1, 301)
    logits[0, 0] = 2
    log_BN = node_log_probs(torch.log_softmax(logits, dim=1), builder.build())
    assert float(log_BN[0, 1].exp()) == pytest.approx(0.024, abs=5e-4)
