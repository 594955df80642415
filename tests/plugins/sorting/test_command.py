"""`bioclip-x sort`: what goes where, and that nothing is ever lost or replaced."""

from __future__ import annotations

import csv
import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.cli.main import main
from bioclip_x.records import EventImage, Prediction, Region, Result, Taxon
from bioclip_x.testing.examples import make_provenance, make_result
from bioclip_x_plugins.reports.tables.csv_report import CsvReport
from bioclip_x_plugins.sorting.folders import find_folder, make_safe
from bioclip_x_plugins.sorting.results_files import Named

BOX = Region((0.1, 0.2, 0.5, 0.9), "animal", 0.9)


def lay(folder: Path, results: list[Result]) -> Path:
    """The images of results, each with content of its own, and the table of the results."""
    for result in results:
        file = folder / result.source.partition("#")[0]
        if result.level != "event" and not file.exists() and "missing" not in result.source:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(os.fsencode(result.source))
    with CsvReport().open(folder / "names.csv", make_provenance()) as writer:
        for result in results:
            writer.write(result)
    return folder / "names.csv"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit:
        main(["sort", *map(str, arguments)])
    shown = capsys.readouterr()
    return int(exit.value.code or 0), shown.out, shown.err


def list_files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def read_record(path: Path) -> list[dict[str, str]]:
    """The rows of a record, or of a folder's."""
    with (path / "sorted.csv" if path.is_dir() else path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def results() -> list[Result]:
    images = (EventImage("cam2/a.jpg", 0, 0.9, 1.0),)
    return [
        make_result("cam1/a.jpg"),
        replace(make_result("cam2/a.jpg"), event="e"),
        replace(make_result("e", "Parus ater"), event="e", images=images),
        replace(make_result("cam1/two.jpg"), region=BOX, n_regions=3),
        replace(make_result("cam1/two.jpg", "Parus ater"), region=BOX, region_number=1, n_regions=3),
        Result("cam1/two.jpg", refused="a person", region=BOX, region_number=2, n_regions=3),
        Result("cam1/person.jpg", refused="a person", region=BOX),
        Result("cam1/broken.jpg", error="it is not an image"),
        make_result("clip.mp4#t=0.0"),
        make_result("clip.mp4#t=1.0"),
    ]


EXPECTED = {
    "Paridae/Parus major/a.jpg": b"cam1/a.jpg",
    "Paridae/Parus major/a-a55f9dc1.jpg": b"cam2/a.jpg",
    "Paridae/Parus major/two.jpg": b"cam1/two.jpg",
    "Paridae/Parus ater/two.jpg": b"cam1/two.jpg",
    "Paridae/Parus major/clip.mp4": b"clip.mp4#t=0.0",
    "_unnamed/a-person/person.jpg": b"cam1/person.jpg",
    "_unnamed/failed/broken.jpg": b"cam1/broken.jpg",
}


def test_what_goes_where(results: list[Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, into = lay(tmp_path, results), tmp_path / "out"
    before = list_files(tmp_path)
    arguments = (table, "--into", into, "--by", "family,species", "--root", tmp_path)
    code, out, err = run(capsys, *arguments)
    assert code == 0 and "Paridae/Parus major" in out and "nothing was changed" in err
    assert list_files(tmp_path) == before and not into.exists()
    code, _, _ = run(capsys, *arguments, "--apply")
    done = list_files(into)
    with (into / "sorted.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    del done["sorted.csv"]
    assert code == 0 and done == EXPECTED
    assert {row["status"] for row in rows} == {"done"} and len(rows) == 7
    assert {name: content for name, content in list_files(tmp_path).items() if not name.startswith("out/")} == before
    stamps = {path: path.stat().st_mtime_ns for path in into.rglob("*.jpg")}
    assert run(capsys, *arguments, "--apply")[0] == 0  # a second run does nothing
    assert {path: path.stat().st_mtime_ns for path in into.rglob("*.jpg")} == stamps


@pytest.mark.parametrize("mode", ["--link", "--symlink"])
def test_links(mode: str, results: list[Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, into = lay(tmp_path, results), tmp_path / "out"
    for _ in range(2):
        assert run(capsys, table, "--into", into, mode, "--apply", "--root", tmp_path)[0] == 0
    place = into / "Parus major" / "two.jpg"
    assert place.samefile(tmp_path / "cam1" / "two.jpg") and place.is_symlink() == (mode == "--symlink")
    assert len(list_files(into)) == len(EXPECTED) + 1


def test_events_hold_for_their_images(
    results: list[Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, into = lay(tmp_path, results), tmp_path / "out"
    run(capsys, table, "--into", into, "--level", "event", "--apply", "--root", tmp_path)
    assert (into / "Parus ater" / "a.jpg").read_bytes() == b"cam2/a.jpg"
    assert (into / "Parus major" / "a.jpg").read_bytes() == b"cam1/a.jpg"


def test_what_is_there_is_never_replaced(
    results: list[Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, into = lay(tmp_path, results[:1]), tmp_path / "out"
    place = into / "Parus major" / "a.jpg"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"somebody's")
    code, _, _ = run(capsys, table, "--into", into, "--apply", "--root", tmp_path)
    names = sorted(path.name for path in place.parent.iterdir())
    assert code == 0 and place.read_bytes() == b"somebody's" and len(names) == 2
    (place.parent / next(name for name in names if name != "a.jpg")).write_bytes(b"also somebody's")
    code, _, err = run(capsys, table, "--into", into, "--apply", "--root", tmp_path)
    assert code == 1 and "another file of that name is there" in err and place.read_bytes() == b"somebody's"


def test_what_cannot_be_sorted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources = ("missing.jpg", "https://example.org/a.jpg", "image 0")
    table = tmp_path / "names.csv"
    with CsvReport().open(table, make_provenance()) as writer:
        for source in sources:
            writer.write(make_result(source))
    code, out, err = run(capsys, table, "--into", tmp_path / "out", "--root", tmp_path, "--apply")
    assert code == 1 and "missing.jpg (the original is not a file here)" in err and "a.jpg (not a file)" in err
    assert "3" in out and sorted(list_files(tmp_path / "out")) == ["sorted.csv"]


def test_a_full_disk_is_told_and_the_next_run_goes_on(
    results: list[Result], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table, into = lay(tmp_path, results), tmp_path / "out"
    whole = shutil.copyfileobj

    def fill(file: Any, copy: Any, size: int) -> None:
        if "two" in file.name:
            copy.write(b"cut o")
            raise OSError(errno.ENOSPC, "No space left on device")
        whole(file, copy, size)

    monkeypatch.setattr(shutil, "copyfileobj", fill)
    code, _, err = run(capsys, table, "--into", into, "--apply", "--root", tmp_path)
    assert code == 2 and "No space left on device" in err and "the same command goes on" in err
    assert not [name for name in list_files(into) if "two" in name]
    assert [row["target"].rpartition("/")[2] for row in read_record(into)] == ["a.jpg", "a-a55f9dc1.jpg"]
    monkeypatch.undo()
    assert run(capsys, table, "--into", into, "--apply", "--root", tmp_path)[0] == 0
    assert len(list_files(into)) == len(EXPECTED) + 1


def test_an_interrupted_run_leaves_its_record(
    results: list[Result], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table, into = lay(tmp_path, results), tmp_path / "out"
    whole = shutil.copyfileobj

    def interrupt(file: Any, copy: Any, size: int) -> None:
        if "two" in file.name:
            raise KeyboardInterrupt
        whole(file, copy, size)

    monkeypatch.setattr(shutil, "copyfileobj", interrupt)
    assert run(capsys, table, "--into", into, "--apply", "--root", tmp_path)[0] != 0
    assert [row["status"] for row in read_record(into)] == ["done", "done"]


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ("--symlink", "--copy", "a symbolic link to it is there, not a copy"),
        ("--symlink", "--link", "a symbolic link to it is there, not a hard link"),
        ("--link", "--copy", "a hard link to it is there, not a copy"),
        ("--link", "--symlink", "a hard link to it is there, not a symbolic link"),
    ],
)
def test_a_link_is_no_copy(
    first: str, second: str, told: str, results: list[Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, into = lay(tmp_path, results[:1]), tmp_path / "out"
    arguments = (table, "--into", into, "--root", tmp_path)
    run(capsys, *arguments, first, "--apply")
    for apply in ([], ["--apply"]):
        code, _, err = run(capsys, *arguments, second, *apply)
        assert code == 1 and told in err
    (place,) = (into / "Parus major").iterdir()
    place.unlink()
    assert run(capsys, *arguments, second, "--apply")[0] == 0
    assert place.is_symlink() == (second == "--symlink")
    assert place.samefile(tmp_path / "cam1" / "a.jpg") == (second != "--copy")


def test_files_that_are_in_their_place_already(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = lay(tmp_path, [make_result("Parus major/a.jpg")])
    code, _, _ = run(capsys, table, "--into", tmp_path, "--root", tmp_path, "--apply")
    assert code == 0 and set(list_files(tmp_path)) == {
        "Parus major/a.jpg",
        "names.csv",
        "names.csv.provenance.json",
        "sorted.csv",
    }


def test_the_record_is_completed_by_further_runs(
    results: list[Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    into = tmp_path / "out"
    for part in (results[:1], results[1:2], [make_result("two\nlines, ü.jpg")]):
        for _ in range(2):
            run(capsys, lay(tmp_path, part), "--into", into, "--apply", "--root", tmp_path)
    assert [row["source"] for row in read_record(into)] == ["cam1/a.jpg", "cam2/a.jpg", "two\nlines, ü.jpg"]
    (tmp_path / "cam1" / "a.jpg").unlink()  # the card is empty by now; what was sorted is there
    with CsvReport().open(tmp_path / "names.csv", make_provenance()) as writer:
        writer.write(results[0])
    assert run(capsys, tmp_path / "names.csv", "--into", into, "--apply", "--root", tmp_path)[0] == 1
    assert [row["status"] for row in read_record(into)] == ["done"] * 3


def test_plans_are_no_record(results: list[Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, plan = lay(tmp_path, results[:2]), tmp_path / "plan.csv"
    for by in ("family", "species"):
        run(capsys, table, "--into", tmp_path / "out", "--root", tmp_path, "--by", by, "--output", plan)
    assert [row["status"] for row in read_record(plan)] == ["planned"] * 2 and "Paridae" not in plan.read_text("utf-8")


@pytest.mark.parametrize("content", ["bird,age\nx,1\n", 'source,"tar\n'])
def test_a_table_of_somebody_else_is_no_record(
    content: str, results: list[Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, into = lay(tmp_path, results), tmp_path / "out"
    into.mkdir()
    (into / "sorted.csv").write_text(content, "utf-8")
    code, _, err = run(capsys, table, "--into", into, "--apply", "--root", tmp_path)
    assert code == 2 and "sorted.csv is left as it is" in err and list_files(into) == {"sorted.csv": content.encode()}


def test_a_dry_run_tells_the_name_that_will_be(
    results: list[Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, into, plan = lay(tmp_path, results[:1]), tmp_path / "out", tmp_path / "plan.csv"
    place = into / "Parus major" / "a.jpg"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"somebody's")
    arguments = (table, "--into", into, "--root", tmp_path)
    run(capsys, *arguments, "--output", plan)
    (planned,) = read_record(plan)
    run(capsys, *arguments, "--apply")
    (done,) = read_record(into)
    assert planned["target"] == done["target"] != str(place) and planned["status"] == "planned"
    run(capsys, *arguments, "--output", plan)
    assert [row["status"] for row in read_record(plan)] == ["done"]


def test_several_organisms_of_an_event(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each image keeps its own name; the results of the event are no files."""
    images = (EventImage("a.jpg", 0, 0.9, 1.0), EventImage("b.jpg", 0, 0.9, 1.0))
    several = [
        replace(make_result("a.jpg"), event="e"),
        replace(make_result("b.jpg", "Parus ater"), event="e"),
        replace(make_result("e"), event="e", images=images, n_regions=2),
        replace(make_result("e #2", "Parus ater"), event="e", images=images, region_number=1, n_regions=2),
    ]
    into = tmp_path / "out"
    assert (
        run(capsys, lay(tmp_path, several), "--into", into, "--level", "event", "--root", tmp_path, "--apply")[0] == 0
    )
    assert sorted(list_files(into)) == ["Parus ater/b.jpg", "Parus major/a.jpg", "sorted.csv"]


def test_improbable_names(results: list[Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, into = lay(tmp_path, results[:1]), tmp_path / "out"
    run(capsys, table, "--into", into, "--min-probability", 0.95, "--apply", "--root", tmp_path)
    assert (into / "_unnamed" / "below-0.95" / "a.jpg").is_file()


def test_labels_and_ranks_that_are_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cat = Result("cat.jpg", predictions=(Prediction(Taxon("", "cat: tabby", (("", "cat: tabby"),)), 0.7, ()),))
    genus = Taxon("genus", "Parus", (("family", "Paridae"), ("genus", "Parus")))
    table = lay(tmp_path, [cat, Result("g.jpg", predictions=(Prediction(genus, 0.9, ()),))])
    run(capsys, table, "--into", tmp_path / "out", "--by", "family,species", "--apply", "--root", tmp_path)
    assert sorted(list_files(tmp_path / "out"))[:2] == ["Paridae/_no-species/g.jpg", "cat_ tabby/cat.jpg"]
    run(capsys, table, "--into", tmp_path / "by name", "--by", "name", "--apply", "--root", tmp_path)
    assert "Parus/g.jpg" in list_files(tmp_path / "by name")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["--by", "species,species"], "different ranks"), (["--by", ""], "different ranks"), ([], "nothing to do")],
)
def test_requests_that_are_wrong(
    arguments: list[str], told: str, results: list[Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = lay(tmp_path, results)
    into = ["--into", str(tmp_path / "out")] if arguments else []
    code, _, err = run(capsys, table, *into, *arguments)
    assert code == 2 and told in err


@pytest.mark.parametrize(
    "name", ["..", "a/../b", "C:\\x", "NUL", "com1.txt", "x" * 500, "\u202ea", "a\x00b", ".hidden", "x. ", ""]
)
def test_names_are_safe_everywhere(name: str) -> None:
    safe = make_safe(name)
    assert safe and safe not in (".", "..") and not set(safe) & set('<>:"/\\|?*\x00') and len(safe.encode()) <= 101
    assert not safe.endswith((".", " ")) and not safe.startswith(".") and safe.casefold() not in ("nul", "com1.txt")


def test_hostile_lineages_stay_inside() -> None:
    one = Named("a.jpg", lineage={"family": "../..", "species": "/etc"}, rank="species", name="/etc", probability=0.9)
    assert find_folder(one, ["family", "species"], 0) == ("__", "_etc")
