"""The table report, as text."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from bioclip_x.records import Provenance, Remainder, Result, Taxon
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
    assert f"{unreadable.source}  unreadable  {unreadable.error}\n" in text
    assert f"{refused.source}  not named  {refused.refused}\n" in text
    assert "3 pictures: 1 named, 1 not named, 1 unreadable" in text


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
