"""`classify --resume`: a run that is cut off anywhere ends with the files of an unbroken one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.cli.main import main
from bioclip_x.inference.classifier import Classifier
from bioclip_x.records import Result
from helpers import picture

NAMES = ("out.csv", "out.jsonl", "out.json", "out.parquet", "out.html", "out.md", "out.txt")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(7):
        picture(number).save(folder / f"{number}.png")
    (folder / "3.png").write_text("no image")
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tiny_model: str, birds_csv: Path, images: Path):  # type: ignore[no-untyped-def]
    """Runs `bioclip-x classify` in batches of two; returns exit status, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        fixed = ["--model", tiny_model, "--taxonomy", birds_csv, "--batch-size", 2, "--workers", 1, images]
        with pytest.raises(SystemExit) as done:
            main(["classify", *map(str, (*fixed, *arguments))])
        out, err = capsys.readouterr()
        return int(done.value.code or 0), out, err

    return run


def interrupt(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Has the next run fail after a number of results."""
    classify = Classifier.classify

    def classify_some(self: Classifier, *arguments: Any, **options: Any) -> Iterator[Result]:
        yield from islice(classify(self, *arguments, **options), after)
        monkeypatch.setattr(Classifier, "classify", classify)
        raise KeyboardInterrupt

    monkeypatch.setattr(Classifier, "classify", classify_some)


def outputs(folder: Path, names: tuple[str, ...]) -> list[object]:
    return [argument for name in names for argument in ("--report", folder / name)]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("names", "after"), [(NAMES, 0), (NAMES, 1), (NAMES, 4), *(((name,), after) for name in NAMES for after in (1, 5))]
)
def test_an_interrupted_run_is_completed(  # type: ignore[no-untyped-def]
    run, names: tuple[str, ...], after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    for folder in (whole, resumed):
        folder.mkdir()
    assert run(*outputs(whole, names))[0] == 1  # one image cannot be read
    interrupt(monkeypatch, after)
    code, _, err = run(*outputs(resumed, names))
    assert code == 130 and not {path.name for path in resumed.iterdir()} & set(names)
    journal = resumed / f"{names[0]}.journal"
    assert journal.exists() == (after > 0) == ("--resume goes on" in err)
    assert run("--resume", *outputs(resumed, names))[0] == 1
    assert files(resumed) == files(whole)


def test_results_in_the_journal_are_not_classified_again(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(monkeypatch, 5)
    run("--output", tmp_path / "out.csv")
    asked: list[int] = []
    classify = Classifier._classify  # noqa: SLF001

    def count(self: Classifier, sources: Any, *, thumbnails: bool) -> Iterator[Result]:
        for result in classify(self, sources, thumbnails):
            asked.append(1)
            yield result

    monkeypatch.setattr(Classifier, "_classify", count)
    run("--output", tmp_path / "out.csv", "--resume")
    assert len(asked) == 3  # two whole batches were done


def test_a_finished_run_is_left_as_it_is(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = outputs(tmp_path, NAMES)
    assert run("--resume", *out)[0] == 1  # no output yet: it starts
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in NAMES}
    code, _, err = run("--resume", *out)
    assert code == 0 and "complete" in err
    assert before == {name: (tmp_path / name).stat().st_mtime_ns for name in NAMES}


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.json", "out.parquet", "out.html"])
def test_a_finished_run_with_another_recipe_is_refused(run, name: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run("--output", tmp_path / name)
    before = (tmp_path / name).read_bytes()
    code, _, err = run("--output", tmp_path / name, "--resume", "--k", 2)
    assert code == 2 and "recipe.k was 5 and is 2" in err and (tmp_path / name).read_bytes() == before
    assert run("--output", tmp_path / name, "--resume", "--batch-size", 3, "--device", "cpu")[0] == 0


def test_an_interrupted_run_with_another_recipe_is_refused(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(monkeypatch, 5)
    run("--output", tmp_path / "out.csv")
    kept = (tmp_path / "out.csv.journal").read_bytes()
    code, _, err = run("--output", tmp_path / "out.csv", "--resume", "--head", "rollup")
    assert code == 2 and "recipe.head was 'flat' and is 'rollup'" in err
    assert (tmp_path / "out.csv.journal").read_bytes() == kept
    assert run("--output", tmp_path / "out.csv", "--resume", "--batch-size", 1)[0] == 1  # after a lack of memory


def test_without_resume_finished_work_is_not_thrown_away(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(monkeypatch, 5)
    run("--output", tmp_path / "out.csv")
    code, _, err = run("--output", tmp_path / "out.csv")
    assert code == 2 and "holds the work of an interrupted run with the same recipe; go on with --resume" in err
    assert run("--output", tmp_path / "out.csv", "--k", 1)[0] == 1  # another recipe replaces it
    assert not (tmp_path / "out.csv.journal").exists()


def test_only_files_can_be_resumed(run) -> None:  # type: ignore[no-untyped-def]
    code, _, err = run("--resume", "--format", "csv")
    assert code == 2 and "--resume needs an output file" in err


def test_results_so_far_are_in_a_readable_file(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    interrupt(monkeypatch, 5)
    run("--output", tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl.partial").read_text().splitlines()
    assert len(lines) == 6 and [Path(json.loads(line)["source"]).name for line in lines[1:]] == [
        f"{number}.png" for number in range(5)
    ]
