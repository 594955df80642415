"""README.md, parsed by other programs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from huggingface_hub import DatasetCard
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bioclip_x.dataset.card.contents import COLUMNS, FILES
from bioclip_x.dataset.card.facts import Facts
from bioclip_x.dataset.card.markdown import escape, format_markdown
from bioclip_x.messages import escape_controls
from card_rows import HOSTILE, make_row

PARSER = MarkdownIt("commonmark", {"html": True}).enable("table")


def show(markdown: str) -> str:
    """The text that a reader sees."""
    tokens = PARSER.parseInline(markdown)[0].children or []
    return "".join(token.content for token in tokens if token.type != "html_inline" or token.content != "<!---->")


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_escaped_text_is_shown_as_it_is(text: str) -> None:
    tokens = PARSER.parseInline(escape(text))[0].children or []
    assert {token.type for token in tokens} <= {"text", "text_special", "html_inline"}
    assert all(token.content == "<!---->" for token in tokens if token.type == "html_inline")
    assert show(escape(text)).strip() == escape_controls(text).strip()


def test_escaped_text_stays_in_its_cell() -> None:
    tokens = PARSER.parse(f"| a | b |\n| --- | --- |\n| {escape(HOSTILE)} | x |")
    assert [token.type for token in tokens].count("td_open") == 2
    assert "://" not in escape("https://evil.example")


def hostile_facts(tell: Callable[..., Facts]) -> Facts:
    lineage = dict.fromkeys(("kingdom", "phylum", "class", "order", "family", "genus", "species"), HOSTILE)
    values = {"licence": HOSTILE, "rights_holder": HOSTILE, "conflict": HOSTILE, "taxonomy": HOSTILE, "split": HOSTILE}
    rows = [
        make_row(0, **lineage, **values),
        make_row(1, outcome="duplicate", reason=HOSTILE),
        make_row(2, outcome="held out", reason=HOSTILE),
        make_row(3, outcome="unnamed", reason=HOSTILE, status="lost"),
    ]
    return tell(rows, title=HOSTILE)


def test_hostile_names_are_text(tell: Callable[..., Facts]) -> None:
    text = format_markdown(hostile_facts(tell))
    assert "\u202e" not in text
    _, header, body = text.split("---\n", 2)
    assert yaml.safe_load(header)["pretty_name"] == escape_controls(HOSTILE)
    tokens = [child for token in PARSER.parse(body) for child in (token.children or [])]
    assert not [token for token in tokens if token.type in ("link_open", "image")]
    assert {token.content for token in tokens if token.type == "html_inline"} <= {"<!---->"}
    assert not [token for token in PARSER.parse(body) if token.type == "html_block"]
    assert "<script" not in PARSER.render(body)


def test_the_header_is_that_of_the_hub(built: Path) -> None:
    card = DatasetCard.load(built / "README.md")
    assert card.data.pretty_name == "Birds of a park"
    assert card.data.license == ["cc-by-4.0"]
    assert card.data.size_categories == ["n<1K"]
    (config,) = card.data.to_dict()["configs"]
    for one in config["data_files"]:
        assert list(built.glob(one["path"]))


@pytest.mark.parametrize(
    ("given_licences", "expected"),
    [
        (["CC-BY-4.0", "CC0-1.0"], ["cc-by-4.0", "cc0-1.0"]),
        (["CC-BY", "unknown"], ["other", "unknown"]),
        (["public domain"], ["other"]),
    ],
)
def test_licences_of_the_hub(tell: Callable[..., Facts], given_licences: list[str], expected: list[str]) -> None:
    text = format_markdown(tell([make_row(i, licence=licence) for i, licence in enumerate(given_licences)]))
    header = yaml.safe_load(text.split("---\n")[1])
    assert header["license"] == expected
    assert ("license_name" in header) == ("other" in expected)


def test_rows_of_outcomes_add_up(built: Path) -> None:
    text = (built / "README.md").read_text("utf-8")
    section = text.split("## What became of the images")[1].split("The commonest")[0]
    numbers = [int(one.replace(",", "")) for one in re.findall(r"\| \**([\d,]+)\** \|$", section, re.MULTILINE)]
    assert sum(numbers[:-1]) == numbers[-1] == 24
    assert "| held out | of a species, an image or a test set that must not be trained on | 8 |" in section


def test_it_tells_files_columns_and_settings_without_folders(built: Path) -> None:
    text = (built / "README.md").read_text("utf-8")
    for name in COLUMNS:
        assert f"| `{name}` |" in text
    for name in set(FILES) - {"review.csv", "duplicates"}:
        assert f"| `{name}" in text
    assert "bioclip-x train train.yaml" in text
    assert "species: rare.txt" in text
    assert str(built.parent) not in text
    assert "ann-doe" not in text


def test_every_column_of_the_catalogue_is_defined(built: Path) -> None:
    import pyarrow.parquet as pq

    assert pq.read_schema(built / "catalogue.parquet").names == list(COLUMNS)
