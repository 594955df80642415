"""Equal scores in every head: the lowest class wins, whatever is asked for, and the head tells how many are tied."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.hooks.registry import create_registry
from bioclip_x.records import HeadInput, Logits, Scores
from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder
from random_trees import in_parts, trees

REGISTRY = create_registry()
HEADS: list[tuple[str, dict[str, Any]]] = [
    ("flat", {}),
    ("rollup", {}),
    ("top-down", {}),
    ("crm", {}),
    ("crm", {"over": "nodes"}),
    ("hedge", {"threshold": 0.2}),
    ("hedge", {"lambda_": 0.0}),
]
CLASSES = HEADS[:4]
"""Heads that order the classes."""


def decide(head: tuple[str, dict[str, Any]], taxonomy: Taxonomy, logits: Logits, n_best: int) -> Scores:
    inner_TB = torch.zeros(len(taxonomy.inner_taxa), logits.n_images)
    made = REGISTRY.make("heads", *head)
    scores: Scores = made.decide(HeadInput(logits, taxonomy, n_best, inner_TB))
    return scores


def make_regular_tree() -> Taxonomy:
    """Three families of two genera of two species."""
    builder = TaxonomyBuilder()
    for family in "abc":
        for genus in "de":
            for species in "fg":
                names = (family, family + genus, family + genus + species)
                builder.add_lineage(list(zip(("family", "genus", "species"), names)))
    return builder.build()


@pytest.mark.parametrize("head", HEADS, ids=str)
@pytest.mark.parametrize("n_best", [1, 5, 12])
@pytest.mark.parametrize("size", [1, 5, 12])
def test_of_equal_classes_the_first_wins(head: tuple[str, dict[str, Any]], n_best: int, size: int) -> None:
    taxonomy = make_regular_tree()
    scores = decide(head, taxonomy, in_parts(np.zeros((2, 12), np.float32), size), n_best)
    assert scores.n_tied_B is not None
    if head in CLASSES:
        assert scores.top_BK.tolist() == [list(range(n_best))] * 2
        assert scores.n_tied_B.tolist() == [n_best] * 2
    elif head[0] == "hedge":
        first_of = {
            0.2: ("a", 3),
            0.0: ("adf", n_best),
        }  # shares 1/3, 1/6, 1/12; without λ: (0.44, 0.72, 1) times these
        value = next(iter(head[1].values()))
        name, n_tied = first_of[value] if value else ("a", 3)
        assert [taxonomy.names[node] for [node] in scores.reported_BK.tolist()] == [name] * 2  # type: ignore[union-attr]
        assert scores.n_tied_B.tolist() == [n_tied] * 2
    else:
        assert (
            scores.reported_BK is not None and scores.reported_BK.tolist() == [[0]] * 2
        )  # no taxon has half the shares


@given(trees(), st.integers(0, 2**32 - 1), st.integers(1, 9), st.sampled_from(CLASSES))
def test_the_winner_is_the_same_for_any_number_of_best_classes(
    taxonomy: Taxonomy, seed: int, size: int, head: tuple[str, dict[str, Any]]
) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.integers(0, 3, (3, taxonomy.n_classes)).astype(np.float32)
    winners = [decide(head, taxonomy, in_parts(logits, size), k).top_BK[:, 0].tolist() for k in (1, 2, 16, 60)]
    assert winners == [winners[0]] * 4
    if head[0] in ("flat", "rollup"):
        assert winners[0] == logits.argmax(1).tolist()  # numpy's is the first


@given(trees(), st.integers(0, 2**32 - 1))
def test_crm_orders_excluded_classes_last(taxonomy: Taxonomy, seed: int) -> None:
    """The sibling of a probable class has a low cost, whether it is possible or not."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (3, taxonomy.n_classes)).astype(np.float32)
    logits[rng.random(logits.shape) < 0.6] = -np.inf
    logits[np.arange(3), rng.integers(0, taxonomy.n_classes, 3)] = 0.0
    scores = decide(("crm", {}), taxonomy, in_parts(logits, 4), 5)
    for row, top in enumerate(scores.top_BK.tolist()):
        n_possible = min(int(np.isfinite(logits[row]).sum()), len(top))
        assert np.isfinite(logits[row, top[:n_possible]]).all() and len(set(top)) == len(top)
        assert np.isneginf(scores.log_top_BK[row, n_possible:].numpy()).all()


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_no_image(head: tuple[str, dict[str, Any]]) -> None:
    taxonomy = make_regular_tree()
    scores = decide(head, taxonomy, Logits.of(torch.empty(0, 12)), 3)
    assert scores.log_probs_BI.shape == (0, len(taxonomy.held_nodes)) and scores.top_BK.shape == (0, 3)
