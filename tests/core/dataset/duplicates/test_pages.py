from __future__ import annotations

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image

from bioclip_x.dataset.duplicates.columns import DUPLICATES
from bioclip_x.dataset.duplicates.pages import MOST_IMAGES, write_page
from bioclip_x.dataset.duplicates.summary import Summary, list_conflicts, summarise
from helpers import picture

ROWS = {"row": [1, 2, 4, 5], "kept": [0, 0, 3, 3], "distance": [0.0, 4.0, 2.0, 2.0]}
TABLE = pa.table(ROWS, schema=DUPLICATES)
TAXA = pa.table({"row": [0, 1, 2, 3, 4, 5], "taxon": ["Emys", "Emys", "Passer", "Passer", None, "Emys"]})


def open_image(row: int) -> Image.Image | None:
    return None if row == 4 else picture(row)


def describe(row: int) -> Mapping[str, str]:
    taxon = TAXA["taxon"][row].as_py()
    return {"name": f"name {row}", "taxon": taxon or "", "source": "<script>alert(1)</script>\x1b[2J\u202e"}


def write(path: Path, table: pa.Table = TABLE, **options: object) -> str:
    write_page(path, table, title="By <hash>", threshold="4 bits", open_image=open_image, describe=describe, **options)  # type: ignore[arg-type]
    return path.read_text("utf-8")


def test_counts() -> None:
    expected = Summary(
        n_removed=4, n_groups=2, largest_group=3, n_conflicts=2, n_without_taxon=1, n_by_distance={0: 1, 2: 2, 4: 1}
    )
    assert summarise(TABLE, TAXA) == expected
    assert summarise(DUPLICATES.empty_table(), TAXA) == Summary(0, 0, 0, 0, 0, {})
    assert list_conflicts(TABLE, TAXA)["row"].to_pylist() == [2, 5]


def test_shows_pairs_nearest_to_the_threshold_first(tmp_path: Path) -> None:
    beyond = pa.table({"row": [8, 9], "kept": [7, 7], "distance": [8.0, 6.0]}, schema=DUPLICATES)
    page = write(tmp_path / "page.html", beyond=beyond.slice(0, 0))
    within = page.partition('id="within"')[2].partition('id="beyond"')[0]
    assert re.findall("distance ([0-9.]+)", within) == ["4", "2", "2", "0"]
    assert "Different taxa" in page


def test_what_is_beyond_is_shown_nearest_first(tmp_path: Path) -> None:
    beyond = pa.table({"row": [1, 5], "kept": [0, 0], "distance": [8.0, 6.0]}, schema=DUPLICATES)
    section = write(tmp_path / "page.html", beyond=beyond).partition('id="beyond"')[2].partition('id="sample"')[0]
    assert re.findall("distance ([0-9.]+)", section) == ["6", "8"]


def test_different_taxa_have_a_section_first(tmp_path: Path) -> None:
    page = write(tmp_path / "page.html", taxa=TAXA)
    section = page.partition('id="conflicts"')[2].partition('id="within"')[0]
    assert section.count("Different taxa:") == 2
    assert re.findall(r"row</dt> <dd>(\d)", section) == ["0", "2", "3", "5"]


def test_is_escaped_and_asks_for_nothing(tmp_path: Path) -> None:
    page = write(tmp_path / "page.html", taxa=TAXA)
    assert "<script" not in page
    assert "By &lt;hash&gt;" in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    addresses: list[str] = []

    class Addresses(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            addresses.extend(value or "" for name, value in attrs if name in ("src", "href"))

    Addresses().feed(page)
    assert any(address.startswith("data:image/jpeg") for address in addresses)
    assert all(address.startswith("data:") for address in addresses)
    assert "cannot be shown" in page


def test_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    pages = {write(tmp_path / "page.html", n_shown=1, seed=seed) for seed in (0, 0)}
    assert len(pages) == 1
    assert len({write(tmp_path / "page.html", n_shown=1, seed=seed) for seed in range(8)}) == 2


def test_a_large_group_is_cut(tmp_path: Path) -> None:
    table = pa.table({"row": [5] * 40, "kept": [0] * 40, "distance": [0.0] * 40}, schema=DUPLICATES)
    page = write(tmp_path / "page.html", table, n_shown=1)
    assert f"and {40 - (MOST_IMAGES - 1)} more" in page


def test_nothing_found_is_told(tmp_path: Path) -> None:
    assert write(tmp_path / "page.html", DUPLICATES.empty_table()).count("None.") == 3


@pytest.mark.parametrize("length", [199, 5000])
def test_long_facts_are_cut(tmp_path: Path, length: int) -> None:
    def long(row: int) -> Mapping[str, str]:
        return {"name": "x" * length}

    write_page(tmp_path / "p.html", TABLE, title="t", threshold="4", open_image=open_image, describe=long)
    assert ("…" in (tmp_path / "p.html").read_text("utf-8")) == (length > 200)
