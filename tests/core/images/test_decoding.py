from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bioclip_x.errors import ImageError
from bioclip_x.images.decoding import make_thumbnail, open_image, to_rgb
from helpers import picture


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]
    return path


def test_exif_rotation_is_undone(tmp_path: Path) -> None:
    upright = picture(size=(40, 30))
    exif = Image.Exif()
    exif[0x0112] = 6  # "rotate 90 degrees clockwise to view"
    path = saved(tmp_path / "turned.png", upright.transpose(Image.Transpose.ROTATE_90), exif=exif)
    np.testing.assert_array_equal(np.asarray(open_image(path)), np.asarray(upright))


def test_sixteen_bits_keep_their_range(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    opened = np.asarray(open_image(saved(tmp_path / "16.png", Image.fromarray(ramp))))
    np.testing.assert_allclose(opened[..., 0], ramp / 257, atol=1)


def test_damaged_exif_is_ignored(tmp_path: Path) -> None:
    path = saved(tmp_path / "exif.png", picture(), exif=b"Exif\x00\x00not a tiff header")
    assert open_image(path).size == (40, 30)


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert np.asarray(open_image(saved(tmp_path / "clear.png", clear))).min() == 255
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([10, 20, 30] + [0] * 765)
    assert np.asarray(open_image(saved(tmp_path / "p.png", palette, transparency=0))).min() == 255


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "CMYK", "YCbCr", "I", "F", "RGBA"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = saved(
        tmp_path / "picture.tiff", picture().convert("RGB").convert(mode if mode != "LA" else "L").convert(mode)
    )
    assert open_image(path).mode == "RGB"


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    red, blue = Image.new("RGB", (4, 4), "red"), Image.new("RGB", (4, 4), "blue")
    path = saved(tmp_path / "a.gif", red, save_all=True, append_images=[blue])
    assert open_image(path).getpixel((0, 0)) == (255, 0, 0)


def bomb(path: Path, side: int) -> Path:
    """A PNG of a few hundred bytes that declares side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )
    return path


def test_errors_state_the_reason(tmp_path: Path) -> None:
    whole = saved(tmp_path / "whole.jpg", picture(size=(400, 300)))
    (tmp_path / "half.jpg").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "prose.jpg").write_text("not an image")
    cases = {
        "half.jpg": "truncated", "empty.jpg": "empty", "prose.jpg": "not an image", "gone.jpg": "no such file",
        ".": "a folder",
    }  # fmt: skip
    for name, reason in cases.items():
        with pytest.raises(ImageError, match=reason):
            open_image(tmp_path / name)
    with pytest.raises(ImageError, match="too large"):
        open_image(bomb(tmp_path / "bomb.png", 60_000))
    with pytest.raises(ImageError, match="too narrow"):
        open_image(saved(tmp_path / "line.png", Image.new("RGB", (5000, 2))))


def test_thumbnails_are_small_jpegs() -> None:
    assert make_thumbnail(picture(size=(800, 400)))[:2] == b"\xff\xd8"


def test_camera_trap_images(shared_data: Path) -> None:
    """CMYK, rotated, black-and-white and truncated files from a real collection."""
    outcome = {}
    for path in sorted((shared_data / "speciesnet" / "test_data").glob("*.jpg")):
        try:
            outcome[path.stem] = open_image(path)
        except ImageError as problem:
            outcome[path.stem] = str(problem)  # type: ignore[assignment]
    assert [name for name, got in outcome.items() if isinstance(got, str)] == ["african_elephants_truncated_file"]
    plain, turned = outcome["african_elephants"], outcome["african_elephants_with_exif_orientation"]
    assert plain.size == turned.size
    cmyk = np.asarray(outcome["african_elephants_cmyk"].resize(plain.size), float)
    assert abs(np.asarray(plain, float) - cmyk).mean() < 12, "CMYK must not come out inverted"


def test_an_rgb_image_is_not_copied() -> None:
    image = picture()
    assert to_rgb(image).image is image
    assert to_rgb(image.convert("L")).image.mode == "RGB"
