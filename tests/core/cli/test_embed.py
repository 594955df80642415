from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bioclip_x.cli.main import main
from bioclip_x.records import ImageFeatures
from bioclip_x_plugins.encoders.loaded import LoadedOpenClip
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
    assert "1 image could not be embedded" in run("--format", "csv", pictures)[2]


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


@pytest.fixture
def many(tmp_path: Path) -> Path:
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(7):
        picture(i, (8, 8)).save(folder / f"{i}.png")
    (folder / "bad.png").write_text("no")
    return folder


def interrupt_after(monkeypatch: pytest.MonkeyPatch, n_batches: int) -> None:
    """Interrupts each run of the encoder after so many batches of images."""
    left = [n_batches]

    def encode(self: LoadedOpenClip, *arguments: Any, **more: Any) -> ImageFeatures:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return encode_images(self, *arguments, **more)

    encode_images = LoadedOpenClip.encode_images
    monkeypatch.setattr(LoadedOpenClip, "encode_images", encode)


@pytest.mark.parametrize("suffix", ["json", "csv", "npz", "parquet"])
def test_an_interrupted_run_continues(
    run, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:  # type: ignore[no-untyped-def]
    arguments = (many, "--batch-size", 3, "--resume")
    whole, output = tmp_path / f"whole.{suffix}", tmp_path / f"e.{suffix}"
    assert run(*arguments, "--output", whole)[0] == 1  # one image is bad
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2)
        code, _, err = run(*arguments, "--output", output)
        assert code == 130 and not output.exists() and f"--resume continues after what is in {output}.journal" in err
    journal = Path(f"{output}.journal")
    journal.write_bytes(journal.read_bytes()[:-5])
    code, _, err = run(*arguments, "--output", output)
    assert code == 1 and "continues after 1 batch of an interrupted run" in err
    assert output.read_bytes() == whole.read_bytes() and not journal.exists()
    before = output.stat().st_mtime_ns
    code, _, err = run(*arguments, "--output", output)  # complete
    assert code == 0 and "is complete" in err and output.stat().st_mtime_ns == before
    for changed, message in [
        (("--precision", "bf16"), "precision was 'fp32' and is 'bf16'"),
        (("--no-normalise",), "normalised was True and is False"),
        ((many / "1.png",), "sources.count was 8 and is 9"),
    ]:
        code, _, err = run(*arguments, "--output", output, *changed)
        assert code == 2 and message in err and output.stat().st_mtime_ns == before


def test_only_the_same_run_continues(run, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    output = tmp_path / "e.json"
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2)
        assert run(many, "--batch-size", 3, "--output", output)[0] == 130
    kept = Path(f"{output}.journal").read_bytes()
    for changed, message in [
        (("--no-normalise",), "normalised was True and is False"),
        ((many / "1.png",), "request.images was"),
    ]:
        code, _, err = run(many, "--batch-size", 3, "--output", output, "--resume", *changed)
        assert code == 2 and message in err and Path(f"{output}.journal").read_bytes() == kept
    (many / "3.png").rename(many / "9.png")
    code, _, err = run(many, "--batch-size", 3, "--output", output, "--resume")
    assert code == 2 and "the interrupted run was of other images: where it had" in err
    assert Path(f"{output}.journal").read_bytes() == kept
    (many / "9.png").rename(many / "3.png")
    code, _, err = run(many, "--batch-size", 2, "--output", output)  # without --resume
    assert code == 2 and "holds the work of an interrupted run with the same recipe; go on with --resume" in err
    (many / "3.png").rename(many / "9.png")
    code, _, err = run(many, "--batch-size", 2, "--output", output, "--no-normalise")  # another run replaces it
    assert code == 1
    assert len(json.loads(output.read_text())["rows"]) == 8 and not Path(f"{output}.journal").exists()


def test_texts_continue(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("bioclip_x.embed.embedder.CHUNK", 2)
    arguments = ("--texts", "a,b,c,d,e", "--resume")
    run(*arguments, "--output", tmp_path / "whole.npz")
    encode, left = LoadedOpenClip.encode_texts, [1]

    def encode_once(self: LoadedOpenClip, *given: Any, **more: Any) -> Any:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return encode(self, *given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(LoadedOpenClip, "encode_texts", encode_once)
        assert run(*arguments, "--output", tmp_path / "e.npz")[0] == 130
    code, _, err = run(*arguments, "--output", tmp_path / "e.npz")
    assert code == 0 and "continues after 1 batch" in err
    assert (tmp_path / "e.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
    assert run("--texts", "a,b", "--resume", "--output", tmp_path / "e.npz")[0] == 2


def test_what_cannot_be_continued(run, pictures: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert "--resume needs --output FILE" in run(pictures, "--resume")[2]
    mine = tmp_path / "mine.csv"
    mine.write_text("my,table\n")
    code, _, err = run(pictures, "--resume", "--output", mine)
    assert code == 2 and "so it cannot be continued" in err and mine.read_text() == "my,table\n"
    code, _, err = run(pictures, "--output", tmp_path / "gone" / "e.csv")
    assert code == 2 and "there is no folder" in err
