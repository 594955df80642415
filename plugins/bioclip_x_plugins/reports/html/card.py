"""An image, with its boxes, or an event as the page shows it: everything decided here, so that the templates only set it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bioclip_x.plugin import Prediction, RankWinner, Result, Taxon
from bioclip_x_plugins.reports.explanation_text import find_strongest_in_favour, split_own_contributions
from bioclip_x_plugins.reports.html.boxes import Box, Share, make_box, make_shares
from bioclip_x_plugins.reports.html.explanation import Why, make_why
from bioclip_x_plugins.reports.html.images import make_data_uri, make_thumbnail
from bioclip_x_plugins.reports.result_text import (
    find_italic_names,
    format_common_name_beside,
    format_percent,
    is_italic,
)


@dataclass(frozen=True, slots=True)
class Name:
    """A taxon in words. probability: as percent; width: the same, of a bar, 0 to 100."""

    rank: str
    name: str
    common: str
    italic: bool
    probability: str
    width: float
    flag: Name | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """state: "named", "refused" or "failed".

    image, small: addresses that hold the image, in the card and in the index. width, height: its pixels, 0 if unknown.
    notes: what to know of how the image was read.
    decided: the winner's strongest descriptor in its favour that the runner-up has not.
    sort_*: what the index sorts by, "" where there is nothing.
    box: what is named, of a card of one box. parts: of an image with boxes, a card for each; its own name is that of its most
    probable part. also: names of the other parts. event: of an event, its name; else that of the event that it belongs to.
    is_event: whether it is of an event. shares: of an event, what each of its images said.
    """

    state: str
    source: str
    file: str
    folder: str
    width: int
    height: int
    notes: tuple[str, ...]
    reason: str
    image: str
    small: str
    best: Name | None
    path: tuple[Name, ...]
    others: tuple[Name, ...]
    why: Why | None
    decided: str
    sort_probability: str
    sort_margin: str
    event: str = ""
    is_event: bool = False
    box: Box | None = None
    parts: tuple[Card, ...] = ()
    also: tuple[Name, ...] = ()
    shares: tuple[Share, ...] = ()

    @property
    def boxes(self) -> tuple[Box, ...]:
        """What is drawn on the image."""
        return tuple(part.box for part in self.parts if part.box)

    @property
    def words(self) -> str:
        """Further words by which it is found."""
        steps = (step.name for part in (self, *self.parts) for step in part.path)
        return " ".join(dict.fromkeys([*steps, *(one.name for one in self.also), self.event]))


def make_image_card(results: Sequence[Result], language: str, strongest: int, italic_classes: bool) -> Card:
    """The card of an image: of one result, or of those of its boxes. The rest as in `make_card`."""
    cards = [make_card(one, language, strongest, italic_classes) for one in results]
    if len(cards) == 1 and cards[0].box is None:
        return cards[0]
    named = sorted((card for card in cards if card.best), key=lambda card: -float(card.sort_probability or -1))
    shown = named[0] if named else next((card for card in cards if card.state == "failed"), cards[0])
    return replace(
        shown,
        image=next((card.image for card in cards if card.image), ""),
        small=next((card.small for card in cards if card.small), ""),
        notes=tuple(dict.fromkeys(note for card in cards for note in card.notes)),
        box=None,
        parts=tuple(cards),
        also=tuple(card.best for card in named[1:] if card.best),
    )


def make_card(result: Result, language: str, strongest: int, italic_classes: bool) -> Card:
    """strongest: descriptors of each side before the rest is folded away.

    italic_classes: whether classes that no prediction lists are set in italics.
    """
    state = "failed" if result.error else "named" if result.predictions else "refused"
    cut = max(result.source.rfind("/"), result.source.rfind("\\")) + 1
    best = result.predictions[0] if result.predictions else None
    explanation = result.explanation
    return Card(
        state=state,
        source=result.source,
        file=result.source[cut:] or result.source,
        folder=result.source[:cut] if cut < len(result.source) else "",
        width=result.width,
        height=result.height,
        notes=result.notes,
        reason=result.error or result.refused,
        image=make_data_uri(result.thumbnail),
        small=make_data_uri(make_thumbnail(result.thumbnail)),
        best=_name(best, language) if best else None,
        path=_path(best, result.ranks) if best else (),
        others=tuple(_name(one, language) for one in result.predictions[1:]),
        why=make_why(explanation, strongest, find_italic_names(result), italic_classes) if explanation else None,
        decided=find_strongest_in_favour(split_own_contributions(explanation)[0]) if explanation else "",
        sort_probability=_number(best.probability) if best else "",
        sort_margin=_number(explanation.margin) if explanation and explanation.runner_up else "",
        event=result.event or (result.source if result.level == "event" else ""),
        is_event=result.level == "event",
        box=make_box(result),
        shares=make_shares(result.images),
    )


def _number(value: float) -> str:
    return f"{value:.9g}" if math.isfinite(value) else ""


def _name(one: Prediction, language: str) -> Name:
    return _taxon(one.taxon, one.probability, format_common_name_beside(one, language))


def _taxon(taxon: Taxon, probability: float, common: str = "") -> Name:
    return Name(taxon.rank, taxon.name, common, is_italic(taxon.rank), format_percent(probability), _width(probability))


def _width(probability: float) -> float:
    return round(100 * min(1.0, max(0.0, probability)), 2) if math.isfinite(probability) else 0.0


def _path(best: Prediction, ranks: Sequence[RankWinner]) -> tuple[Name, ...]:
    """The steps down the tree, each with the winner at its rank where that lies elsewhere. Empty for a plain label."""
    elsewhere = {winner.rank: winner for winner in ranks if not winner.on_path}
    steps = [
        Name(step.rank, step.name, "", is_italic(step.rank), format_percent(step.probability), _width(step.probability),
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
        return Name(winner.rank, "", "", False, format_percent(winner.probability), _width(winner.probability))
    return _taxon(winner.taxon, winner.probability)
