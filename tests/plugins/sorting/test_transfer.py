"""Copies are complete or not there, also after a power cut and where two runs are at work."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from bioclip_x_plugins.sorting.plan import Move
from bioclip_x_plugins.sorting.transfer import sweep_leftovers, transfer


@pytest.fixture
def move(tmp_path: Path) -> Move:
    (tmp_path / "a.jpg").write_bytes(b"image")
    os.utime(tmp_path / "a.jpg", (1e9, 1e9))
    (tmp_path / "a.jpg").chmod(0o444)
    return Move("a.jpg", tmp_path / "a.jpg", ("Paridae", "Parus"), "a.jpg")


def test_copies_are_on_the_disk_before_they_have_their_name(
    move: Move, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file, then its name, then its folder; new folders in theirs."""
    steps: list[str] = []
    sync, link = os.fsync, os.link

    def record_sync(descriptor: int) -> None:
        steps.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().name[:6]}")
        sync(descriptor)

    def record_link(source: Any, place: Any) -> None:
        steps.append(f"link {Path(place).name}")
        link(source, place)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("no /proc")
    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(os, "link", record_link)
    place, status = transfer(move, tmp_path / "out", "copy")
    assert status == "done" and place.read_bytes() == b"image"
    assert steps[1:] == ["sync out", "sync Parida", "sync .a.jpg", "link a.jpg", "sync Parus"]
    stat = place.stat()
    assert (stat.st_mtime, stat.st_mode & 0o777, stat.st_nlink) == (1e9, 0o444, 1)
    assert [path.name for path in place.parent.iterdir()] == ["a.jpg"]


@pytest.mark.parametrize("has_links", [True, False])
def test_two_runs_at_once(has_links: bool, move: Move, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other run copies the same file in the middle of this one's copy."""
    whole = shutil.copyfileobj
    seen: list[set[str]] = []

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    def copy_with_another(source: Any, copy: Any, size: int) -> None:
        copy.write(b"im")
        copy.flush()
        monkeypatch.setattr(shutil, "copyfileobj", whole)
        assert transfer(move, tmp_path / "out", "copy")[1] == "done"
        seen.append({path.name for path in (tmp_path / "out" / "Paridae" / "Parus").iterdir()})
        copy.seek(0)
        whole(source, copy, size)

    monkeypatch.setattr(shutil, "copyfileobj", copy_with_another)
    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    place, status = transfer(move, tmp_path / "out", "copy")
    assert status == "done" and place.read_bytes() == b"image"
    assert len(seen[0]) == 2  # the other's copy, and this run's own temporary file
    assert [path.name for path in place.parent.iterdir()] == ["a.jpg"]


def test_what_killed_runs_left_is_swept_and_nothing_else(move: Move, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "Paridae" / "Parus"
    folder.mkdir(parents=True)
    for name in (".a.jpg.x1y2z3w4.tmp", ".notes.x1y2z3w4.tmp", "a.tmp"):
        (folder / name).write_bytes(b"")
    sweep_leftovers([move], tmp_path / "out")
    assert sorted(path.name for path in folder.iterdir()) == [".notes.x1y2z3w4.tmp", "a.tmp"]
