"""What components return is refused part by part, with what was expected and what came."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from bioclip_x.errors import PluginError
from bioclip_x.hooks.returned import check_log_probs, check_prompts, check_scores
from bioclip_x.records import Logits, Prompt, PromptSet, Scores
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.taxonomy.scoring.rollup import roll_up

TREE = from_labels(["a", "b", "c"])


def test_prompts_with_numbers_of_numpy_have_pythons() -> None:
    given = PromptSet((Prompt("a bird", np.int64(1), "t", weight=np.float32(0.5)), Prompt("a bird", 2, "t", weight=2)))
    prompts = check_prompts("builder", given, range(3)).prompts
    assert [(type(one.class_index), one.class_index) for one in prompts] == [(int, 1), (int, 2)]
    assert [(type(one.weight), one.weight) for one in prompts] == [(float, 0.5), (int, 2)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight": np.float32("nan")},
        {"weight": "1"},
        {"weight": 1e31},
        {"weight": 1e-31},
        {"weight": 10**400},
        {"weight": 0},
        {"class_index": [1]},
        {"class_index": 3},
    ],
)
def test_prompts_with_wrong_numbers_are_refused(wrong: dict[str, Any]) -> None:
    for classes in (range(3), (0, 1, 2)):
        with pytest.raises(PluginError, match="from build"):
            check_prompts("builder", PromptSet((replace(Prompt("a bird", 1, "t"), **wrong),)), classes)


def make_scores(**changes: Any) -> Scores:
    scores = roll_up(Logits.of(torch.tensor([[0.0, 1.0, -math.inf], [2.0, 0.0, 1.0]])), TREE, n_best=2)
    return replace(scores, **changes)


def test_scores_with_every_part_pass() -> None:
    scores = make_scores(reported_BK=torch.tensor([[1, -1], [3, 0]]), n_tied_B=torch.tensor([1, 2]))
    assert check_scores("head", scores, 2, TREE) is scores
    check_log_probs("head", scores, ["x.jpg", "y.jpg"], [False, False])


@pytest.mark.parametrize(
    ("part", "wrong", "message"),
    [
        ("log_probs_BI", [[0.0]], r"the list .* expected Scores with log_probs_BI of shape \(2, 4\)"),
        ("log_probs_BI", torch.zeros(2, 3), r"shape \(2, 3\) .* log_probs_BI of shape \(2, 4\) \(images, held nodes"),
        ("log_probs_BI", torch.zeros(2, 4, dtype=torch.int64), "of torch.int64 .* a tensor of torch.float32"),
        ("log_top_BK", torch.zeros(2, 2).numpy(), r"a ndarray .* log_top_BK of shape \(2, 2\) \(as top_BK\)"),
        ("log_top_BK", torch.zeros(2, 1), r"log_top_BK of shape \(2, 2\)"),
        ("top_BK", torch.zeros(2, 2), r"top_BK of shape \(2, any\), a tensor of torch.int64"),
        ("top_BK", torch.zeros(2, 0, dtype=torch.int64), r"shape \(2, 0\) .* top_BK of shape \(2, any\)"),
        ("top_BK", torch.tensor([[0, 1], [2, 3]]), "the int 3 .* top_BK of classes, 0 to 2"),
        ("top_BK", torch.tensor([[0, -1], [2, 1]]), "the int -1 .* top_BK of classes, 0 to 2"),
        ("reported_BK", torch.tensor([[0], [4]]), "the int 4 .* reported_BK of nodes, 0 to 3, or -1"),
        ("reported_BK", torch.tensor([0, 1]), r"reported_BK of shape \(2, any\)"),
        ("n_tied_B", torch.ones(3, dtype=torch.int64), r"n_tied_B of shape \(2\)"),
        ("ranks", ("order",), "ranks among "),
    ],
)
def test_a_wrong_part_of_scores_is_named(part: str, wrong: object, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        check_scores("head", make_scores(**{part: wrong}), 2, TREE)


@pytest.mark.parametrize("part", ["log_probs_BI", "log_top_BK"])
@pytest.mark.parametrize("wrong", [math.nan, math.inf, 0.5])
def test_log_probabilities_are_no_nan_and_not_above_0(part: str, wrong: float) -> None:
    scores = make_scores()
    getattr(scores, part)[1, 1] = wrong
    with pytest.raises(PluginError, match=f"the float {wrong} from decide at y.jpg; .* {part} of at most 0"):
        check_log_probs("head", scores, ["x.jpg", "y.jpg"], [False, False])
    check_log_probs("head", scores, ["x.jpg", "y.jpg"], [False, True])


def test_a_reported_class_of_a_large_tree_is_among_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bioclip_x.taxonomy.tree.SMALL", 2)
    tree = from_labels(["a", "b", "c"])
    scores = roll_up(Logits.of(torch.tensor([[0.0, 1.0, 2.0]])), tree, n_best=2)
    check_scores("head", replace(scores, reported_BK=torch.tensor([[3, 0, -1]])), 1, tree)
    with pytest.raises(PluginError, match=r"the int 1 .* reported_BK of held nodes and of classes in top_BK"):
        check_scores("head", replace(scores, reported_BK=torch.tensor([[1]])), 1, tree)
