from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from bioclip_x.cli.main import main

OLD = """kingdom,order,family,genus,species
Animalia,Passeriformes,Paridae,Parus,Parus caeruleus
Animalia,Passeriformes,Paridae,Parus,Parus major
Animalia,Passeriformes,Panuridae,Panurus,Panurus biarmicus
Animalia,Passeriformes,Muscicapidae,Oenanthe,Oenanthe isabellina
Plantae,Apiales,Apiaceae,Oenanthe,Oenanthe crocata
"""
NEW = """kingdom,order,family,genus,species,synonyms
Animalia,Passeriformes,Paridae,Cyanistes,Cyanistes caeruleus,"Parus caeruleus Linnaeus, 1758"
Animalia,Passeriformes,Paridae,Parus,Parus major,
Animalia,Passeriformes,Paridae,Panurus,Panurus biarmicus,
Animalia,Passeriformes,Muscicapidae,Oenanthe,Oenanthe isabellina,
"""


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    Path("old.csv").write_text(OLD)
    Path("new.csv").write_text(NEW)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(["taxonomy", "diff", *map(str, arguments)])
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


@pytest.mark.usefixtures("two")
def test_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "old.csv", "new.csv")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "old.csv → new.csv: 5 → 4 classes, 9 taxa unchanged",
        "renamed  1  the old name is a synonym of the new one, or the reverse",
        "  species Parus caeruleus → species Cyanistes caeruleus",
        "moved  1  same rank and name, another parent",
        "  genus Panurus: Animalia > Passeriformes > Panuridae → Animalia > Passeriformes > Paridae",
        "removed  6  in the old tree only",
        "  family Panuridae (Animalia > Passeriformes)",
        "  kingdom Plantae",
        "  order Apiales (Plantae)",
        "  family Apiaceae (Plantae > Apiales)",
        "  genus Oenanthe (Plantae > Apiales > Apiaceae)",
        "  species Oenanthe crocata (Plantae > Apiales > Apiaceae > Oenanthe)",
        "added  1  in the new tree only",
        "  genus Cyanistes (Animalia > Passeriformes > Paridae)",
    ]


@pytest.mark.usefixtures("two")
def test_csv_and_json_have_the_same_rows(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "old.csv", "new.csv", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert run(capsys, "old.csv", "new.csv", "--output", "changes.json")[:2] == (0, "")
    document = json.loads(Path("changes.json").read_text("utf-8"))
    told = [{key: str(value) for key, value in change.items()} for change in document["changes"]]
    assert told == [{key: value for key, value in row.items() if value} for row in rows]
    assert document["counts"]["removed"] == 6 and document["unchanged"] == 9 and document["old"]["classes"] == 5
    assert rows[0] | {} == {
        "change": "renamed", "old_rank": "species", "old_name": "Parus caeruleus", "new_rank": "species",
        "new_name": "Cyanistes caeruleus", "old_path": "Animalia; Passeriformes; Paridae; Parus; Parus caeruleus",
        "new_path": "Animalia; Passeriformes; Paridae; Cyanistes; Cyanistes caeruleus", "old_line": "2", "new_line": "2",
    }  # fmt: skip


@pytest.mark.usefixtures("two")
def test_a_file_and_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "old.csv", "old.csv")[1] == "old.csv → old.csv: 5 → 5 classes, 17 taxa unchanged\n"
    assert run(capsys, "old.csv", "old.csv", "--format", "csv")[1].count("\n") == 1
    assert json.loads(run(capsys, "old.csv", "old.csv", "--format", "json")[1])["changes"] == []


@pytest.mark.usefixtures("two")
def test_many_of_a_kind_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "old.csv", "new.csv", "--most", "2")
    assert "  kingdom Plantae\n  … and 4 more (--most 0 shows all)\n" in out


@pytest.mark.usefixtures("two")
def test_a_file_that_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "old.csv", "gone.csv") == (2, "", "error: the taxonomy gone.csv does not exist\n")


def test_formulas_are_defused_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new, output = (tmp_path / name for name in ("old.csv", "new.csv", "o.csv"))
    old.write_text("family,species\nParidae,Parus major\n", "utf-8")
    new.write_text('family,species\nParidae,Parus major\nParidae,"=Aaa bbb"\n', "utf-8")
    for flags, begins in (([], "=Aaa"), (["--safe-csv"], "'=Aaa")):
        assert run(capsys, old, new, *flags, "--output", output)[0] == 0
        with output.open(encoding="utf-8", newline="") as stream:
            [row] = csv.DictReader(stream)
        assert row["new_name"].startswith(begins)
