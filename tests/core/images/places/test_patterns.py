from __future__ import annotations

import glob
import os
from pathlib import Path

import pytest

from bioclip_x.images.places.patterns import expand_pattern


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a/b/x.png", "a/y.png", "a/.h/z.png", "a/.z.png", "c/b/x.png", "c/[1].png", "top.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "*.png",
        "a/*",
        "*/b/*.png",
        "**/*.png",
        "**/b/*",
        "a/**/x.png",
        "[ac]/*",
        "c/[[]1].png",
        "**/**/x.png",
        "a/.*",
        "no*",
        "?/b",
    ],
)
def test_as_glob(tree: Path, pattern: str) -> None:
    assert expand_pattern(pattern) == sorted(set(glob.glob(pattern, recursive=True)))  # noqa: PTH207
    whole = f"{tree}/{pattern}"
    assert expand_pattern(whole) == sorted(set(glob.glob(whole, recursive=True)))  # noqa: PTH207


def test_any_depth_gives_each_file_once(tree: Path) -> None:
    assert expand_pattern("**") == ["a/b/x.png", "a/y.png", "c/[1].png", "c/b/x.png", "top.png"]
    assert expand_pattern("a/**") == ["a/b/x.png", "a/y.png"]


def test_links_to_folders_have_an_end(tree: Path) -> None:
    for number in range(4):
        (tree / "a" / "b" / f"loop{number}").symlink_to(tree)
    assert expand_pattern("**/x.png") == ["a/b/x.png", "c/b/x.png"]
    assert expand_pattern("a/b/loop0/top.png*") == ["a/b/loop0/top.png"]


def test_special_files_are_not_matched(tree: Path) -> None:
    os.mkfifo(tree / "a" / "p.png")
    (tree / "a" / "broken.png").symlink_to("gone")
    assert expand_pattern("a/*.png") == ["a/broken.png", "a/y.png"]
