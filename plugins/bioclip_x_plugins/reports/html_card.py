"""A result as the page shows it: everything decided here, so that the templates only set it."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bioclip_x.records import Explanation, Prediction, PromptShare, RankWinner, Result, Taxon

from .facts import REST_SHOWN, beside, has_descriptors, is_italic, italic_names, percent, sides, signed


@dataclass(frozen=True, slots=True)
class Name:
    """A taxon in words. share: as percent; width: the same, of a bar, 0 to 100."""

    rank: str
    name: str
    common: str
    italic: bool
    share: str
    width: float
    flag: Name | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """One descriptor. left, width: its bar on an axis from 0 to 100."""

    phrase: str
    text: str
    kind: str
    similarity: str
    contribution: str
    left: float
    width: float
    against: bool


@dataclass(frozen=True, slots=True)
class Side:
    """The descriptors of one class: those shown, those folded away and the sum of these."""

    name: str
    italic: bool
    shown: tuple[Bar, ...]
    folded: tuple[Bar, ...]
    folded_sum: str


@dataclass(frozen=True, slots=True)
class Why:
    """zero: where on the axis, 0 to 100. rest: "" where it is rounding. sides: empty where the texts are names."""

    winner: str
    winner_italic: bool
    runner_up: str
    runner_up_italic: bool
    margin: str
    has_texts: bool
    rest: str
    zero: float
    sides: tuple[Side, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """state: "named", "refused" or "unreadable". sort_*: what the page sorts by, "" where there is nothing."""

    state: str
    source: str
    file: str
    folder: str
    size: str
    reason: str
    image: str
    best: Name | None
    path: tuple[Name, ...]
    others: tuple[Name, ...]
    why: Why | None
    sort_share: str
    sort_margin: str


def card(result: Result, language: str, strongest: int, italic_classes: bool) -> Card:
    """strongest: descriptors of each side before the rest is folded away.

    italic_classes: whether classes that no prediction lists are set in italics.
    """
    state = "unreadable" if result.error else "named" if result.predictions else "refused"
    cut = max(result.source.rfind("/"), result.source.rfind("\\")) + 1
    best = result.predictions[0] if result.predictions else None
    why = result.explanation
    return Card(
        state=state,
        source=result.source,
        file=result.source[cut:] or result.source,
        folder=result.source[:cut] if cut < len(result.source) else "",
        size=f"{result.width} × {result.height}" if result.width else "",
        reason=result.error or result.refused,
        image=_data_uri(result.thumbnail),
        best=_name(best, language) if best else None,
        path=_path(best, result.ranks) if best else (),
        others=tuple(_name(one, language) for one in result.predictions[1:]),
        why=_why(why, strongest, italic_names(result), italic_classes) if why else None,
        sort_share=_number(best.probability) if best else "",
        sort_margin=_number(why.margin) if why and why.runner_up else "",
    )


def _data_uri(thumbnail: bytes | None) -> str:
    if not thumbnail:
        return ""
    kind = "png" if thumbnail.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(thumbnail).decode('ascii')}"


def _number(value: float) -> str:
    return f"{value:.9g}" if math.isfinite(value) else ""


def _name(one: Prediction, language: str) -> Name:
    return _taxon(one.taxon, one.probability, beside(one, language))


def _taxon(taxon: Taxon, share: float, common: str = "") -> Name:
    return Name(taxon.rank, taxon.name, common, is_italic(taxon.rank), percent(share), _width(share))


def _width(share: float) -> float:
    return round(100 * min(1.0, max(0.0, share)), 2) if math.isfinite(share) else 0.0


def _path(best: Prediction, ranks: Sequence[RankWinner]) -> tuple[Name, ...]:
    """The steps down the tree, each with the winner at its rank where that lies elsewhere. Empty for a plain label."""
    elsewhere = {winner.rank: winner for winner in ranks if not winner.on_path}
    steps = [
        Name(step.rank, step.name, "", is_italic(step.rank), percent(step.probability), _width(step.probability),
             _flag(elsewhere.pop(step.rank, None)))
        for step in best.path
    ]  # fmt: skip
    # A rank that the reported lineage lacks can still have a winner of its own.
    steps += [Name(rank, "", "", False, "", 0, _flag(winner)) for rank, winner in elsewhere.items()]
    return tuple(steps) if len(steps) > 1 else ()


def _flag(winner: RankWinner | None) -> Name | None:
    if winner is None:
        return None
    if winner.taxon is None:
        return Name(winner.rank, "", "", False, percent(winner.probability), _width(winner.probability))
    return _taxon(winner.taxon, winner.probability)


def _why(explanation: Explanation, strongest: int, italic: Mapping[str, bool], italic_classes: bool) -> Why:
    names = (explanation.winner, explanation.runner_up)
    classes = (explanation.winner_class, explanation.runner_up_class)
    # An explanation knows names only, and a class need not be on the line of any prediction.
    set_in_italics = tuple(italic.get(name, italic_classes) for name in names)
    numbers = [0.0, *(s.contribution for s in explanation.shares if math.isfinite(s.contribution))]
    low, span = min(numbers), (max(numbers) - min(numbers)) or 1.0
    italic_classes_too = tuple(italic.get(name, italic_classes) for name in classes)
    pairs = zip(classes, italic_classes_too, sides(explanation)) if has_descriptors(explanation) else ()
    return Why(
        winner=names[0],
        winner_italic=set_in_italics[0],
        runner_up=names[1],
        runner_up_italic=set_in_italics[1],
        margin=signed(explanation.margin),
        has_texts=bool(explanation.shares),
        rest=signed(explanation.rest) if explanation.shares and abs(explanation.rest) > REST_SHOWN else "",
        zero=round(-low / span * 100, 2),
        sides=tuple(_side(name, slant, shares, strongest, low, span) for name, slant, shares in pairs if shares),
    )


def _side(name: str, italic: bool, shares: Sequence[PromptShare], strongest: int, low: float, span: float) -> Side:
    bars = tuple(_bar(share, low, span) for share in shares)
    folded_sum = signed(sum(share.contribution for share in shares[strongest:]))
    return Side(name, italic, bars[:strongest], bars[strongest:], folded_sum)


def _bar(share: PromptShare, low: float, span: float) -> Bar:
    value = share.contribution if math.isfinite(share.contribution) else 0.0
    return Bar(
        phrase=share.phrase or share.text,
        text=share.text,
        kind=share.kind,
        similarity=f"{share.similarity:.3f}".replace("-", "−"),
        contribution=signed(share.contribution),
        left=round((min(value, 0.0) - low) / span * 100, 2),
        width=round(abs(value) / span * 100, 2),
        against=value < 0,
    )
