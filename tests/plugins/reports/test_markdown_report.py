"""The Markdown report, as a parser reads it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bioclip_x.messages import escape_controls
from bioclip_x.records import Provenance, Remainder, Result
from bioclip_x_plugins.reports.markdown_report import MarkdownReport, escape

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def written(path: Path, provenance: Provenance, *results: Result, strongest: int = 10) -> str:
    with MarkdownReport(strongest=strongest).open(path, provenance) as writer:
        for result in results:
            writer.write(result)
    return path.read_text("utf-8")


def tokens(text: str) -> list[Token]:
    """All of a document's, those inside lines too."""
    return [inner for token in PARSER.parse(text) for inner in (token, *(token.children or ()))]


def shown(text: str) -> list[str]:
    """The text of each line, heading and cell, as a reader sees it."""
    lines = (token for token in PARSER.parse(text) if token.type == "inline")
    return ["".join(child.content for child in line.children or ()) for line in lines]


def test_what_a_picture_shows(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    cells = shown(written(tmp_path / "o.md", provenance, blue_tit))
    assert cells[:3] == [
        "What the images show",
        "photos/blue tit.jpg",
        "Cyanistes caeruleus, Eurasian blue tit, 58.0%",
    ]
    for row in (
        ["family", "Paridae", "62.0%"],
        ["family", "Fringillidae", "63.0%"],
        ["2", "Parus major, great tit, 4.0%"],
        ["Why Cyanistes caeruleus rather than Parus major: margin +10.85"],
        ["a blue cap", "", "0.340", "+6.80", "██████████"],
        ["an olive back", "", "−0.050", "+1.00", "█"],
        ["a black cap", "", "0.150", "−3.00", "░░░░"],
        ["elsewhere than these texts", "+0.25"],
        ["model", "field-guide, revision 3fa9c1"],
        ["note", "2 classes have no descriptors; their names stand in"],
    ):
        starts = [at for at, cell in enumerate(cells) if cell == row[0]]
        assert any(cells[at : at + len(row)] == row for at in starts), row


def test_contributions_relative_to_the_mean_text(provenance: Provenance, doubtful: Result, tmp_path: Path) -> None:
    cells = shown(written(tmp_path / "o.md", provenance, doubtful))
    for row in (
        ["a blue cap", "", "0.340", "+2.80", "██████████"],
        ["white cheeks", "", "0.170", "−0.60", "░░"],
        ["a black cap", "", "0.250", "−1.00", "░░░░"],
        ["an olive back", "", "0.120", "+1.60", "██████"],
        ["the mean text of the list", "+0.40"],
    ):
        at = cells.index(row[0])
        assert cells[at : at + len(row)] == row
    assert cells.count("Cosine: the mean text of the list scores 0.200 on this image.") == 1
    assert "Why Cyanistes caeruleus rather than Parus major: margin +3.60" in cells


def test_the_weaker_are_summed_up(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    cells = shown(written(tmp_path / "o.md", provenance, blue_tit, strongest=1))
    at = cells.index("2 more")
    assert cells[at : at + 5] == ["2 more", "", "", "+11.60", ""]


def test_what_both_have_and_what_no_text_made(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    assert blue_tit.explanation
    first, *others = blue_tit.explanation.contributions
    shares = (
        replace(first, net=0.4, taxon="Paridae", rank="family"),
        replace(others[0], taxon="Cyanistes", rank="genus"),
    )
    rest = (Remainder("list", math.inf, "adjustment"),)
    why = replace(blue_tit.explanation, contributions=(*shares, *others[1:]), remainders=rest, margin=math.inf)
    cells = shown(written(tmp_path / "o.md", provenance, replace(blue_tit, explanation=why)))
    assert cells[cells.index("of both") + 2 :][:2] == ["a blue cap", "+0.40"] and cells.count("a blue cap") == 1
    assert cells[cells.index("a yellow breast") + 1] == "genus Cyanistes"
    assert cells[cells.index("list") + 1] == "excluded"
    assert "Why Cyanistes caeruleus rather than Parus major: it is excluded" in cells


def test_errors_and_refusals(provenance: Provenance, unreadable: Result, refused: Result, tmp_path: Path) -> None:
    cells = shown(written(tmp_path / "o.md", replace(provenance, demo="of *drawings*"), unreadable, refused))
    assert f"failed: {unreadable.error}" in cells and f"not named: {refused.refused}" in cells
    assert "Demonstration model. of *drawings*" in cells


def test_hostile_text_stays_text(provenance: Provenance, hostile: list[Result], tmp_path: Path) -> None:
    text = written(tmp_path / "o.md", provenance, *hostile)
    kinds = {token.type for token in tokens(text)}
    no_text = {"link_open", "image", "code_inline", "fence", "code_block", "s_open", "html_block", "html_inline"}
    assert not kinds & no_text
    sources = [f"{escape_controls(result.source)}" for result in hostile]
    assert [line for line in shown(text) if line in sources] == sources
    assert not {"\x1b", "\u202e", "\r", "\x85"} & set(text)


@given(st.text(st.sampled_from("ab \t\\`*_{}[]()<>#+-.!|~&;$:/@w=\"'\n\r1h"), min_size=1, max_size=30))
def test_any_text_is_read_as_it_is(text: str) -> None:
    """In a cell of a table, where most things can go wrong."""
    made = PARSER.parse(f"| x{escape(text)}x |\n| --- |\n| x{escape(text)}x |")
    lines = [token for token in made if token.type == "inline"]
    assert len(lines) == 2
    for line in lines:
        assert {child.type for child in line.children or ()} <= {"text", "text_special"}
        assert "".join(child.content for child in line.children or ()) == f"x{escape_controls(text)}x"


@pytest.mark.parametrize("address", ["http://e.org", "www.e.org", "WWW.e.org", "a@e.org"])
def test_addresses_are_no_links(address: str) -> None:
    """GitHub makes links of what looks like this in the source, whatever stands around it."""
    found = escape(f"see {address} now")
    assert not any(sign in found for sign in ("://", "www.", "WWW.", "@"))
    assert shown(found) == [f"see {address} now"]


def test_how_the_image_was_read_is_a_line(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    text = written(tmp_path / "o.md", provenance, replace(blue_tit, notes=("first of 3 frames", "a_b")))
    assert "\nImage: first of 3 frames; a\\_b.\n" in text


def test_boxes_and_events(provenance: Provenance, two_boxes: list[Result], tmp_path: Path) -> None:
    text = written(tmp_path / "o.md", provenance, *two_boxes)
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings[1:] == [
        "## cam1/a.jpg", "### Box 1: animal 93.0%, individual M7",
        headings[3],
        "### Box 2: person", "## cam1/b.jpg", "## Event burst 1", headings[7], "## Provenance",
    ]  # fmt: skip
    assert headings[3].startswith("#### Why ") and headings[7].startswith("### Why ")
    assert "| cam1/a.jpg | 1 | 58.0% | +1.40 |  |" in text and "| cam1/a.jpg | 2 |  |  | a person |" in text
