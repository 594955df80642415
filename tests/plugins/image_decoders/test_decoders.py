"""Formats beside Pillow's, written here and read through the loaded plugins."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from bioclip_x.errors import ImageError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.images.files import ImageFiles, make_image_files
from bioclip_x.records import OpenedImage, Source


@pytest.fixture(scope="module")
def files() -> ImageFiles:
    return make_image_files(create_registry(strict=True))


def scene() -> Image.Image:
    """A smooth scene, wider than high."""
    y, x = np.mgrid[0:48, 0:64]
    return Image.fromarray(np.dstack([4 * x, 5 * y, 255 - 4 * x]).clip(0, 255).astype(np.uint8))


def read(files: ImageFiles, data: bytes, name: str = "image") -> OpenedImage:
    return files.read(Source(name, data=data))


def assert_scene(opened: OpenedImage, within: float = 6) -> None:
    assert opened.image.size == (64, 48)
    assert abs(np.asarray(opened.image, float) - np.asarray(scene(), float)).mean() < within


def test_avif(files: ImageFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    if not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    buffer = io.BytesIO()
    scene().save(buffer, "AVIF", quality=90)
    assert_scene(read(files, buffer.getvalue()))
    frames = io.BytesIO()
    scene().save(frames, "AVIF", save_all=True, append_images=[scene()] * 2)
    assert read(files, frames.getvalue()).notes == ("first of 3 frames",)
    monkeypatch.setattr(features, "check", lambda name: False)
    with pytest.raises(ImageError, match=r"pip install 'bioclip-x\[images\]'"):
        read(files, buffer.getvalue())


def test_heic(files: ImageFiles) -> None:
    heif = pytest.importorskip("pillow_heif")
    formats = set(Image.OPEN)
    buffer = io.BytesIO()
    heif.from_pillow(scene()).save(buffer, quality=90)
    assert_scene(read(files, buffer.getvalue()))
    assert read(files, buffer.getvalue()).notes == ()
    assert set(Image.OPEN) == formats, "Pillow is not changed for the process"


def test_a_heic_that_is_turned_is_turned_once(files: ImageFiles) -> None:
    heif = pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = scene().transpose(Image.Transpose.ROTATE_90)
    buffer = io.BytesIO()
    file = heif.from_pillow(turned)
    file[0].info["original_orientation"] = 6
    file.save(buffer, quality=90, exif=exif.tobytes())
    assert_scene(read(files, buffer.getvalue()))


def test_several_images_in_a_heic(files: ImageFiles) -> None:
    heif = pytest.importorskip("pillow_heif")
    several = heif.HeifFile()
    several.add_from_pillow(scene())
    several.add_from_pillow(Image.new("RGB", (64, 48)))
    buffer = io.BytesIO()
    several.save(buffer, quality=90, primary_index=0)
    opened = read(files, buffer.getvalue())
    assert_scene(opened)
    assert opened.notes == ("the main one of 2 images",)


def test_jpeg_xl(files: ImageFiles, tmp_path: Path) -> None:
    pytest.importorskip("pillow_jxl")
    scene().save(tmp_path / "a.jxl")
    opened = files.read(Source("a", tmp_path / "a.jxl"))
    assert_scene(opened)


@pytest.mark.parametrize(
    ("module", "data"),
    [
        ("pillow_heif", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
        ("pillow_jxl.JpegXLImagePlugin", b"\xff\x0a" + bytes(20)),
        ("rawpy", b"FUJIFILMCCD-RAW 0201"),
    ],
)
def test_without_the_library_the_row_says_how_to_get_it(
    files: ImageFiles, monkeypatch: pytest.MonkeyPatch, module: str, data: bytes
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImageError, match=r"pip install 'bioclip-x\[images\]'"):
        read(files, data)


@pytest.mark.parametrize(
    "data", [b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", b"\xff\x0a" + bytes(20), b"FUJIFILMCCD-RAW 0201"]
)
def test_broken_files_are_rows(files: ImageFiles, data: bytes) -> None:
    with pytest.raises(ImageError):
        read(files, data)


class Broken:
    """A decoder that fails in the given way."""

    def __init__(self, how: Any) -> None:
        self.how = how

    def recognises(self, head: bytes, suffix: str) -> bool:
        return True

    def decode(self, stream: Any) -> Any:
        if isinstance(self.how, BaseException):
            raise self.how
        return self.how


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (KeyError("x"), "failed in decode: KeyError: 'x'"),
        (SystemExit(0), r"failed in decode: it called sys\.exit\(0\)"),
        (scene(), "from decode; expected an OpenedImage"),
    ],
)
def test_a_plugins_decoder_that_fails_is_named(how: Any, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        read(ImageFiles({"mine": Broken(how)}), b"x")
