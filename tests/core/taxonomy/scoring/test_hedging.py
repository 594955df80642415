from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from bioclip_x.errors import RecipeError
from bioclip_x.records import Logits
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.taxonomy.scoring.hedging import (
    Bets,
    compute_bets,
    compute_information,
    fit_lambda,
    is_correct,
    select_best_bet,
    select_most_specific,
)
from bioclip_x.taxonomy.scoring.rollup import roll_up
from random_trees import above, logits, trees


def bets_of(logits_BC: np.ndarray, tree: Taxonomy) -> Bets:
    return compute_bets(roll_up(Logits.of(torch.from_numpy(logits_BC)), tree), tree)


def test_information_worked_out_by_hand() -> None:
    tree = from_labels(["a", "b", "c", "d"])
    assert compute_information(tree).tolist() == [0, 1, 1, 1, 1]
    assert compute_information(from_labels(["only"])).tolist() == [0, 0]


@given(trees())
def test_information_grows_on_the_way_down(tree: Taxonomy) -> None:
    says = compute_information(tree)
    assert says[0] == 0 and says.max() <= 1
    assert (says[1:] >= says[tree.parent_N[1:]]).all()


@given(trees(), logits)
def test_bets_go_from_the_most_general_to_the_best_class(tree: Taxonomy, many: np.ndarray) -> None:
    logits_BC = many[:, : tree.n_classes]
    found = bets_of(logits_BC, tree)
    for row in range(3):
        n = int((found.nodes_BF[row] >= 0).sum())
        assert (found.nodes_BF[row, n:] == -1).all() and (found.probs_BF[row, n:] == 0).all()
        last = tree.leaf_node_C.tolist().index(found.nodes_BF[row, n - 1])
        assert logits_BC[row, last] == logits_BC[row].max()
        assert (np.diff(found.information_BF[row, :n]) >= 0).all()
        assert (np.diff(found.probs_BF[row, :n]) < 0).all()


@given(trees(), trees(), logits)
def test_concatenated_bets_select_the_same_nodes(tree: Taxonomy, other: Taxonomy, many: np.ndarray) -> None:
    apart = [bets_of(many[:, : t.n_classes], t) for t in (tree, other)]
    joined = Bets.concatenate(apart)
    for decide in (lambda some: select_most_specific(some, 0.6), lambda some: select_best_bet(some, 0.4)):
        assert decide(joined).tolist() == [node for some in apart for node in decide(some).tolist()]


@given(trees(), st.integers(0, 2**32 - 1))
def test_correct_is_the_true_class_or_an_ancestor(tree: Taxonomy, seed: int) -> None:
    random = np.random.default_rng(seed)
    nodes, true = random.integers(0, tree.n_nodes, 20), random.integers(0, tree.n_classes, 20)
    expected = [node in above(tree, int(tree.leaf_node_C[c])) for node, c in zip(nodes.tolist(), true.tolist())]
    assert is_correct(nodes, true, tree).tolist() == expected


@given(trees(), st.integers(0, 2**32 - 1), st.sampled_from([0.5, 0.8, 0.95]))
def test_the_fitted_lambda_is_the_smallest_that_reaches_the_accuracy(
    tree: Taxonomy, seed: int, accuracy: float
) -> None:
    random = np.random.default_rng(seed)
    logits_BC = random.normal(0, 2, (60, tree.n_classes)).astype(np.float32)
    chances = np.exp(logits_BC.astype(np.float64))
    true = np.array([random.choice(tree.n_classes, p=row / row.sum()) for row in chances])
    found = bets_of(logits_BC, tree)
    lambda_ = fit_lambda(found, true, tree, accuracy)
    assert is_correct(select_best_bet(found, lambda_), true, tree).mean() >= accuracy
    assume(lambda_ > 0)
    assert is_correct(select_best_bet(found, lambda_ * (1 - 2e-4)), true, tree).mean() < accuracy


def test_overconfident_shares_take_a_lambda_beyond_the_papers_bound() -> None:
    """All probabilities are 0.99, but half of the images are another class: only the root is accurate enough."""
    tree = from_labels(["a", "b"])
    found = bets_of(np.log(np.array([[0.99, 0.01]] * 4, np.float32)), tree)
    lambda_ = fit_lambda(found, np.array([0, 1, 0, 1]), tree, 0.9)
    assert lambda_ == pytest.approx(99, rel=1e-3) and select_best_bet(found, lambda_).tolist() == [0] * 4


def test_unreachable_accuracies_are_errors() -> None:
    tree = from_labels(["a", "b"])
    certain = bets_of(np.array([[200.0, -200.0]], np.float32), tree)
    with pytest.raises(RecipeError, match=r"no λ makes 90.0% of these 1 images correct, at most 0.0%.*temperature"):
        fit_lambda(certain, np.array([1]), tree, 0.9)
    with pytest.raises(RecipeError, match="there are none"):
        fit_lambda(certain, np.array([], np.int64), tree, 0.9)
    with pytest.raises(RecipeError, match="between 0 and 1"):
        fit_lambda(certain, np.array([0]), tree, 1.0)
