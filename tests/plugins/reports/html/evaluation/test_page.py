"""The page of an evaluation: complete, self-contained, escaped, and of bounded size."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from bioclip_x.records import ConfusionMatrix, EvaluationFigures, Measure
from bioclip_x_plugins.reports.html.evaluation.page import format_measure, make_ticks, render_evaluation
from bioclip_x_plugins.reports.html.report import EVALUATION_TITLE, HtmlReport
from plugins.reports.html.evaluation.conftest import HOSTILE, make_matrix


class Balance(HTMLParser):
    """Checks that elements are closed in the order in which they were opened."""

    VOID = ("meta", "link", "img", "input", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_has_all_figures_and_loads_nothing(figures: EvaluationFigures, tmp_path: Path) -> None:
    HtmlReport().write_evaluation(tmp_path / "figures.html", figures)
    page = (tmp_path / "figures.html").read_text(encoding="utf-8")
    balance = Balance()
    balance.feed(page)
    assert balance.open == []
    for text in (EVALUATION_TITLE, "Accuracy at each rank", "Accuracy against depth", "Reliability", "Confusions",
                 "Embeddings", "A right", "75.0% [50.0, 90.0]", "ECE", "2 images skipped", "figures.json",
                 "drawings only", "say nothing about photographs", "data:image/jpeg;base64,"):  # fmt: skip
        assert text in page
    assert "Nothing to show" not in page  # an outcome without images
    assert "default-src 'none'" in page
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)", page) and "url(" not in page and "http://" not in page


def test_names_are_escaped(figures: EvaluationFigures) -> None:
    page = render_evaluation(figures, HOSTILE)
    assert HOSTILE not in page and "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_drawings_are_well_formed_and_say_their_numbers(figures: EvaluationFigures) -> None:
    page = render_evaluation(figures, "t")
    drawings = [
        ElementTree.fromstring(svg) for svg in re.findall(r"<svg viewBox.*?</svg>|<svg class=\"m.*?</svg>", page, re.S)
    ]
    titles = [title.text for svg in drawings for title in svg.iter("title")]
    assert "Paridae: named Turdidae, 1 of 4 images" in titles
    assert "Turdidae: no taxon at this rank named, 1 of 1 images" in titles
    assert "A: shares 50% to 60%: 50.0% [20.0, 80.0], 8 images" in titles
    assert all(svg.get("aria-label") or svg.get("aria-hidden") for svg in drawings)


def test_a_single_run_needs_no_names_in_its_marks(figures: EvaluationFigures) -> None:
    page = render_evaluation(replace(figures, runs=figures.runs[:1], maps=(), examples=()), "t")
    assert "<title>family: 75.0% [50.0, 90.0], 8 images</title>" in page
    assert "Embeddings" not in page


def test_ten_thousand_classes_make_a_page_that_can_be_opened(figures: EvaluationFigures) -> None:
    rng = np.random.default_rng(0)
    cells = np.unique(rng.integers(0, 10_000, (20_000, 2)), axis=0)
    names = tuple(f"Genus species-{i}" for i in range(10_000))
    many = ConfusionMatrix("species", names, (), *cells.T, np.ones(len(cells), np.int64), unlabelled=0)
    run = replace(figures.runs[0], confusions=(make_matrix(), many))
    page = render_evaluation(replace(figures, runs=(run,)), "t")
    assert len(page) < 5e6
    assert f"{len(cells) - 5000} cells of the fewest images are not drawn" in page
    family, species = re.findall(r"<input type=\"radio\" name=\"confusion-1\"( checked)?>", page)
    assert family and not species


@pytest.mark.parametrize(
    ("name", "measure", "text"),
    [
        ("top-1", Measure(0.984, 0.971, 0.992, 200), "98.4% [97.1, 99.2]"),
        ("top-1", Measure(0.5, 0.4, 0.6, 200, 0.012), "50.0% ± 1.2 [40.0, 60.0]"),
        ("ECE", Measure(0.05, None, None, 200), "5.0%"),
        ("classes per set", Measure(3.47, 3.0, 4.0, 200), "3.47 [3.00, 4.00]"),
        ("family", Measure(None, None, None, 0), "–"),
        ("family", None, ""),
    ],
)
def test_measures_in_words(name: str, measure: Measure | None, text: str) -> None:
    assert format_measure(name, measure) == text


def test_one_depth_has_one_tick() -> None:
    assert make_ticks(2.0, 2.0) == [(2.0, "2.00")]
