from __future__ import annotations

import pytest

from bioclip_x.images.file_types import SUFFIXES, TYPES, identify, list_brands


@pytest.mark.parametrize(
    ("head", "suffix", "name"),
    [
        (b"\xff\xd8\xff\xe0", ".txt", "a JPEG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", ".jpg", "a PostScript or Illustrator file"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", ".jpg", "a video"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "", "a HEIC image"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "", "an AVIF image"),
        (b"\0\0\0\x18ftypcrx \0\0\0\0", "", "a camera's RAW image"),
        (b"II*\0\x08\0\0\0", ".nef", "a camera's RAW image"),
        (b"II*\0\x08\0\0\0", ".jpg", "a TIFF"),
        (b"RIFF\x10\0\0\0AVI LIST", "", "a video"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "", "a WebP"),
        (b"\x1a\x45\xdf\xa3", ".mkv", "a video"),
        (b"P6\n# by hand\n12 3\n255\n", "", "a portable pixmap"),
        (b'<?xml version="1.0"?>\n<!-- a --><svg xmlns="">', ".xml", "an SVG drawing"),
        (b"\n<!DOCTYPE html>", ".jpg", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1", ".jpg", "a Git LFS pointer"),
        (b"garbage", ".mov", "a video"),
        (b"garbage", ".psd", "a Photoshop file"),
    ],
)
def test_types_by_content_then_by_suffix(head: bytes, suffix: str, name: str) -> None:
    found = identify(head, suffix)
    assert found is not None and found.name == name


@pytest.mark.parametrize(
    "text",
    [
        b"BMI,height\n21,180", b"P1 is a place", b"The wide river", b"GPS log of a day out", b"qoi", b"\xff\xfea\0",
        b"<?xml version='1.0'?><data>", b"\0\0\0\x18ftypM4A \0\0\0\0", b"PF 123",
    ],
)  # fmt: skip
def test_other_files_are_no_images(text: bytes) -> None:
    found = identify(text + b" " * 4000)
    assert found is None or not found.is_media


def test_hostile_text_is_matched_in_linear_time() -> None:
    for text in (b"<!-- -->" * 512, b" " * 4096, b"P6 #\n" * 800, b"<?xml ?>" * 512):
        assert identify(text) is None


def test_a_readable_suffix_with_unknown_content_has_no_type() -> None:
    assert identify(b"prose", ".jpg") is None
    assert identify(b"\0\0\x02\0\0\0", ".tga") is not None, "Targa images begin with no known bytes"


def test_suffixes_are_lower_case_and_of_one_type_each() -> None:
    every = [suffix for one in TYPES for suffix in one.suffixes]
    assert len(every) == len(set(every)) == len(SUFFIXES)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in every)
    assert {".heic", ".nef", ".jxl", ".mp4", ".avif", ".jfif"} < SUFFIXES


def test_compatible_brands() -> None:
    head = b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic\0\0\0\x10meta"
    assert {"mif1", "heic"} <= list_brands(head) and "meta" not in list_brands(head)
    assert list_brands(b"\xff\xd8\xff") == frozenset()
