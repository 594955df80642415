from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.cli.main import main

HOSTILE = """family,genus,species,common_name
Paridae,Parus,Parus major,[bold red]tit[/] :smile:
Paridae,Par[link]us,Par[link]us \x1b[2Jm\u202eajor,
"""


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(["taxonomy", "show", *map(str, arguments)])
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_a_tree_its_ranks_and_its_names(capsys: pytest.CaptureFixture[str], birds_csv: Path) -> None:
    code, out, err = run(capsys, birds_csv, "--language", "de")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[:2] == ["Animalia  kingdom", "└── Chordata  phylum"]
    assert "    │       │   │   └── Parus major  species  Kohlmeise" in "\n".join(lines)
    assert "Quercus  genus  Eiche  a class itself" in out
    assert ["class", "2", "1", "–"] in [line.split() for line in lines]
    assert ["species", "5", "–", "5"] in [line.split() for line in lines]
    assert "6, 1 of them with others below" in out and "7 levels, 2 tops" in out and "en 5, de 5" in out


def test_no_deeper_than_asked(capsys: pytest.CaptureFixture[str], birds_csv: Path) -> None:
    _, by_depth, _ = run(capsys, birds_csv, "--depth", "2")
    assert by_depth.split("\n\n")[0].splitlines() == [
        "Animalia  kingdom",
        "└── Chordata  phylum  4 classes",
        "Plantae  kingdom",
        "└── Tracheophyta  phylum  2 classes",
    ]
    _, by_rank, _ = run(capsys, birds_csv, "--rank", "Order", "--under", "Chordata")
    assert by_rank.split("\n\n")[0].splitlines() == [
        "Chordata  phylum",
        "├── Aves  class",
        "│   └── Passeriformes  order  3 classes",
        "└── Testudines  order  1 class",
    ]


def test_counts_below_one_taxon(capsys: pytest.CaptureFixture[str], birds_csv: Path) -> None:
    _, out, _ = run(capsys, birds_csv, "--under", "Paridae")
    assert out.startswith("Paridae  family\n├── Parus  genus\n") and "Plantae" not in out
    assert ["species", "2", "–", "2"] in [line.split() for line in out.splitlines()]


def test_long_lists_are_cut_with_a_count(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "many.csv"
    file.write_text("family,species\n" + "".join(f"Aidae,Aus s{i}\n" for i in range(1500)))
    _, out, _ = run(capsys, file, "--depth", "2", "--most", "3")
    assert out.split("\n\n")[0].splitlines()[-2:] == ["├── Aus s2  species", "└── … 1,497 more"]
    _, out, _ = run(capsys, file, "--depth", "2", "--most", "0")
    assert out.count("  species\n") == 1500


def test_names_stay_text(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "hostile.csv"
    file.write_text(HOSTILE, "utf-8")
    _, out, _ = run(capsys, file)
    assert "[bold red]tit[/] :smile:" in out
    assert "Par[link]us \\x1b[2Jm\\u202eajor" in out and "\x1b" not in out and "\u202e" not in out


@pytest.mark.parametrize("columns", ["1", "20", "47"])
def test_narrow_terminals(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, birds_csv: Path, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    code, out, _ = run(capsys, birds_csv)
    assert code == 0 and max(map(len, out.splitlines())) <= max(40, int(columns))


def test_a_tree_deeper_than_any_page(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "deep.nwk"
    file.write_text("(" * 900 + "tip" + "".join(f")c{i}" for i in range(900)) + ";")
    code, out, _ = run(capsys, file)
    assert code == 0 and out.startswith("c899\n└── c898\n") and "901 levels" in out
    assert run(capsys, file, "--depth", "100000")[0] == 0


def test_the_default_models_own_tree(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys)
    assert code == 0 and "Paridae" not in out.split("\n\n")[0] and "field-guide" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--under", "Unicornis"], "the tree has no taxon 'Unicornis'"),
        (["--rank", "tribe"], "the tree uses no rank 'tribe'; it has: kingdom, phylum"),
        (["--model", "bioclip-2"], "expected a file or a model, got both"),
    ],
)
def test_requests_that_are_wrong(
    capsys: pytest.CaptureFixture[str], birds_csv: Path, arguments: list[str], message: str
) -> None:
    code, out, err = run(capsys, birds_csv, *arguments)
    assert (code, out) == (2, "") and message in err


def test_namesakes_are_told_by_their_paths(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "homonyms.csv"
    file.write_text("kingdom,genus,species\nAnimalia,Oenanthe,Oenanthe isabellina\nPlantae,Oenanthe,Oenanthe crocata\n")
    code, _, err = run(capsys, file, "--under", "Oenanthe")
    assert code == 2 and "Animalia > Oenanthe (line 2), Plantae > Oenanthe (line 3)" in err
    assert "isabellina" in run(capsys, file, "--under", "Animalia; Oenanthe")[1]
