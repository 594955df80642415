"""An explanation as the page shows it: two classes side by side, and the sum that makes the margin."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bioclip_x.plugin import Explanation, HeatMap, PromptContribution
from bioclip_x_plugins.reports.explanation_text import (
    describe_baseline,
    format_amount,
    list_nearest_images,
    select_shown_remainders,
    split_own_contributions,
    split_strongest,
)
from bioclip_x_plugins.reports.html.images import convert_to_corners, make_data_uri, make_overlay, spread
from bioclip_x_plugins.reports.result_text import format_cosine, has_descriptors, is_italic, pluralise


@dataclass(frozen=True, slots=True)
class Where:
    """A heat map. veil: address of an image to lay over the box left, top, width, height, in percent of the image."""

    veil: str
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Set:
    """A name, and whether it is set in italics."""

    name: str
    italic: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """One text of a class. class_index: of that class. left, width: its bar on its side's axis from 0 to 100.

    owner, owner_rank: the taxon above the class whose descriptor it is; "" where it is the class's own.
    n_classes: listed classes of which it is said. is_for_winner: for which of the two it speaks.
    """

    phrase: str
    text: str
    class_index: int
    kind: str
    owner: Set
    owner_rank: str
    n_classes: int
    similarity: str
    contribution: str
    left: float
    width: float
    is_for_winner: bool
    where: Where | None


@dataclass(frozen=True, slots=True)
class Side:
    """The texts of one class: those shown, those folded away and the sum of these. zero: where on its axis, 0 to 100."""

    name: Set
    zero: float
    shown: tuple[Bar, ...]
    folded: tuple[Bar, ...]
    folded_sum: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the sum. name: of the class whose texts it sums, "" for the others."""

    label: str
    name: Set
    contribution: str


@dataclass(frozen=True, slots=True)
class Why:
    """sides: texts that only one of the two classes has; empty where the texts are names. both: what both have.

    baseline: what the cosines are to be compared with, in words; "" where none is shown.
    lines: what adds up to the margin; empty where one line is all of it.
    method: how its heat maps were made, "" where there are none.
    nearest: class, name and cosine of the nearest examples.
    """

    winner: Set
    runner_up: Set
    is_asked_for: bool
    margin: str
    baseline: str
    has_texts: bool
    sides: tuple[Side, ...]
    both: tuple[Bar, ...]
    lines: tuple[Line, ...]
    method: str
    nearest: tuple[tuple[str, str, str], ...]


def make_why(explanation: Explanation, strongest: int, italic: Mapping[str, bool], italic_classes: bool) -> Why:
    """strongest: of each side's texts, before the rest is folded away.

    italic: name → whether it is set in italics. italic_classes: the same of classes that are not in it: an explanation
    knows names only, and a class need not be on the line of any prediction.
    """
    names = (explanation.winner, explanation.runner_up, explanation.winner_class, explanation.runner_up_class)
    winner, runner_up, *classes = (Set(name, italic.get(name, italic_classes)) for name in names)
    own, both = split_own_contributions(explanation), _of_both(explanation)
    maps = [one.heat_map for one in explanation.contributions if one.heat_map]
    axes = [_Axis(side, sign) for side, sign in zip(own, (1.0, -1.0))]
    build = _Build(strongest, max(axis.high - axis.low for axis in axes) or 1.0, spread(maps))
    shown = has_descriptors(explanation)
    texts = [*zip(own, classes), (both, Set("", False))]
    lines = (*(_sum(side, name) for side, name in texts if side), *_remainders(explanation))
    return Why(
        winner=winner,
        runner_up=runner_up,
        is_asked_for=explanation.is_asked_for,
        margin=format_amount(explanation.margin),
        baseline=describe_baseline(explanation),
        has_texts=bool(explanation.contributions),
        sides=tuple(build.side(name, axis) for name, axis in zip(classes, axes) if axis.contributions) if shown else (),
        both=tuple(build.bar(one, axes[0]) for one in both) if shown else (),
        lines=lines if len(lines) > 1 else (),
        method=maps[0].method if maps else "",
        nearest=list_nearest_images(explanation),
    )


class _Axis:
    """Of one side: its own texts, from where to where their bars reach, in logits for their own class.

    sign: 1 the winner's, -1 the runner-up's, whose contributions to the margin are negative.
    """

    def __init__(self, contributions: Sequence[PromptContribution], sign: float) -> None:
        self.contributions, self._sign = contributions, sign
        numbers = [0.0, *map(self.of, contributions)]
        self.low, self.high = min(numbers), max(numbers)

    def of(self, one: PromptContribution) -> float:
        return self._sign * one.contribution if math.isfinite(one.contribution) else 0.0


@dataclass(frozen=True, slots=True)
class _Build:
    """span: logits that a whole bar stands for, the same on both sides. spread: the same for heat maps, see `spread`."""

    strongest: int
    span: float
    spread: float

    def side(self, name: Set, axis: _Axis) -> Side:
        shown, folded = split_strongest(axis.contributions, self.strongest)
        bars, more = (tuple(self.bar(one, axis) for one in part) for part in (shown, folded))
        return Side(name, self._part(-axis.low), bars, more, format_amount(_total(folded)))

    def bar(self, one: PromptContribution, axis: _Axis) -> Bar:
        """Of a text of both classes: with what it did altogether, and without a bar."""
        value = axis.of(one) if one.net is None else 0.0
        return Bar(
            phrase=one.phrase or one.text,
            text=one.text,
            class_index=one.class_index,
            kind="" if one.kind == "descriptor" else one.kind,
            owner=Set(one.taxon, is_italic(one.rank)),
            owner_rank=one.rank,
            n_classes=one.n_classes,
            similarity=format_cosine(one.similarity),
            contribution=format_amount(one.contribution if one.net is None else one.net),
            left=self._part(min(value, 0.0) - axis.low),
            width=self._part(abs(value)),
            is_for_winner=one.contribution >= 0,
            where=self._where(one.heat_map),
        )

    def _part(self, logits: float) -> float:
        return round(logits / self.span * 100, 2) + 0.0  # never -0.0

    def _where(self, heat_map: HeatMap | None) -> Where | None:
        if heat_map is None or not any(heat_map.values_hw):
            return None
        return Where(make_data_uri(make_overlay(heat_map, self.spread)), *convert_to_corners(heat_map.box))


def _of_both(explanation: Explanation) -> tuple[PromptContribution, ...]:
    """What is said of both classes, each once (with its similarity in the winner's text); the most telling first."""
    first = {one.phrase.casefold(): one for one in reversed(explanation.contributions) if one.net is not None}
    return tuple(sorted(first.values(), key=lambda one: -abs(one.net or 0.0)))


def _total(contributions: Sequence[PromptContribution]) -> float:
    return math.fsum(one.contribution if one.net is None else one.net for one in contributions)


def _sum(contributions: Sequence[PromptContribution], name: Set) -> Line:
    texts = pluralise(len(contributions), "text", "texts")
    return Line(texts if name.name else f"{texts} of both", name, format_amount(_total(contributions)))


def _remainders(explanation: Explanation) -> Iterator[Line]:
    if explanation.contributions or explanation.remainders:
        for one in select_shown_remainders(explanation):
            yield Line(one.label, Set("", False), format_amount(one.contribution))
