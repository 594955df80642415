from __future__ import annotations

import re
from pathlib import Path

import pytest

from bioclip_x.distributed.part_folder import JOURNAL, PROVENANCE, FinishedPart, PartFolder, name_part
from bioclip_x.errors import BioclipXError, RecipeError

HEADER = {"model": "a", "recipe": {"k": 5}}
PARTS = [FinishedPart(number, f"{number}.jpg", 2, 1, f"digest {number}", 3) for number in (0, 2)]


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
