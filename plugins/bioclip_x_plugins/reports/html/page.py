"""The page around the cards, and the templates."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from markupsafe import Markup

from bioclip_x.plugin import Provenance
from bioclip_x_plugins.reports.html.card import Card
from bioclip_x_plugins.reports.html.templating import hash_script, make_environment, read_template
from bioclip_x_plugins.reports.result_text import convert_to_plain, format_plugins
from bioclip_x_plugins.reports.tables.json_documents import make_provenance_document, to_json

MOST_FOUND: Final = 24
"""Taxa that the summary lists by name; the others are counted."""
STYLES: Final = ("page.css", "index.css", "card.css", "boxes.css", "why.css", "print.css")
CARD_STYLES: Final = ("page.css", "card.css", "boxes.css", "why.css")
"""Of cards outside of the page."""


@dataclass
class Tally:
    """What only the last image completes.

    states: images by outcome. n_events, n_event_cards: how many events there are, and how many cards these have, one for each
    organism. found: images by (rank, name, common name) of what they were named. methods: ways in which heat maps were made.
    Grows with the taxa, not the images.
    """

    states: Counter[str] = field(default_factory=Counter)
    n_events: int = 0
    n_event_cards: int = 0
    last_event: str = ""
    found: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    methods: set[str] = field(default_factory=set)

    def add(self, card: Card) -> int:
        """The card's number, from 1."""
        if card.is_event:
            self.n_event_cards += 1
            self.n_events += card.event != self.last_event  # the cards of one event follow one another
            self.last_event = card.event
        else:
            self.states[card.state] += 1
            names = {(one.rank, one.name, one.common) for one in (card.best, *card.also) if one}
            self.found.update(sorted(names))
        for part in (card, *card.parts):
            if part.why and part.why.method:
                self.methods.add(part.why.method)
        return self.n_cards

    @property
    def n_cards(self) -> int:
        return self.states.total() + self.n_event_cards

    @property
    def has_index(self) -> bool:
        return self.n_cards > 1


def make_provenance_json(provenance: Provenance) -> str:
    """The provenance as JSON that cannot end the script that holds it."""
    return to_json(make_provenance_document(provenance)).replace("<", "\\u003c")


def find_provenance(lines: Iterable[str]) -> dict[str, Any]:
    """The provenance that `make_provenance_json` wrote into the head of a page; empty in a page of another origin."""
    for line in lines:
        if found := re.fullmatch(r'<script type="application/json" id="provenance">(.*)</script>\n?', line):
            document: dict[str, Any] = json.loads(found[1])
            return document
        if line.startswith("<body"):
            break
    return {}


class Page:
    """The parts of one report: head, rows of the index, middle, cards and foot. Whatever is not a template is escaped."""

    def __init__(self, title: str, provenance: Provenance) -> None:
        self._title, self._provenance = title, provenance
        self._row, self._card = (make_environment().get_template(name) for name in ("row.html", "card.html"))

    def head(self, tally: Tally) -> str:
        """All above the rows."""
        recipe = convert_to_plain(self._provenance.recipe)
        # A list of what each image was named is the index itself, unless some were named alike.
        found = tally.found.most_common(MOST_FOUND) if tally.found.total() > len(tally.found) else []
        return make_environment().get_template("head.html").render(
            title=self._title,
            provenance=self._provenance,
            provenance_json=Markup(make_provenance_json(self._provenance)),
            plugins=format_plugins(self._provenance),
            recipe=yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, width=100),
            counts=tally.states,
            total=tally.states.total(),
            n_events=tally.n_events,
            has_index=tally.has_index,
            found=found,
            n_found=len(tally.found),
            style=Markup("".join(read_template(name) for name in STYLES)),
            script_hash=Markup(hash_script(read_template("report.js"))),
        )  # fmt: skip

    def row(self, card: Card, number: int) -> str:
        return self._row.render(card=card, number=number)

    def middle(self, tally: Tally) -> str:
        """All between the rows and the cards."""
        return make_environment().get_template("middle.html").render(has_index=tally.has_index)

    def card(self, card: Card, number: int) -> str:
        return self._card.render(card=card, number=number, provenance=self._provenance)

    def card_alone(self, card: Card) -> str:
        """A card to be set into another page, without number and way to the next."""
        template = make_environment().get_template("card_alone.html")
        return template.render(card=card, number=0, provenance=self._provenance)

    def foot(self, tally: Tally) -> str:
        """All below the cards."""
        return make_environment().get_template("foot.html").render(
            provenance=self._provenance, methods=sorted(tally.methods), script=Markup(read_template("report.js"))
        )  # fmt: skip
