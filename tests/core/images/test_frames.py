from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bioclip_x.images import frames
from bioclip_x.images.decoding import decode_file
from helpers import picture

FRAMES = [picture(i) for i in range(3)]


@pytest.mark.parametrize("suffix", [".tif", ".gif", ".webp", ".png"])
def test_the_first_of_several_frames_is_read_and_said(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    options = {"lossless": True} if suffix == ".webp" else {}
    FRAMES[0].save(path, save_all=True, append_images=FRAMES[1:], **options)
    opened = decode_file(path, {}, "read")
    assert opened.notes == ("first of 3 frames",)
    within = 60 if suffix == ".gif" else 0  # a palette
    assert np.abs(np.asarray(opened.image, int) - np.asarray(FRAMES[0], int)).mean() <= within


@pytest.mark.parametrize("suffix", [".tif", ".gif", ".webp", ".png", ".jpg", ".ico"])
def test_one_frame_needs_no_note(tmp_path: Path, suffix: str) -> None:
    FRAMES[0].resize((32, 32)).save(tmp_path / f"a{suffix}")
    assert decode_file(tmp_path / f"a{suffix}", {}, "read").notes == ()


def save_pages(path: Path, reduced: tuple[bool, ...]) -> None:
    """A TIFF of a page for each of `reduced`, which is marked as a reduced copy or not."""
    pages = []
    for frame, is_reduced in zip(FRAMES, reduced):
        page = frame.copy()
        page.encoderinfo = {"tiffinfo": {254: int(is_reduced)}}
        pages.append(page)
    pages[0].save(path, save_all=True, append_images=pages[1:], tiffinfo={254: int(reduced[0])})


@pytest.mark.parametrize(
    ("reduced", "read", "notes"),
    [
        ((False, True, True), 0, ()),
        ((True, False, True), 1, ()),
        ((True, False, False), 1, ("first of 2 frames",)),
    ],
)
def test_reduced_copies_are_neither_counted_nor_read(
    tmp_path: Path, reduced: tuple[bool, ...], read: int, notes: tuple[str, ...]
) -> None:
    save_pages(tmp_path / "a.tif", reduced)
    with Image.open(tmp_path / "a.tif") as image:
        marked = []
        for number in range(3):
            image.seek(number)
            marked.append(bool(image.tag_v2[254]))  # type: ignore[attr-defined]
    assert tuple(marked) == reduced
    opened = decode_file(tmp_path / "a.tif", {}, "read")
    assert opened.notes == notes
    np.testing.assert_array_equal(np.asarray(opened.image), np.asarray(FRAMES[read]))


def test_pages_are_counted_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "TIFF_PAGES", 3)
    for number, note in ((3, "first of 3 frames"), (5, "first of more than 3 frames")):
        first, *others = [picture(i) for i in range(number)]
        first.save(tmp_path / "a.tif", save_all=True, append_images=others)
        opened = decode_file(tmp_path / "a.tif", {}, "read")
        assert opened.notes == (note,)
        np.testing.assert_array_equal(np.asarray(opened.image), np.asarray(first))
