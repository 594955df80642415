from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from bioclip_x.images.places.folders import LeftOut, walk_folder
from helpers import picture


def walk(folder: Path, left_out: LeftOut | None = None) -> list[tuple[str, str]]:
    found = walk_folder(folder, left_out or LeftOut())
    return [(str(Path(source.name).relative_to(folder)), source.error) for source in found]


def test_everything_that_looks_like_an_image_or_a_video_is_found_and_the_rest_counted(tmp_path: Path) -> None:
    for name in ("a.png", "b.HEIC", "c.nef", "d.jxl", "e.mp4", "f.psd"):
        (tmp_path / name).write_bytes(b"x")
    picture().save(tmp_path / "no-suffix", "PNG")
    picture().save(tmp_path / "really-a-jpeg.dat", "JPEG")
    for name in ("1.txt", "2.txt", "3.xml", "README"):
        (tmp_path / name).write_text("prose")
    (tmp_path / ".hidden.png").write_bytes(b"x")
    for name in ("@eaDir", "#recycle", "$RECYCLE.BIN", ".Trash-1000", ".Trashes", "below/@eaDir"):
        (tmp_path / name).mkdir(parents=True)
        picture().save(tmp_path / name / "thumbnail.png")
    left_out = LeftOut()
    expected = ["a.png", "b.HEIC", "c.nef", "d.jxl", "e.mp4", "f.psd", "no-suffix", "really-a-jpeg.dat"]
    assert [name for name, _ in walk(tmp_path, left_out)] == expected
    assert left_out.describe() == (
        "left out: 4 files that are no images (.txt 2, .xml 1, no suffix 1); 2 folders @eaDir; 1 folder #recycle; "
        "1 folder $RECYCLE.BIN; 1 folder .Trash-1000; 1 folder .Trashes; 1 hidden file"
    )


def test_a_folder_named_outright_is_searched(tmp_path: Path) -> None:
    (tmp_path / "#recycle").mkdir()
    picture().save(tmp_path / "#recycle" / "a.png")
    assert walk(tmp_path / "#recycle") == [("a.png", "")]


def test_order_is_by_name_files_first(tmp_path: Path) -> None:
    for name in ("b/1.png", "a/2.png", "z.png", "a/deep/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert [name for name, _ in walk(tmp_path)] == ["z.png", "a/2.png", "a/deep/3.png", "b/1.png"]


def test_links_pipes_and_broken_links(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.png").write_bytes(b"x")
    (tmp_path / "again").symlink_to(tmp_path / "real")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.jpg")
    left_out = LeftOut()
    assert [name for name, _ in walk(tmp_path, left_out)] == ["gone.jpg", "real/a.png"]
    assert left_out.describe() == "left out: 1 linked folder; 1 pipe, socket or device"


class Failing:
    """What os.scandir returns for a folder on a drive that vanishes after the first entries."""

    def __init__(self, entries: list[Any]) -> None:
        self._entries = entries

    def __enter__(self) -> Failing:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        yield from self._entries
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("number", [errno.EACCES, errno.ESTALE, errno.ENOTCONN])
def test_folders_that_cannot_be_read_are_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "a.png").write_bytes(b"x")
    scan = os.scandir

    def scandir(path: Any) -> Any:
        if Path(path).name == "closed":
            raise OSError(number, os.strerror(number), str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    reason = f"the folder cannot be read: {os.strerror(number)}"
    assert walk(tmp_path) == [("closed", reason), ("open/a.png", "")]


def test_what_was_listed_before_a_drive_vanished_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    with os.scandir(tmp_path) as scan:
        entries = list(scan)
    monkeypatch.setattr(os, "scandir", lambda path: Failing(entries))
    assert walk(tmp_path) == [("a.png", ""), (".", "the folder cannot be read: Input/output error")]


def test_a_plugins_formats_are_found_by_suffix_and_by_content(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_bytes(b"?")
    (tmp_path / "b").write_bytes(b"XYZ1")
    found = walk_folder(tmp_path, LeftOut(), suffixes={".xyz"}, recognises=lambda head, suffix: head.startswith(b"XYZ"))
    assert [Path(source.name).name for source in found] == ["a.xyz", "b"]
