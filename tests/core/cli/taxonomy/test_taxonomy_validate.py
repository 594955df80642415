from __future__ import annotations

import json
from pathlib import Path

import pytest

from bioclip_x.cli.main import main

ODD = """kingdom,class,family,genus,species
Animalia,Aves,Paridae,Parus,Parus major
Animalia,,Emydidae,Emys,Emys orbicularis
Animalia,Aves,Paridae,Parus,Parus major
Animalia,Aves,Muscicapidae,Oenanthe,Oenanthe isabellina
Plantae,Magnoliopsida,Apiaceae,Oenanthe,Oenanthe crocata
"""
BROKEN = 'family,species\nParidae,Parus major,what\nParidae,Parus ater\nParidae,Parus minor,"is, this"\n'


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(["taxonomy", "validate", *map(str, arguments)])
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """odd.csv, broken.csv and fine.csv in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    fine = "".join(line for line in ODD.splitlines(keepends=True) if "Emys" not in line and "Oenanthe" not in line)
    for name, text in {"odd": ODD, "broken": BROKEN, "fine": fine.replace(fine.splitlines()[1] + "\n", "", 1)}.items():
        Path(f"{name}.csv").write_text(text, "utf-8")


@pytest.mark.usefixtures("files")
def test_warnings_each_with_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "odd.csv")
    assert code == 0
    assert out.splitlines() == [
        "odd.csv: 0 errors, 3 warnings, 4 classes, 16 taxa",
        "  columns",
        *(f"    {rank:<7}  rank {rank}" for rank in ("kingdom", "class", "family", "genus", "species")),
        "  warning  listed twice",
        "    line 4  Parus major is listed again and taken once",
        "  warning  homonym",
        "    line 5  'Oenanthe' names 2 taxa, distinguished only by path: Animalia > Aves > Muscicapidae > Oenanthe (line 5);",
        "            Plantae > Magnoliopsida > Apiaceae > Oenanthe (line 6)",
        "  warning  hole",
        "    line 3  1 of 4 classes have no class: Animalia > Emydidae (line 3)",
    ]
    assert run(capsys, "odd.csv", "--strict")[0] == 1


@pytest.mark.usefixtures("files")
def test_all_errors_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "broken.csv", "odd.csv", "fine.csv")
    assert (code, err) == (2, "")
    assert "broken.csv: 2 errors, 0 warnings\n  error  too many cells  2\n    line 2  " in out
    assert "    line 4  " in out and "odd.csv: 0 errors" in out and "fine.csv: fine, 1 class, 5 taxa" in out


@pytest.mark.usefixtures("files")
def test_json_has_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "odd.csv", "broken.csv", "--format", "json", "--most", "1")
    odd, broken = json.loads(out)
    assert code == 2 and (odd["errors"], odd["warnings"], odd["classes"]) == (0, 3, 4)
    assert (broken["errors"], broken["classes"]) == (2, None)
    assert [(one["severity"], one["file"], one["line"]) for one in broken["problems"]] == [
        ("error", "broken.csv", 2),
        ("error", "broken.csv", 4),
    ]


@pytest.mark.usefixtures("files")
def test_fine_is_fine_under_strict_too(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "fine.csv", "--strict")
    assert code == 0 and out.startswith("fine.csv: fine, 1 class, 5 taxa\n  columns\n")


def test_what_each_column_was_taken_for(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "liste.csv"
    file.write_text("Familie;Art;Deutscher Name;Ort\nParidae;Parus major;Kohlmeise;Berlin\n")
    columns = json.loads(run(capsys, file, "--format", "json")[1])[0]["columns"]
    assert columns == {
        "Familie": "rank family", "Art": "rank species", "Deutscher Name": "common name (de)",
        "Ort": "kept with the taxon, not used",
    }  # fmt: skip
    assert "    Deutscher Name  common name (de)\n" in run(capsys, file)[1]


def test_many_of_a_kind_are_counted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "many.csv"
    file.write_text("family,species\n" + "A,Aus bus\n" * 41)
    _, out, _ = run(capsys, file)
    assert "  warning  listed twice  40\n" in out and "… and 30 more (--most 0 shows all)" in out
    assert run(capsys, file, "--most", "0")[1].count("taken once") == 40


@pytest.mark.usefixtures("files")
def test_what_cannot_be_read_at_all_is_an_error_among_others(capsys: pytest.CaptureFixture[str]) -> None:
    Path("latin.csv").write_bytes("family,species\nParidae,Sylvia Dupré\n".encode("latin-1"))
    Path("cycle.csv").write_text("parent,child\nb,a\na,b\n")
    Path("folder").mkdir()
    code, out, _ = run(capsys, "gone.csv", "latin.csv", "folder", "cycle.csv", "fine.csv", "--format", "json")
    found = {document["file"]: document["problems"] for document in json.loads(out)}
    assert code == 2 and found["fine.csv"] == []
    assert "does not exist" in found["gone.csv"][0]["message"] and "is a folder" in found["folder"][0]["message"]
    assert found["latin.csv"][0]["line"] == 2 and found["latin.csv"][0]["message"].startswith("not UTF-8; read as")
    assert any(one["kind"] == "cycle" and one["severity"] == "error" for one in found["cycle.csv"])


def test_a_file_without_any_taxon_is_an_error_beside_its_warnings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As for `classify`, which refuses it."""
    file = tmp_path / "a.csv"
    file.write_text("scientific_name,family\nNA,\nunknown,\n")
    code, out, _ = run(capsys, file, "--format", "json")
    (verdict,) = json.loads(out)
    assert code == 2 and verdict["errors"] == 1 and verdict["classes"] is None, verdict
