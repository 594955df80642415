"""The page, as a parser sees it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bioclip_x.records import Prediction, Provenance, Result, Step, Taxon
from bioclip_x_plugins.reports.html.report import HtmlReport
from bioclip_x_plugins.reports.result_text import escape_controls

VOID = {"meta", "link", "img", "input", "br"}


class Seen(HTMLParser):
    """Tags with their attributes, and the text between; fails where tags do not nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def of(self, tag: str, css_class: str = "") -> list[dict[str, str | None]]:
        return [a for t, a in self.tags if t == tag and css_class in ["", *(a.get("class") or "").split(" ")]]


def written(path: Path, provenance: Provenance, *results: Result, **options: object) -> str:
    with HtmlReport(**options).open(path, provenance) as writer:  # type: ignore[arg-type]
        for result in results:
            writer.write(result)
    return path.read_text("utf-8")


@pytest.fixture
def page(
    provenance: Provenance, blue_tit: Result, goldfinch: Result, unreadable: Result, refused: Result, tmp_path: Path
) -> str:
    return written(tmp_path / "o.html", provenance, blue_tit, goldfinch, unreadable, refused)


def test_a_card_per_picture(page: str) -> None:
    seen = Seen(page)
    assert [a["class"] for a in seen.of("article")] == ["card named", "card named", "card failed", "card refused"]
    text = " ".join(" ".join(seen.text).split())
    for said in ("4 images", "2 named", "1 not named", "1 failed", "Eurasian blue tit", "58.0%", "a blue cap",
                 "image file is truncated", "not a field-guide drawing", "not calibrated", "3fa9c1"):  # fmt: skip
        assert said in text
    assert "The largest family lies elsewhere: Fringillidae" in text
    assert "elsewhere than these texts +0.25" in text


def test_the_picture_is_in_the_page(page: str, blue_tit: Result) -> None:
    image = next(a for a in Seen(page).of("img") if a["alt"] == "blue tit.jpg")
    assert base64.b64decode(image["src"].removeprefix("data:image/jpeg;base64,")) == blue_tit.thumbnail
    assert image["loading"] == "lazy"


