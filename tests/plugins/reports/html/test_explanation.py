"""An explanation as the page shows it, against sums by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bioclip_x.records import Explanation, HeatMap, PromptContribution, Remainder, Result
from bioclip_x_plugins.reports.html.explanation import Why, make_why


def said(phrase: str, class_index: int, contribution: float, **more: object) -> PromptContribution:
    return PromptContribution(phrase, f"has {phrase}", "descriptor", "a.yaml", class_index, 0.3, contribution, **more)  # type: ignore[arg-type]


CONTRIBUTIONS = (
    said("a red cap", 0, 4.0, taxon="Amanita", rank="genus"),
    said("white spots", 0, -1.0, n_classes=3),
    said("a ring", 0, 2.0, n_classes=2, net=0.5),
    said("a ring", 1, -1.5, n_classes=2, net=0.5),
    said("a brown cap", 1, -2.0),
)
LEFT = Remainder("other classes of Amanita", 0.75, "classes")
EXPLANATION = Explanation("A", "B", "A", "B", 2.25, CONTRIBUTIONS, 0.75, (LEFT,))


def shown(explanation: Explanation, strongest: int = 6) -> Why:
    return make_why(explanation, strongest, {"A": True}, False)


def test_the_lines_add_up_to_the_margin() -> None:
    page = shown(EXPLANATION)
    assert [(line.name.name, line.label, line.contribution) for line in page.lines] == [
        ("A", "2 texts", "+3.00"),
        ("B", "1 text", "−2.00"),
        ("", "1 text of both", "+0.50"),
        ("", "other classes of Amanita", "+0.75"),
    ]
    assert page.margin == "+2.25"
    assert sum(float(line.contribution.replace("−", "-")) for line in page.lines) == 2.25


def test_both_sides_are_on_one_scale() -> None:
    winner, other = shown(EXPLANATION).sides
    # From -1 to 4 is the whole axis: 5 logits.
    assert winner.zero == 20.0 and other.zero == 0.0
    assert [(bar.left, bar.width, bar.is_for_winner) for bar in winner.shown] == [
        (20.0, 80.0, True),
        (0.0, 20.0, False),
    ]
    assert [(bar.left, bar.width, bar.is_for_winner) for bar in other.shown] == [(0.0, 40.0, False)]
    assert (winner.name.italic, other.name.italic) == (True, False)


def test_a_text_below_the_mean_text_is_on_the_other_side_in_the_other_colour(doubtful: Result) -> None:
    assert doubtful.explanation is not None
    page = shown(doubtful.explanation)
    winner, other = page.sides
    # From -1.6 to 1.8 of the runner-up's own axis is the longest; the winner's reaches from -0.6 to 2.8: both 3.4 logits.
    assert (winner.zero, other.zero) == (17.65, 47.06)
    drawn = [(bar.phrase, bar.contribution, bar.left, bar.width, bar.is_for_winner) for bar in winner.shown]
    assert drawn == [
        ("a blue cap", "+2.80", 17.65, 82.35, True),
        ("a yellow breast", "+2.20", 17.65, 64.71, True),
        ("white cheeks", "−0.60", 0.0, 17.65, False),
    ]
    drawn = [(bar.phrase, bar.contribution, bar.left, bar.width, bar.is_for_winner) for bar in other.shown]
    assert drawn == [
        ("a yellow belly", "−1.80", 47.06, 52.94, False),
        ("a black cap", "−1.00", 47.06, 29.41, False),
        ("an olive back", "+1.60", 0.0, 47.06, True),
    ]
    assert page.baseline == "the mean text of the list scores 0.200 on this image"
    assert [(line.name.name, line.label, line.contribution) for line in page.lines] == [
        ("Cyanistes caeruleus", "3 texts", "+4.40"),
        ("Parus major", "3 texts", "−1.20"),
        ("", "the mean text of the list", "+0.40"),
    ]
    assert page.margin == "+3.60"


def test_what_both_have_is_told_once() -> None:
    (ring,) = shown(EXPLANATION).both
    assert (ring.phrase, ring.contribution) == ("a ring", "+0.50")
    assert not any(bar.phrase == "a ring" for side in shown(EXPLANATION).sides for bar in side.shown)


def test_whose_descriptor_it_is() -> None:
    red, white = shown(EXPLANATION).sides[0].shown
    assert (red.owner.name, red.owner_rank, red.owner.italic) == ("Amanita", "genus", True)
    assert (white.owner.name, white.n_classes) == ("", 3)


def test_the_rest_is_folded() -> None:
    side = shown(EXPLANATION, strongest=1).sides[0]
    assert ([bar.phrase for bar in side.folded], side.folded_sum) == (["white spots"], "−1.00")


def test_a_side_that_shares_everything_is_left_out() -> None:
    page = shown(replace(EXPLANATION, contributions=CONTRIBUTIONS[2:]))
    assert [side.name.name for side in page.sides] == ["B"]
    assert [bar.is_for_winner for bar in page.sides[0].shown] == [False]


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_numbers_that_are_none(number: float) -> None:
    odd = replace(
        EXPLANATION, margin=number, contributions=(replace(CONTRIBUTIONS[0], contribution=number), *CONTRIBUTIONS[1:])
    )
    page = shown(odd)
    assert page.sides[0].shown[0].width == 0
    assert page.margin in ("excluded", "?")


def test_names_need_no_bars(goldfinch: Result) -> None:
    assert goldfinch.explanation is not None
    page = shown(goldfinch.explanation)
    assert page.has_texts and not page.sides and not page.both


def test_no_texts_at_all() -> None:
    alone = replace(EXPLANATION, contributions=(), remainders=(), rest=2.25)
    assert shown(alone).lines == () and not shown(alone).has_texts


def test_heat_maps() -> None:
    one = HeatMap(((0.1, 0.2),), (0.25, 0.0, 0.75, 1.0), "by hand", True)
    mapped = replace(EXPLANATION, contributions=(replace(CONTRIBUTIONS[0], heat_map=one), *CONTRIBUTIONS[1:]))
    page = shown(mapped)
    first, second = page.sides[0].shown
    assert page.method == "by hand" and second.where is None
    assert first.where is not None and first.where.veil.startswith("data:image/png;base64,")
    assert (first.where.left, first.where.top, first.where.width, first.where.height) == (25.0, 0.0, 50.0, 100.0)
    assert shown(EXPLANATION).method == ""
