from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bioclip_x.distributed.part_folder import JOURNAL, PROVENANCE, FinishedPart, PartFolder, name_part
from bioclip_x.errors import BioclipXError, RecipeError

HEADER = {"model": "a", "recipe": {"k": 5}}
PARTS = [FinishedPart(number, f"{number}.jpg", 2, 0, f"digest {number}", 3) for number in (0, 2)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two parts of an interrupted run."""
    path = tmp_path / "out"
    with PartFolder.open(path, HEADER) as folder:
        for part in PARTS:
            folder.add(part, b"abc")
    return path


def test_finished_parts_are_known_to_the_next_run(folder: Path) -> None:
    with PartFolder.open(folder, HEADER) as again:
        assert again.finished == {part.number: part for part in PARTS}
        again.complete("{}")
    assert {path.name for path in folder.iterdir()} == {name_part(0), name_part(2), JOURNAL, PROVENANCE}


def test_a_part_that_was_deleted_or_cut_off_is_not_finished(folder: Path) -> None:
    (folder / name_part(0)).unlink()
    (folder / name_part(2)).write_bytes(b"ab")
    with PartFolder.open(folder, HEADER) as again:
        assert again.finished == {}


@pytest.mark.parametrize("lost", ["deleted", "cut off"])
def test_a_folder_that_lacks_a_part_has_no_mark_of_a_complete_run(folder: Path, lost: str) -> None:
    with PartFolder.open(folder, HEADER) as again:
        again.complete("{}")
    with PartFolder.open(folder, HEADER):
        assert (folder / PROVENANCE).exists()  # nothing is to be written
    (folder / name_part(0)).unlink() if lost == "deleted" else (folder / name_part(0)).write_bytes(b"a")
    with PartFolder.open(folder, HEADER):
        assert not (folder / PROVENANCE).exists()


def test_a_further_part_removes_the_mark(folder: Path) -> None:
    with PartFolder.open(folder, HEADER) as again:
        again.complete("{}")
        again.add(replace(PARTS[0], number=3), b"abc")
        assert not (folder / PROVENANCE).exists()


def test_parts_with_failures_are_to_be_computed_again(folder: Path) -> None:
    failed = replace(PARTS[1], failed=1)
    with PartFolder.open(folder, HEADER) as first:
        first.add(failed, b"abc")
        first.complete("{}")
    with PartFolder.open(folder, HEADER) as again:
        assert again.finished == {0: PARTS[0]} and again.again == {2: failed}
        assert not (folder / PROVENANCE).exists() and (folder / name_part(2)).exists()
        again.add(PARTS[1], b"abc")
        assert again.finished == {part.number: part for part in PARTS}
    with PartFolder.open(folder, HEADER) as last:
        assert last.again == {} and len(last.finished) == 2


@pytest.mark.parametrize(
    ("header", "told"), [({"model": "b", "recipe": {"k": 5}}, "model was 'a' and is 'b'"), ({}, "recipe was")]
)
def test_the_parts_of_another_run_are_refused(folder: Path, header: dict[str, object], told: str) -> None:
    before = sorted(folder.iterdir())
    with pytest.raises(RecipeError, match=f"holds the parts of another run: .*{re.escape(told)}"):
        PartFolder.open(folder, header)
    assert sorted(folder.iterdir()) == before


def test_parts_without_a_journal_are_refused(folder: Path) -> None:
    (folder / JOURNAL).unlink()
    with pytest.raises(RecipeError, match=r"holds 2 parts of an unknown run \(part-00000"):
        PartFolder.open(folder, HEADER)


def test_a_file_is_no_output(tmp_path: Path) -> None:
    (tmp_path / "out.parquet").touch()
    with pytest.raises(RecipeError, match="expected a folder"):
        PartFolder.open(tmp_path / "out.parquet", HEADER)


def test_two_runs_do_not_write_one_folder(folder: Path) -> None:
    with PartFolder.open(folder, HEADER), pytest.raises(BioclipXError, match="being written by another run"):
        PartFolder.open(folder, HEADER)
