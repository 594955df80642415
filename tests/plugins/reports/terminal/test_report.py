"""The table report, as text."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from bioclip_x.records import Provenance, Remainder, Result, Taxon
from bioclip_x_plugins.reports.terminal.contributions import render_bar
from bioclip_x_plugins.reports.terminal.report import TableReport


def written(path: Path, provenance: Provenance, *results: Result, width: int = 100) -> str:
    with TableReport(width=width).open(path, provenance) as writer:
        for result in results:
            writer.write(result)
    return path.read_text("utf-8")


def test_what_a_picture_shows(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    text = written(tmp_path / "o.txt", provenance, blue_tit)
    assert "Cyanistes caeruleus  Eurasian blue tit  58.0%" in text
    assert "the largest family lies elsewhere: Fringillidae  63.0%" in text
    assert "why Cyanistes caeruleus rather than Parus major" in text
    assert "a black cap" in text and "−3.00" in text
    assert "from elsewhere than these texts: +0.25" in text
    assert "share among the listed classes, not calibrated" in text


def test_evidence_against_its_own_class_is_shown_as_such(
    provenance: Provenance, doubtful: Result, tmp_path: Path
) -> None:
    lines = written(tmp_path / "o.txt", provenance, doubtful, width=80).splitlines()
    bars = {line.split("  ")[1]: line.rpartition("│") for line in lines if "│" in line}
    drawn = {
        phrase: (left.count("█"), right.count("█"), right.split()[-1]) for phrase, (left, _, right) in bars.items()
    }
    # The longest bar is ten cells for 2.8: green and to the right for the winner, to the left against it.
    assert drawn == {
        "a blue cap": (0, 10, "+2.80"), "a yellow breast": (0, 7, "+2.20"), "white cheeks": (2, 0, "−0.60"),
        "a yellow belly": (6, 0, "−1.80"), "a black cap": (3, 0, "−1.00"), "an olive back": (0, 5, "+1.60"),
    }  # fmt: skip
    zero = {phrase: len(left) for phrase, (left, _, _) in bars.items()}
    assert zero["a blue cap"] == zero["white cheeks"] and zero["a black cap"] == zero["an olive back"]


def test_strong_evidence_against_is_not_summed_up(provenance: Provenance, doubtful: Result, tmp_path: Path) -> None:
    assert doubtful.explanation is not None
    blue, yellow, white, *others = doubtful.explanation.contributions
    why = replace(doubtful.explanation, contributions=(blue, yellow, replace(white, contribution=-2.5), *others))
    with TableReport(width=80, strongest=2).open(tmp_path / "o.txt", provenance) as writer:
        writer.write(replace(doubtful, explanation=why))
    text = (tmp_path / "o.txt").read_text("utf-8")
    assert "white cheeks" in text and "a yellow breast" not in text
    assert ["1", "more", "+2.20"] in [line.split() for line in text.splitlines()]


def test_the_mean_text_is_told_once_and_is_a_line_of_the_sum(
    provenance: Provenance, doubtful: Result, blue_tit: Result, tmp_path: Path
) -> None:
    text = written(tmp_path / "o.txt", provenance, doubtful)
    assert text.count("the mean text of the list scores") == 1
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "cosine: the mean text of the list scores 0.20 on this image" in lines
    assert "of the margin, from the mean text of the list: +0.40" in lines
    assert "mean text" not in written(tmp_path / "o.txt", provenance, blue_tit)


def test_the_sign_has_its_own_colour_and_side() -> None:
    against, in_favour = render_bar(-0.5, 4, 4), render_bar(0.5, 4, 4)
    assert (against.plain, in_favour.plain) == ("  ██│    ", "    │██  ")
    colours = [[(bar.plain[span.start : span.end], span.style) for span in bar.spans] for bar in (against, in_favour)]
    assert colours == [[("  ██", "magenta"), ("│", "dim")], [("│", "dim"), ("██  ", "green")]]


def test_what_both_have_is_told_once(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    first, second, third, *others = blue_tit.explanation.contributions
    inherited = replace(second, taxon="Cyanistes", rank="genus")
    shares = (
        replace(first, phrase="[b]wings", net=0.4), inherited, third,
        replace(others[0], phrase="[b]wings", net=0.4), *others[1:],
    )  # fmt: skip
    why = replace(blue_tit.explanation, contributions=shares)
    text = written(tmp_path / "o.txt", provenance, replace(blue_tit, explanation=why), width=160)
    assert text.count("[b]wings") == 1 and "of both: [b]wings +0.40" in text
    assert "a yellow breast, genus Cyanistes" in text


def test_each_remainder_has_a_line(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    told = (
        Remainder("other classes of Paridae", -0.7, "classes"), Remainder("a\x1blist", math.inf, "adjustment"),
        Remainder("next to nothing", 1e-6, "head"),
    )  # fmt: skip
    why = replace(blue_tit.explanation, remainders=told, margin=math.inf, rest=math.inf)
    text = written(tmp_path / "o.txt", provenance, replace(blue_tit, explanation=why))
    assert "why Cyanistes caeruleus rather than Parus major: it is excluded" in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "of the margin, from other classes of Paridae: −0.70" in lines
    assert "of the margin, from a\\x1blist: excluded" in lines and "next to nothing" not in text


def test_names_are_one_line(provenance: Provenance, goldfinch: Result, tmp_path: Path) -> None:
    text = written(tmp_path / "o.txt", provenance, goldfinch)
    assert "margin +3.00 (the texts compared are names)" in text
    assert "cosine" not in text


def test_classes_beyond_the_predictions_are_named(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    best = blue_tit.predictions[0]
    family = replace(best, taxon=Taxon("family", "Paridae", best.taxon.lineage[:5]), path=best.path[:5])
    text = written(tmp_path / "o.txt", provenance, replace(blue_tit, predictions=(family,)))
    assert "  Paridae" in text and "why Cyanistes caeruleus rather than Parus major" in text


def test_errors_refusals_and_counts(
    provenance: Provenance, blue_tit: Result, unreadable: Result, refused: Result, tmp_path: Path
) -> None:
    text = written(tmp_path / "o.txt", provenance, blue_tit, unreadable, refused)
    assert f"{unreadable.source}  failed  {unreadable.error}\n" in text
    assert f"{refused.source}  not named  {refused.refused}\n" in text
    assert "3 images: 1 named, 1 not named, 1 failed" in text


def test_a_demonstration_model_is_called_one(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    assert "demonstration" not in written(tmp_path / "o.txt", provenance, blue_tit)
    about = replace(provenance, demo="knows drawings only")
    text = written(tmp_path / "o.txt", about, blue_tit)
    assert "demonstration model" in text and "knows drawings only" in text


@pytest.mark.parametrize("width", [40, 80, 100, 160])
def test_no_line_is_wider_than_asked(
    width: int, provenance: Provenance, blue_tit: Result, hostile: list[Result], tmp_path: Path
) -> None:
    text = written(tmp_path / "o.txt", replace(provenance, demo="demo " * 40), blue_tit, *hostile, width=width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert not any(line != line.rstrip() for line in text.splitlines())


def test_markup_and_escapes_stay_text(provenance: Provenance, hostile: list[Result], tmp_path: Path) -> None:
    text = written(tmp_path / "o.txt", provenance, *hostile, width=160)
    assert "[bold red]markup[/] :smile:.jpg" in text
    assert "\\x1b[2J" in text and "\\u202e" in text and "\\udce9" in text
    assert not {"\x1b", "\u202e", "\r", "\x85"} & set(text)


def test_no_colour_in_a_pipe(provenance: Provenance, blue_tit: Result, capsys: pytest.CaptureFixture[str]) -> None:
    with TableReport().open(None, provenance) as writer:
        writer.write(blue_tit)
    out = capsys.readouterr().out
    assert "Cyanistes caeruleus" in out and "\x1b" not in out


def test_bars_where_the_encoding_has_none(
    provenance: Provenance, blue_tit: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, "ascii"))
    with TableReport(width=100).open(None, provenance) as writer:
        writer.write(replace(blue_tit, source="シ.jpg"))
    text = raw.getvalue().decode("ascii")
    assert "|#####" in text and "\\u30b7.jpg" in text


def test_how_the_image_was_read_is_a_line(
    provenance: Provenance, blue_tit: Result, unreadable: Result, tmp_path: Path
) -> None:
    noted = replace(blue_tit, notes=("first of 3 frames", "file truncated: 97% read"))
    lines = written(tmp_path / "o.txt", provenance, noted, replace(unreadable, notes=("of a kind",))).splitlines()
    assert "  image: first of 3 frames; file truncated: 97% read" in lines and "  image: of a kind" in lines
    assert "\n  image: " not in written(tmp_path / "p.txt", provenance, blue_tit)


def test_boxes_and_events(provenance: Provenance, two_boxes: list[Result], goldfinch: Result, tmp_path: Path) -> None:
    text = written(tmp_path / "o.txt", provenance, *two_boxes, goldfinch)
    lines = text.splitlines()
    assert lines[0] == "cam1/a.jpg  2 boxes" and lines[1] == "  box 1  animal 93.0%, individual M7"
    assert "  box 2  person  not named  a person" in lines
    rule = "─" * 100
    start = lines.index(rule)
    assert lines[start + 1] == "event burst 1" and lines.index(rule, start + 1) > start + 5
    shares = " ".join(" ".join(lines[start : lines.index(rule, start + 1)]).split())
    assert "cam1/a.jpg, box 1 ━━━━━╌╌╌ 58.0% +1.40" in shares and "cam1/a.jpg, box 2 a person" in shares
    assert "3 images: 2 named, 1 not named" in text


def test_boxes_fit_the_width(provenance: Provenance, two_boxes: list[Result], tmp_path: Path) -> None:
    for width in (40, 60, 96):
        text = written(tmp_path / "o.txt", provenance, *two_boxes, width=width)
        assert max(map(len, text.splitlines())) <= width
