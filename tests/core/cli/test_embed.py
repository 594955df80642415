from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bioclip_x.cli.main import main
from helpers import picture


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tiny_model: str):  # type: ignore[no-untyped-def]
    """Runs `bioclip-x embed` on the tiny model; returns exit status, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as done:
            main(["embed", "--model", tiny_model, *map(str, arguments)])
        out, err = capsys.readouterr()
        return int(done.value.code or 0), out, err

    return run


def test_images_to_json_on_stdout(run, pictures: Path, tiny_model: str) -> None:  # type: ignore[no-untyped-def]
    code, out, err = run(pictures)
    document = json.loads(out)
    assert code == 0 and err == "" and document["model"] == tiny_model
    assert [Path(name).name for name in document["embeddings"]] == ["a.png", "b.jpg", "c.png"]
    assert document["provenance"]["normalised"] is True
    assert all(np.linalg.norm(vector) == pytest.approx(1) for vector in document["embeddings"].values())


def test_not_normalised_is_said(run, pictures: Path) -> None:  # type: ignore[no-untyped-def]
    document = json.loads(run("--no-normalise", pictures)[1])
    assert document["provenance"]["normalised"] is False
    assert all(abs(np.linalg.norm(vector) - 1) > 0.01 for vector in document["embeddings"].values())


def test_the_suffix_of_output_is_the_format(run, pictures: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for suffix, begins in [
        ("json", b"{"),
        ("csv", b"file_name,"),
        ("npz", b"PK"),
        ("parquet", b"PAR1"),
        ("pq", b"PAR1"),
    ]:
        code, out, _ = run("--output", tmp_path / f"e.{suffix}", pictures)
        assert (code, out) == (0, "") and (tmp_path / f"e.{suffix}").read_bytes().startswith(begins)
    assert run("--output", tmp_path / "e.dat", "--format", "npz", pictures)[0] == 0


def test_bad_images_are_rows_and_exit_status_1(run, pictures: Path) -> None:  # type: ignore[no-untyped-def]
    (pictures / "bad.png").write_text("no")
    code, out, err = run("--format", "csv", "--quiet", pictures)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 1 and [bool(row["error"]) for row in rows] == [False, False, True, False]
    assert [row["e31"] == "" for row in rows] == [False, False, True, False] and err == ""
    assert "1 image(s) could not be embedded" in run("--format", "csv", pictures)[2]


def test_texts_from_the_line_a_file_and_stdin(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "texts.txt"
    file.write_text("a red fox, asleep\n\n a gray wolf \n")
    monkeypatch.setattr("sys.stdin", io.StringIO("a red fox, asleep\na gray wolf\n"))
    _, by_file, err = run("--texts", file, "--format", "csv")
    _, by_stdin, _ = run("--texts", "-", "--format", "csv", "--quiet")
    _, by_line, _ = run("--texts", "a red fox,a gray wolf", "--format", "csv", "--quiet")
    rows = list(csv.DictReader(io.StringIO(by_file)))
    assert [row["text"] for row in rows] == ["a red fox, asleep", "a gray wolf"] and by_stdin == by_file
    assert [row["text"] for row in csv.DictReader(io.StringIO(by_line))] == ["a red fox", "a gray wolf"]
    told = json.loads(next(line for line in err.splitlines() if line.startswith("provenance: "))[12:])
    assert told["of"] == "texts" and told["columns"] == ["text"]


def test_classes(run, birds_csv: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = run("--taxonomy", birds_csv, "--text", "common", "--language", "de", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0 and list(rows[0])[:6] == ["text", "kind", "rank", "name", "lineage", "e0"]
    assert "a photo of Kohlmeise." in {row["text"] for row in rows}
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"taxonomy: {birds_csv}\ntext: common\nlanguage: de\nhead: rollup\n")
    assert run("--recipe", recipe, "--format", "csv")[1] == out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected what to embed: IMAGES, --texts"),
        (["{pictures}", "--texts", "a"], "IMAGES and --texts were both given"),
        (["{pictures}", "--labels", "a,b"], "IMAGES and --labels were both given"),
        (["--texts", "a", "--text", "common"], "--texts and --text were both given"),
        (["--texts", "gone.txt"], "--texts gone.txt: no such file"),
        (["--texts", " , "], "--texts ' , ' names nothing"),
        (
            ["{pictures}", "--output", "e.xlsx"],
            "there is no format for .xlsx; known: .json, .csv, .npz, .parquet",
        ),
        (["{pictures}", "--output", "e"], "there is no format for files without suffix"),
        (["{pictures}/gone"], "no such file or folder"),
    ],
)
def test_requests_that_are_wrong(run, pictures: Path, arguments: list[str], message: str) -> None:  # type: ignore[no-untyped-def]
    code, out, err = run(*(argument.format(pictures=pictures) for argument in arguments))
    assert (code, out) == (2, "") and message in err and err.count("\n") == 1


def test_stdin_that_is_no_text(run, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9\n"), "utf-8"))
    code, _, err = run("--texts", "-")
    assert code == 2 and r"'caf\\udce9' is not valid utf-8" in err
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert "standard input is empty" in run("--texts", "-")[2]


def test_a_reader_who_leaves_early(tmp_path: Path, tiny_model: str) -> None:
    for i in range(80):
        picture(i, (8, 8)).save(tmp_path / f"{i:02}.png")
    command = [sys.executable, "-m", "bioclip_x", "embed", "--model", tiny_model, "--batch-size", "4", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == 141 and "Traceback" not in errors, errors


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom bioclip_x.cli.main import main\n"
        "try:\n    main(['embed', '--help'])\nexcept SystemExit as done:\n    assert done.code == 0, done.code\n"
        "heavy = {'torch', 'open_clip', 'numpy', 'PIL', 'pyarrow'} & sys.modules.keys()\nassert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
