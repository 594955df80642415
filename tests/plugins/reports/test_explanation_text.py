"""How explanations are put in words."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from bioclip_x.records import PromptContribution, Result
from bioclip_x_plugins.reports.explanation_text import describe_baseline, find_strongest_in_favour, split_strongest


def said(phrase: str, contribution: float, kind: str = "descriptor") -> PromptContribution:
    return PromptContribution(phrase, f"it has {phrase}", kind, "a.yaml", 0, 0.3, contribution)


def test_the_strongest_are_the_largest_on_either_side_of_zero_in_the_order_given() -> None:
    many = [said("a", 3.0), said("b", 0.2), said("c", 0.0), said("d", -0.1), said("e", -2.0)]
    shown, hidden = split_strongest(many, 2)
    assert [one.phrase for one in shown] == ["a", "e"] and [one.phrase for one in hidden] == ["b", "c", "d"]
    assert split_strongest(many, 5) == (tuple(many), ())
    assert split_strongest([], 3) == ((), ())


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_what_is_no_number_is_shown(number: float) -> None:
    shown, _ = split_strongest([said("a", 1.0), said("b", number), said("c", -2.0)], 1)
    assert [one.phrase for one in shown] == ["b"]


def test_the_strongest_descriptor_in_favour() -> None:
    assert find_strongest_in_favour([said("a", -3.0), said("b", 0.5), said("c", 1.5, "background")]) == "c (background)"
    assert find_strongest_in_favour([said("a", -3.0), said("b", 0.0), said("", 2.0, "name")]) == ""
    assert find_strongest_in_favour([said("a", math.nan)]) == find_strongest_in_favour([]) == ""


def test_the_baseline_is_told_where_cosines_are(doubtful: Result, blue_tit: Result, goldfinch: Result) -> None:
    assert doubtful.explanation and blue_tit.explanation and goldfinch.explanation
    assert describe_baseline(doubtful.explanation) == "the mean text of the list scores 0.200 on this image"
    below = replace(doubtful.explanation, baseline=-0.014)
    assert describe_baseline(below, decimals=2) == "the mean text of the list scores −0.01 on this image"
    assert describe_baseline(blue_tit.explanation) == "", "nothing is known of it"
    assert describe_baseline(replace(goldfinch.explanation, baseline=0.2)) == "", "names: no cosine is shown"
