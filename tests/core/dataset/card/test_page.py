"""card.html."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bioclip_x.dataset.card.facts import Facts
from bioclip_x.dataset.card.page import choose_colour_rank, choose_colours, format_page
from bioclip_x.dataset.card.treemap import Node
from card_rows import HOSTILE, RANKS, make_row


class Elements(HTMLParser):
    """The elements of a page, their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_it_asks_for_nothing_and_runs_nothing(built: Path) -> None:
    page = Elements((built / "card.html").read_text("utf-8"))
    assert not {"script", "iframe", "object", "embed", "img", "base", "form"} & set(page.tags)
    assert {value for name, value in page.attributes if name in ("href", "src", "srcset", "action")} == {"data:,"}
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "default-src 'none'" in str(page.attributes)
    assert "url(" not in page.text
    assert "@import" not in page.text


def test_it_shows_title_taxa_and_numbers(built: Path) -> None:
    text = (built / "card.html").read_text("utf-8")
    assert "<title>Birds of a park</title>" in text
    assert "Animalia › Chordata › Aves › Passeriformes › Paridae › Parus: 7 images" in text
    assert "Ann | Doe" in text
    assert "prefers-color-scheme: dark" in text


def test_hostile_names_are_text(tell: Callable[..., Facts]) -> None:
    values = {"licence": HOSTILE, "rights_holder": HOSTILE, "conflict": HOSTILE, "taxonomy": HOSTILE, "split": HOSTILE}
    rows = [
        make_row(0, **dict.fromkeys(RANKS, HOSTILE), **values),
        *(make_row(i, outcome=o, reason=HOSTILE) for i, o in enumerate(("duplicate", "held out", "unnamed"), 1)),
    ]
    page = format_page(tell(rows, title=HOSTILE))
    elements = Elements(page)
    assert "script" not in elements.tags
    assert "\u202e" not in page
    assert elements.text.count("<script>alert(1)</script>") > 8  # shown
    assert "{{ 7*7 }}" in elements.text


def test_it_stays_small_with_very_many_taxa(tell: Callable[..., Facts]) -> None:
    rows = [
        make_row(i, **{rank: f"{rank} {i // 4 ** (6 - at)} {'x' * 300}" for at, rank in enumerate(RANKS)})
        for i in range(8000)
    ]
    assert len(format_page(tell(rows)).encode()) < 1_000_000


def test_a_data_set_without_images_that_are_used(tell: Callable[..., Facts]) -> None:
    page = format_page(tell([make_row(0, outcome="unnamed", reason="lost")]))
    assert "<svg" not in page
    assert "lost" in page


def test_areas_of_the_drawing_are_the_images(tell: Callable[..., Facts]) -> None:
    rows = [make_row(i, genus=f"G{min(i, 3)}", species=f"G{i} x") for i in range(12)]
    page = format_page(tell(rows))
    wide = page[page.index('<svg class="map wide"') : page.index("</svg>")]
    pattern = r'class="leaf[^>]* width="([\d.]+)" height="([\d.]+)"><title>[^<]*: (\d+) images'
    areas = {int(n): float(w) * float(h) for w, h, n in re.findall(pattern, wide)}
    assert areas[9] / areas[1] == pytest.approx(9, rel=0.01)
    assert len(re.findall(pattern, wide)) == 4


def test_colours_are_of_the_highest_rank_that_divides_the_images() -> None:
    orders = tuple(Node(f"order {i}", "order", 10 - i) for i in range(5))
    birds = Node("Aves", "class", 40, orders)
    tree = Node("", "", 40, (Node("Animalia", "kingdom", 40, (Node("Chordata", "phylum", 40, (birds,)),)),))
    assert choose_colour_rank(tree) == "order"
    assert choose_colours(tree, "order") == {f"order {i}": i + 1 for i in range(5)}
