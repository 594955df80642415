from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.errors import RecipeError
from bioclip_x.hooks.options import validate_options
from bioclip_x.records import HeadInput, Logits
from bioclip_x.taxonomy import HOLE, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.scoring.rollup import roll_up
from bioclip_x_plugins.heads.hedge import Hedge
from random_trees import above, classes_below, in_parts, logits, shares, trees

TOLERANCE = 1e-6


def naive_information(tree: Taxonomy, node: int) -> float:
    if tree.n_classes == 1:
        return 0.0
    return (math.log2(tree.n_classes) - math.log2(len(classes_below(tree, node)))) / math.log2(tree.n_classes)


@given(trees(), logits, st.sampled_from([0.1, 0.3, 0.5, 0.8, 0.95, 1.0]))
def test_threshold_agrees_with_a_search_through_all_nodes(tree: Taxonomy, many: np.ndarray, threshold: float) -> None:
    logits_BC = many[:, : tree.n_classes]
    decided = Hedge(threshold).decide(HeadInput(in_parts(logits_BC), tree))
    assert decided.reported_BK is not None and decided.reported_BK.shape == (3, 1)
    for row, [node] in enumerate(decided.reported_BK.tolist()):
        share = shares(logits_BC[row], tree)
        assert tree.kind_N[node] != HOLE
        assert share[node] >= threshold - TOLERANCE
        for other in range(tree.n_nodes):
            # Nothing that clearly passes says more, or says as much and is clearly likelier.
            if tree.kind_N[other] != HOLE and share[other] > threshold + TOLERANCE:
                more = naive_information(tree, other) - naive_information(tree, node)
                assert more < TOLERANCE
                assert more < -TOLERANCE or share[other] <= share[node] + TOLERANCE
            # Of a chain of nodes with the same classes the deepest is named.
            if node in above(tree, other)[1:] and tree.kind_N[other] != HOLE:
                assert classes_below(tree, other) != classes_below(tree, node)


@given(trees(), logits, st.sampled_from([0.0, 0.1, 1.0, 20.0]))
def test_lambda_agrees_with_a_search_through_all_nodes(tree: Taxonomy, many: np.ndarray, lambda_: float) -> None:
    logits_BC = many[:, : tree.n_classes]
    decided = Hedge(lambda_=lambda_).decide(HeadInput(in_parts(logits_BC), tree))
    assert decided.reported_BK is not None
    for row, [node] in enumerate(decided.reported_BK.tolist()):
        share = shares(logits_BC[row], tree)
        value = {
            n: (naive_information(tree, n) + lambda_) * share[n] for n in range(tree.n_nodes) if tree.kind_N[n] != HOLE
        }
        assert tree.kind_N[node] != HOLE
        assert value[node] >= max(value.values()) - TOLERANCE * (1 + lambda_)


@given(trees(), logits)
def test_probabilities_are_those_of_the_rollup(tree: Taxonomy, many: np.ndarray) -> None:
    logits_BC = many[:, : tree.n_classes]
    decided = Hedge().decide(HeadInput(in_parts(logits_BC), tree, n_best=5))
    rolled = roll_up(in_parts(logits_BC), tree, n_best=5)
    assert torch.equal(decided.log_probs_BI, rolled.log_probs_BI) and torch.equal(decided.top_BK, rolled.top_BK)


def family_tree() -> Taxonomy:
    builder = TaxonomyBuilder()
    for lineage in ["Aa a1", "Aa a2", "Bb b1", "Bb b2"]:
        family, species = lineage.split()
        builder.add_lineage([("family", family), ("species", species)])
    return builder.build()


def named(shares_C: list[float], head: Hedge) -> str:
    tree = family_tree()
    reported = head.decide(HeadInput(Logits.of(torch.log(torch.tensor([shares_C]))), tree)).reported_BK
    assert reported is not None
    return tree.names[int(reported)]


@pytest.mark.parametrize(
    ("shares_C", "expected"),
    [
        ([0.9, 0.05, 0.03, 0.02], "a1"),
        ([0.5, 0.4, 0.05, 0.05], "Aa"),
        ([0.3, 0.3, 0.2, 0.2], ""),
    ],
)
def test_a_threshold_by_hand(shares_C: list[float], expected: str) -> None:
    assert named(shares_C, Hedge(0.8)) == named(shares_C, Hedge()) == expected


def test_below_one_half_the_more_probable_family_is_reported() -> None:
    assert named([0.24, 0.22, 0.26, 0.28], Hedge(0.4)) == "Bb"
    assert named([0.26, 0.28, 0.24, 0.22], Hedge(0.4)) == "Aa"


def test_lambda_by_hand() -> None:
    """Information is 0, 1/2, 1: the family is worth (1/2 + λ)·0.9, the species (1 + λ)·0.5, more only if λ < 1/8."""
    assert named([0.5, 0.4, 0.05, 0.05], Hedge(lambda_=0.1)) == "a1"
    assert named([0.5, 0.4, 0.05, 0.05], Hedge(lambda_=0.15)) == "Aa"
    assert named([0.5, 0.4, 0.05, 0.05], Hedge(lambda_=10)) == ""


def test_a_hole_is_never_reported() -> None:
    """Two orders of a phylum without a class: what they share is the phylum, not "no class in Chordata"."""
    builder = TaxonomyBuilder()
    for lineage in (["Chordata", "", "o1"], ["Chordata", "", "o2"], ["Chordata", "Aves", "o3"], ["Mollusca", "", "o4"]):
        builder.add_lineage([*zip(("phylum", "class", "order"), lineage)])
    tree = builder.build()
    assert [tree.class_taxon(c).name for c in range(4)] == ["o3", "o1", "o2", "o4"]
    logits = Logits.of(torch.log(torch.tensor([[0.01, 0.5, 0.48, 0.01]])))
    reported = Hedge(0.9).decide(HeadInput(logits, tree)).reported_BK
    assert reported is not None and tree.names[int(reported)] == "Chordata"


@pytest.mark.parametrize("options", [{"threshold": 0}, {"threshold": 1.1}, {"threshold": math.nan}, {"lambda_": -1}])
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(RecipeError, match=r"hedge: option '(threshold|lambda_)'"):
        validate_options("hedge", Hedge, options)


def test_two_rules_at_once_are_refused() -> None:
    with pytest.raises(RecipeError, match="not by both"):
        Hedge(0.8, lambda_=1)
