"""A card outside of the page: the same words, without identifiers, scripts and ways to other cards."""

from __future__ import annotations

import re

from bioclip_x.records import Provenance, Result
from bioclip_x_plugins.reports.html.report import HtmlReport


def test_a_card_alone_says_what_the_page_says(blue_tit: Result, provenance: Provenance) -> None:
    card = HtmlReport().make_card(blue_tit, provenance)
    assert card.startswith("<article") and card.rstrip().endswith("</article>")
    assert "Cyanistes caeruleus" in card and "data:image/" in card
    assert not re.search(r"<noscript|<script|\sid=|data-step", card)


def test_its_texts_tell_their_class(blue_tit: Result, provenance: Provenance) -> None:
    assert blue_tit.explanation
    card = HtmlReport().make_card(blue_tit, provenance)
    found = {(int(number), text) for text, number in re.findall(r'title="([^"]*)" data-class="(\d+)"', card)}
    assert found and found <= {(one.class_index, one.text) for one in blue_tit.explanation.contributions}


def test_hostile_names_are_escaped(provenance: Provenance) -> None:
    card = HtmlReport().make_card(Result("<img src=x onerror=alert(1)>\u202e.jpg", error="no"), provenance)
    assert "<img" not in card and "\u202e" not in card


def test_style_has_the_colours_that_cards_use() -> None:
    style = HtmlReport().make_card_style()
    set_in_place = {"--zero", "--ratio"}
    assert set(re.findall(r"var\((--[a-z-]+)\)", style)) - set_in_place <= set(re.findall(r"(--[a-z-]+):", style))
