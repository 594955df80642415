"""An explanation as the page shows it, against sums by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bioclip_x.records import Explanation, HeatMap, PromptContribution, Remainder, Result
from bioclip_x_plugins.reports.html.explanation import Why, why


def share(phrase: str, class_index: int, contribution: float, **more: object) -> PromptContribution:
    return PromptContribution(phrase, f"has {phrase}", "descriptor", "a.yaml", class_index, 0.3, contribution, **more)  # type: ignore[arg-type]


SHARES = (
    share("a red cap", 0, 4.0, taxon="Amanita", rank="genus"),
    share("white spots", 0, -1.0, n_classes=3),
    share("a ring", 0, 2.0, n_classes=2, net=0.5),
    share("a ring", 1, -1.5, n_classes=2, net=0.5),
    share("a brown cap", 1, -2.0),
)
LEFT = Remainder("other classes of Amanita", 0.75, "classes")
EXPLANATION = Explanation("A", "B", "A", "B", 2.25, SHARES, 0.75, (LEFT,))


def shown(explanation: Explanation, strongest: int = 6) -> Why:
    return why(explanation, strongest, {"A": True}, False)


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
    page = shown(replace(EXPLANATION, contributions=SHARES[2:]))
    assert [side.name.name for side in page.sides] == ["B"]
    assert [bar.is_for_winner for bar in page.sides[0].shown] == [False]


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_numbers_that_are_none(number: float) -> None:
    odd = replace(EXPLANATION, margin=number, contributions=(replace(SHARES[0], contribution=number), *SHARES[1:]))
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
    mapped = replace(EXPLANATION, contributions=(replace(SHARES[0], heat_map=one), *SHARES[1:]))
    page = shown(mapped)
    first, second = page.sides[0].shown
    assert page.method == "by hand" and second.where is None
    assert first.where is not None and first.where.veil.startswith("data:image/png;base64,")
    assert (first.where.left, first.where.top, first.where.width, first.where.height) == (25.0, 0.0, 50.0, 100.0)
    assert shown(EXPLANATION).method == ""
