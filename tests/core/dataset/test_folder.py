"""Stages of a build: kept where nothing changed, made anew where something did, whole after an interruption."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.dataset.folder import BuildFolder, open_folder, read_json, write_json
from bioclip_x.errors import DatasetError


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def folder(tmp_path: Path, notes: list[str]) -> BuildFolder:
    (tmp_path / "work").mkdir()
    return BuildFolder(tmp_path, notes.append)


def complete(folder: BuildFolder, inputs: dict[str, Any]) -> Path:
    stage = folder.open_stage("names", inputs)
    (stage.path / "table.parquet").write_text("rows")
    stage.finish({"rows": 3})
    return stage.path / "table.parquet"


def test_a_complete_stage_is_kept_with_its_summary(folder: BuildFolder, notes: list[str]) -> None:
    table = complete(folder, {"a": 1, "b": ["x", (1, 2)]})
    stage = folder.open_stage("names", {"b": ["x", [1, 2]], "a": 1})
    assert stage.summary == {"rows": 3} and table.exists() and not notes


def test_a_stage_is_emptied_where_its_inputs_have_changed(folder: BuildFolder, notes: list[str]) -> None:
    table = complete(folder, {"format": "csv"})
    stage = folder.open_stage("names", {"format": "dwca"})
    assert stage.summary is None and not table.exists() and stage.path.is_dir()
    assert len(notes) == 1 and "names: done again" in notes[0] and "format" in notes[0]


def test_what_changed_is_told_without_records_and_digests(folder: BuildFolder, notes: list[str]) -> None:
    complete(folder, {"taxonomies": [{"name": "a"}], "corrections": None, "least": "full"})
    folder.open_stage("names", {"taxonomies": [{"name": "b"}], "corrections": "0" * 16, "least": "partial"})
    assert notes == [
        "names: done again, since taxonomies changed, corrections changed, least was 'full' and is 'partial'"
    ]


def test_files_of_an_interrupted_stage_stay_while_its_inputs_are_the_same(folder: BuildFolder) -> None:
    stage = folder.open_stage("images", {"rows": "1"})
    (stage.path / "images-000000.parquet").write_text("rows")
    again = folder.open_stage("images", {"rows": "1"})
    assert again.summary is None and (again.path / "images-000000.parquet").exists()
    changed = folder.open_stage("images", {"rows": "2"})
    assert not list(changed.path.glob("images-*"))


def test_a_stage_that_keeps_its_files_keeps_them(folder: BuildFolder, notes: list[str]) -> None:
    table = complete(folder, {"a": 1})
    stage = folder.open_stage("names", {"a": 2}, keeps=True)
    assert stage.summary is None and table.exists() and not notes


@pytest.mark.parametrize("survivor", ["table.parquet", "stage.json", "inputs.json"])
def test_what_an_interrupted_deletion_leaves_is_not_used(
    folder: BuildFolder, survivor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever files it has come to, and whether the next run has the new inputs or the old ones again."""
    for inputs in ({"a": 2}, {"a": 1}):
        table = complete(folder, {"a": 1})

        def delete_in_part(path: Path) -> None:
            for file in path.iterdir():
                if file.name != survivor:
                    file.unlink()
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(shutil, "rmtree", delete_in_part)
            with pytest.raises(KeyboardInterrupt):
                folder.open_stage("names", {"a": 2})
        stage = folder.open_stage("names", inputs)
        assert stage.summary is None
        assert not table.exists() or survivor == "inputs.json"


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"version": 0, "inputs": {"a": 1}, "summary": {}}', '{"inputs": 1}']
)
def test_a_damaged_state_is_none(folder: BuildFolder, damage: str) -> None:
    table = complete(folder, {"a": 1})
    (table.parent / "stage.json").write_text(damage)
    assert folder.open_stage("names", {"a": 1}).summary is None


def test_json_files(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"ä": [1]})
    assert read_json(tmp_path / "a.json") == {"ä": [1]} and "ä" in (tmp_path / "a.json").read_text("utf-8")
    assert read_json(tmp_path / "none.json") is None


def hold(path: Path, held: Any, release: Any) -> None:
    with open_folder(path, print):
        held.set()
        release.wait(30)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    process = context.Process(target=hold, args=(tmp_path / "out", held, release))
    process.start()
    assert held.wait(60)
    with pytest.raises(DatasetError, match="another process builds"), open_folder(tmp_path / "out", print):
        pass
    release.set()
    process.join(30)
    with open_folder(tmp_path / "out", print) as opened:
        assert opened.work.is_dir()


def test_folders_that_hold_something_else_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.jpg").write_text("")
    for name, message in (("file", "is a file; expected a folder"), ("photos", "holds other files")):
        with pytest.raises(DatasetError, match=message), open_folder(tmp_path / name, print):
            pass
    assert not (tmp_path / "photos/work").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(DatasetError, match="cannot be written"), open_folder(tmp_path / "out", print):
        pass


@pytest.mark.parametrize("damage", ["changed", "cut", "missing", "a folder", "another beside"])
def test_a_stage_whose_files_were_changed_is_done_again(folder: BuildFolder, notes: list[str], damage: str) -> None:
    stage = folder.open_stage("names", {"a": 1})
    table = stage.path / "table.parquet"
    table.write_text("rows")
    (stage.path / "other.parquet").write_text("other rows")
    stage.finish({"rows": 3})
    assert folder.open_stage("names", {"a": 1}).summary == {"rows": 3}
    if damage == "changed":
        table.write_text("swor")
    elif damage == "cut":
        table.write_text("row")
    elif damage == "another beside":
        table.rename(table.with_name("z.parquet"))
    else:
        table.unlink()
        if damage == "a folder":
            table.mkdir()
    again = folder.open_stage("names", {"a": 1})
    assert again.summary is None and [path.name for path in again.path.glob("*.parquet")] == ["other.parquet"]
    assert len(notes) == 1 and "table.parquet" in notes[0]


def test_a_copied_folder_is_not_done_again(folder: BuildFolder, notes: list[str]) -> None:
    """Copies have other times; their content is compared."""
    table = complete(folder, {"a": 1})
    os.utime(table, (1, 1))
    assert folder.open_stage("names", {"a": 1}).summary == {"rows": 3} and not notes


def test_paid_captions_stay_where_their_stage_was_damaged(folder: BuildFolder) -> None:
    stage = folder.open_stage("captions", {"a": 1}, keeps=True)
    (stage.path / "answers.journal").write_text("one, two")
    stage.finish({})
    (stage.path / "answers.journal").write_text("one")
    again = folder.open_stage("captions", {"a": 1}, keeps=True)
    assert again.summary is None and (again.path / "answers.journal").read_text() == "one"
