from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bioclip_x.cli.main import main


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(["taxonomy", "list", *map(str, arguments)])
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


def test_a_class_that_is_no_species_is_named(capsys: pytest.CaptureFixture[str], birds_csv: Path) -> None:
    code, out, _ = run(capsys, "--taxonomy", birds_csv, "--language", "de")
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(out))}
    assert code == 0 and len(rows) == 6
    tit, oak, turtle = rows["Cyanistes caeruleus"], rows["Quercus"], rows["Emys orbicularis"]
    assert (tit["species_epithet"], tit["common_name"], tit["rank"]) == ("caeruleus", "Blaumeise", "species")
    assert (oak["genus"], oak["species"], oak["rank"], oak["common_name"]) == ("Quercus", "", "genus", "Eiche")
    assert (turtle["class"], turtle["order"], turtle["common_name"]) == ("", "Testudines", "")


def test_further_ranks_follow(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text('family,subfamily,species\nFelidae,Pantherinae,"Panthera ""leo"", sensu lato"\n')
    _, out, _ = run(capsys, "--taxonomy", file)
    [header, row] = csv.reader(io.StringIO(out))
    assert header[-2:] == ["common_name", "subfamily"] and row[-1] == "Pantherinae"
    assert row[7] == 'Panthera "leo", sensu lato'


@pytest.mark.parametrize("format_", ["json", "jsonl"])
def test_json_has_the_same_rows(
    capsys: pytest.CaptureFixture[str], birds_csv: Path, tmp_path: Path, format_: str
) -> None:
    _, table, _ = run(capsys, "--taxonomy", birds_csv)
    file = tmp_path / f"out.{format_}"
    assert run(capsys, "--taxonomy", birds_csv, "--output", file)[:2] == (0, "")
    text = file.read_text("utf-8")
    rows = json.loads(text) if format_ == "json" else [json.loads(line) for line in text.splitlines()]
    assert rows == list(csv.DictReader(io.StringIO(table)))


def test_the_default_models_own_classes_without_torch(capsys: pytest.CaptureFixture[str]) -> None:
    code = (
        "import sys; from bioclip_x.cli.main import main\n"
        "try: main(['taxonomy', 'list'])\n"
        "except SystemExit as done: print(done.code, 'torch' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stderr.splitlines()[-1] == "0 False"
    assert done.stdout.startswith("kingdom,phylum,class,order,family,genus,species_epithet,species,common_name\n")
    assert run(capsys)[1] == done.stdout


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "many.csv"
    file.write_text("genus,species\n" + "".join(f"G{i},G{i} s\n" for i in range(20_000)))
    command = f"{sys.executable} -m bioclip_x taxonomy list --taxonomy {file} | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("kingdom,") and done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "ViT-B-16/openai"], "brings no list of classes"),
        (["--model", "unicorn"], "no model is called 'unicorn'"),
        (["--taxonomy", "gone.csv"], "the taxonomy gone.csv does not exist"),
        (["--output", "gone/out.csv"], "there is no folder gone"),
    ],
)
def test_requests_that_are_wrong(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "") and message in err and err.count("\n") == 1
