"""An explanation as the page shows it: two classes side by side, and the sum that makes the margin."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bioclip_x.plugin import Explanation, HeatMap, PromptContribution
from bioclip_x_plugins.reports.explanation_text import amount, own_sides, shown_remainders
from bioclip_x_plugins.reports.html.images import corners, data_uri, spread, veil
from bioclip_x_plugins.reports.result_text import has_descriptors, is_italic, plural


@dataclass(frozen=True, slots=True)
class Where:
    """A heat map. veil: address of a picture to lay over the box left, top, width, height, in percent of the picture."""

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
    """One text of a class. left, width: its bar on its side's axis from 0 to 100.

    owner, owner_rank: the taxon above the class whose descriptor it is; "" where it is the class's own.
    n_classes: listed classes of which it is said. is_for_winner: for which of the two it speaks.
    """

    phrase: str
    text: str
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

    lines: what adds up to the margin; empty where one line is all of it.
    method: how its heat maps were made, "" where there are none.
    """

    winner: Set
    runner_up: Set
    is_asked_for: bool
    margin: str
    has_texts: bool
    sides: tuple[Side, ...]
    both: tuple[Bar, ...]
    lines: tuple[Line, ...]
    method: str


def why(explanation: Explanation, strongest: int, italic: Mapping[str, bool], italic_classes: bool) -> Why:
    """strongest: of each side's texts, before the rest is folded away.

    italic: name → whether it is set in italics. italic_classes: the same of classes that are not in it: an explanation
    knows names only, and a class need not be on the line of any prediction.
    """
    names = (explanation.winner, explanation.runner_up, explanation.winner_class, explanation.runner_up_class)
    winner, runner_up, *classes = (Set(name, italic.get(name, italic_classes)) for name in names)
    own, both = own_sides(explanation), _of_both(explanation)
    maps = [share.heat_map for share in explanation.contributions if share.heat_map]
    axes = [_Axis(shares, sign) for shares, sign in zip(own, (1.0, -1.0))]
    build = _Build(strongest, max(axis.high - axis.low for axis in axes) or 1.0, spread(maps))
    shown = has_descriptors(explanation)
    texts = [*zip(own, classes), (both, Set("", False))]
    lines = (*(_sum(shares, name) for shares, name in texts if shares), *_remainders(explanation))
    return Why(
        winner=winner,
        runner_up=runner_up,
        is_asked_for=explanation.is_asked_for,
        margin=amount(explanation.margin),
        has_texts=bool(explanation.contributions),
        sides=tuple(build.side(name, axis) for name, axis in zip(classes, axes) if axis.contributions) if shown else (),
        both=tuple(build.bar(share, axes[0]) for share in both) if shown else (),
        lines=lines if len(lines) > 1 else (),
        method=maps[0].method if maps else "",
    )


class _Axis:
    """Of one side: its own texts, from where to where their bars reach, in logits for their own class.

    sign: 1 the winner's, -1 the runner-up's, whose contributions to the margin are negative.
    """

    def __init__(self, shares: Sequence[PromptContribution], sign: float) -> None:
        self.contributions, self._sign = shares, sign
        numbers = [0.0, *map(self.of, shares)]
        self.low, self.high = min(numbers), max(numbers)

    def of(self, share: PromptContribution) -> float:
        return self._sign * share.contribution if math.isfinite(share.contribution) else 0.0


@dataclass(frozen=True, slots=True)
class _Build:
    """span: logits that a whole bar stands for, the same on both sides. spread: the same for heat maps, see `spread`."""

    strongest: int
    span: float
    spread: float

    def side(self, name: Set, axis: _Axis) -> Side:
        bars = tuple(self.bar(share, axis) for share in axis.contributions)
        folded_sum = amount(_total(axis.contributions[self.strongest :]))
        return Side(name, self._part(-axis.low), bars[: self.strongest], bars[self.strongest :], folded_sum)

    def bar(self, share: PromptContribution, axis: _Axis) -> Bar:
        """Of a text of both classes: with what it did altogether, and without a bar."""
        value = axis.of(share) if share.net is None else 0.0
        return Bar(
            phrase=share.phrase or share.text,
            text=share.text,
            kind="" if share.kind == "descriptor" else share.kind,
            owner=Set(share.taxon, is_italic(share.rank)),
            owner_rank=share.rank,
            n_classes=share.n_classes,
            similarity=f"{share.similarity:.3f}".replace("-", "−"),
            contribution=amount(share.contribution if share.net is None else share.net),
            left=self._part(min(value, 0.0) - axis.low),
            width=self._part(abs(value)),
            is_for_winner=share.contribution >= 0,
            where=self._where(share.heat_map),
        )

    def _part(self, logits: float) -> float:
        return round(logits / self.span * 100, 2) + 0.0  # never -0.0

    def _where(self, heat_map: HeatMap | None) -> Where | None:
        if heat_map is None or not any(heat_map.values_hw):
            return None
        return Where(data_uri(veil(heat_map, self.spread)), *corners(heat_map.box))


def _of_both(explanation: Explanation) -> tuple[PromptContribution, ...]:
    """What is said of both classes, each once (with its similarity in the winner's text); the most telling first."""
    first = {share.phrase.casefold(): share for share in reversed(explanation.contributions) if share.net is not None}
    return tuple(sorted(first.values(), key=lambda share: -abs(share.net or 0.0)))


def _total(shares: Sequence[PromptContribution]) -> float:
    return math.fsum(share.contribution if share.net is None else share.net for share in shares)


def _sum(shares: Sequence[PromptContribution], name: Set) -> Line:
    texts = plural(len(shares), "text", "texts")
    return Line(texts if name.name else f"{texts} of both", name, amount(_total(shares)))


def _remainders(explanation: Explanation) -> Iterator[Line]:
    if explanation.contributions or explanation.remainders:
        for one in shown_remainders(explanation):
            yield Line(one.label, Set("", False), amount(one.contribution))