def test_an_index_of_many_pictures(page: str, provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    seen = Seen(page)
    rows = [a for a in seen.of("tr") if "data-card" in a]
    assert [a["data-card"] for a in rows] == [a["id"] for a in seen.of("article")]
    assert [a["class"] for a in rows] == ["named", "named", "failed", "refused"]
    assert "Passeriformes" in rows[0]["data-also"]
    assert not Seen(written(tmp_path / "one.html", provenance, blue_tit)).of("table")


def test_what_was_found_is_summed_up_where_names_repeat(
    page: str, provenance: Provenance, blue_tit: Result, goldfinch: Result, tmp_path: Path
) -> None:
    assert "What was found" not in page
    seen = Seen(written(tmp_path / "o.html", provenance, blue_tit, goldfinch, blue_tit))
    assert [a["data-find"] for a in seen.of("button") if "data-find" in a] == [
        "Cyanistes caeruleus",
        "Carduelis carduelis",
    ]


def test_nothing_is_loaded(page: str) -> None:
    addresses = [v for _, a in Seen(page).tags for k, v in a.items() if k in ("src", "href", "srcset", "action")]
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert "http:" not in page and "https:" not in page and "url(" not in page and "@import" not in page


def test_only_its_own_script_may_run(page: str) -> None:
    (policy,) = [a["content"] for a in Seen(page).of("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in policy and f"script-src 'sha256-{digest}';" in policy


def test_bars_start_at_zero_and_keep_the_signs(page: str) -> None:
    zeros = [float(a["style"].removeprefix("--zero:").rstrip("%")) for a in Seen(page).of("span", "axis")]
    styles = [(a["class"], *map(float, re.findall(r"[\d.]+", a["style"]))) for t, a in Seen(page).tags
              if t == "span" and a.get("class") in ("plus", "minus")]  # fmt: skip
    assert [kind for kind, *_ in styles] == ["plus"] * 3 + ["minus"] * 2 + ["plus"]
    # The runner-up's last speaks against its own class, and so goes to the left.
    for place, (zero, (_, left, width)) in enumerate(zip(zeros, styles, strict=True)):
        assert (left + width if place == 5 else left) == pytest.approx(zero, abs=0.02)
        assert left >= 0 and left + width <= 100.02


def test_evidence_against_the_winner_and_the_mean_text_are_in_the_page(
    provenance: Provenance, doubtful: Result, blue_tit: Result, tmp_path: Path
) -> None:
    page = written(tmp_path / "o.html", provenance, doubtful)
    text = " ".join(" ".join(Seen(page).text).split())
    assert text.count("Cosine: the mean text of the list scores 0.200 on this image.") == 1
    assert "white cheeks 0.170 −0.60" in text and "an olive back 0.120 +1.60" in text
    assert "the mean text of the list +0.40" in text
    bars = [a["class"] for t, a in Seen(page).tags if t == "span" and a.get("class") in ("plus", "minus")]
    assert bars == ["plus", "plus", "minus", "minus", "minus", "plus"]
    assert "on this image" not in written(tmp_path / "o.html", provenance, blue_tit)


def test_the_index_names_a_descriptor_in_favour_of_the_winner_or_none(
    provenance: Provenance, doubtful: Result, hopeless: Result, tmp_path: Path
) -> None:
    page = written(tmp_path / "o.html", provenance, doubtful, hopeless)
    assert re.findall(r'<td role="cell" class="decided"><bdi>(.*?)</bdi>', page) == ["a blue cap", ""]


def test_many_descriptors_are_folded(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    text = " ".join(" ".join(Seen(written(tmp_path / "o.html", provenance, blue_tit, strongest=1)).text).split())
    assert text.count("2 more") == 2 and "a black cap" in text


def test_hostile_text_stays_text(
    provenance: Provenance, blue_tit: Result, hostile: list[Result], tmp_path: Path
) -> None:
    nasty = "<b onclick=x>\"'</title></style></script>"
    about = replace(provenance, model=nasty, demo=nasty, taxonomy=nasty, notes=(nasty,), recipe={"model": nasty})
    harmless = Seen(written(tmp_path / "a.html", replace(provenance, demo="d"), *[blue_tit] * len(hostile)))
    seen = Seen(written(tmp_path / "b.html", about, *hostile, title=nasty))
    allowed = {tag for tag, _ in harmless.tags}
    assert {tag for tag, _ in seen.tags} <= allowed
    assert Counter(t for t, _ in seen.tags)["img"] == 2 * len(hostile)
    assert {k for _, a in seen.tags for k in a} <= {k for _, a in harmless.tags for k in a}
    assert seen.text.count(nasty) >= 5
    for result in hostile:
        assert escape_controls(result.explanation.winner, keep="\n") in seen.text
    assert not set("\u202e\x1b\x85") & set("".join(seen.text))


def test_a_demonstration_model_is_called_one(page: str, provenance: Provenance, tmp_path: Path) -> None:
    assert "Demonstration model" not in page
    assert "Demonstration model" in written(tmp_path / "d.html", replace(provenance, demo="drawings only"))


def test_a_plain_label_has_no_tree(provenance: Provenance, tmp_path: Path) -> None:
    cat = Prediction(Taxon("", "cat", (("", "cat"),), {"en": ("cat",)}), 0.7, (Step("", "cat", 0.7),))
    page = written(tmp_path / "o.html", replace(provenance, ranks=()), Result("a.jpg", predictions=(cat,)))
    assert "Place on the tree" not in page and "<i lang" not in page


def test_to_standard_output(
    provenance: Provenance, blue_tit: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with HtmlReport().open(None, provenance) as writer:
        writer.write(blue_tit)
    assert capsys.readouterr().out == written(tmp_path / "o.html", provenance, blue_tit)


def test_how_the_image_was_read_is_in_its_card(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    page = written(tmp_path / "o.html", provenance, replace(blue_tit, notes=("first of <3> frames",)))
    assert '<bdi class="image-note">first of &lt;3&gt; frames</bdi>' in page
    assert 'class="image-note"' not in written(tmp_path / "p.html", provenance, blue_tit)
