from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from bioclip_x.errors import ImageError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.images.files import ImageFiles, make_image_files
from bioclip_x.records import Source
from bioclip_x_plugins.image_decoders.raw import RawDecoder, is_raw_tiff

SIZE = 64
SHORT, LONG, ASCII, BYTE, RATIONAL, SIGNED = 3, 4, 2, 1, 5, 10


@pytest.fixture(scope="module")
def files() -> ImageFiles:
    return make_image_files(create_registry(strict=True))


def pack(kind: int, values: tuple[int, ...]) -> bytes:
    form = {SHORT: "H", LONG: "I", ASCII: "B", BYTE: "B", RATIONAL: "I", SIGNED: "i"}[kind]
    return struct.pack(f"<{len(values)}{form}", *values)


def lay_out(entries: list[tuple[int, int, tuple[int, ...]]], start: int) -> bytes:
    """A directory that begins at `start`, with the values that do not fit into it behind it."""
    after = start + 2 + 12 * len(entries) + 4
    directory, values = struct.pack("<H", len(entries)), b""
    for tag, kind, content in sorted(entries):
        data = pack(kind, content)
        count = len(content) // (2 if kind in (RATIONAL, SIGNED) else 1)
        field = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack("<I", after + len(values))
        values += data + b"\0" * (len(data) % 2) if len(data) > 4 else b""
        directory += struct.pack("<HHI", tag, kind, count) + field
    return directory + bytes(4) + values


def write_dng(path: Path) -> Path:
    """A DNG as cameras write them: first a small preview, all black; the mosaic, 16 bits, is below it, and is grey."""
    preview = bytes(16 * 16 * 3)
    mosaic = np.full((SIZE, SIZE), 12_000, "<u2").tobytes()
    data = preview + mosaic
    raw_start = 8 + len(data)
    raw = lay_out(
        [
            (254, LONG, (0,)), (256, LONG, (SIZE,)), (257, LONG, (SIZE,)), (258, SHORT, (16,)), (259, SHORT, (1,)),
            (262, SHORT, (32803,)), (273, LONG, (8 + len(preview),)), (277, SHORT, (1,)), (278, LONG, (SIZE,)),
            (279, LONG, (len(mosaic),)), (33421, SHORT, (2, 2)), (33422, BYTE, (0, 1, 1, 2)), (50717, LONG, (16_383,)),
        ],
        raw_start,
    )  # fmt: skip
    one = (1, 1)
    main = lay_out(
        [
            (254, LONG, (1,)), (256, LONG, (16,)), (257, LONG, (16,)), (258, SHORT, (8, 8, 8)), (259, SHORT, (1,)),
            (262, SHORT, (2,)), (271, ASCII, tuple(b"Maker\0")), (272, ASCII, tuple(b"Camera\0")), (273, LONG, (8,)),
            (277, SHORT, (3,)), (278, LONG, (16,)), (279, LONG, (len(preview),)), (330, LONG, (raw_start,)),
            (50706, BYTE, (1, 4, 0, 0)), (50708, ASCII, tuple(b"Camera\0")),
            (50721, SIGNED, (*one, 0, 1, 0, 1, 0, 1, *one, 0, 1, 0, 1, 0, 1, *one)), (50728, RATIONAL, one * 3),
        ],
        raw_start + len(raw),
    )  # fmt: skip
    path.write_bytes(b"II*\0" + struct.pack("<I", raw_start + len(raw)) + data + raw + main)
    return path


def test_the_full_image_is_developed_and_not_the_preview(tmp_path: Path, files: ImageFiles) -> None:
    pytest.importorskip("rawpy")
    opened = files.read(Source("a", write_dng(tmp_path / "a.dng")))
    assert opened.image.size == (SIZE, SIZE)
    assert np.asarray(opened.image).mean() > 100, "the preview is black"


@pytest.mark.parametrize("name", ["a.tif", "a.jpg", "a"])
def test_the_preview_is_not_read_from_a_file_of_another_name(tmp_path: Path, files: ImageFiles, name: str) -> None:
    path = write_dng(tmp_path / name)
    for reader in (files, ImageFiles()):
        with pytest.raises(ImageError, match="RAW image under another name"):
            reader.read(Source("a", path))


def test_a_broken_file_is_a_row(tmp_path: Path, files: ImageFiles) -> None:
    pytest.importorskip("rawpy")
    path = tmp_path / "a.nef"
    path.write_bytes(write_dng(tmp_path / "b.dng").read_bytes()[:2000])
    with pytest.raises(ImageError, match=r"cannot be developed|cannot be decoded"):
        files.read(Source("a", path))


def test_formats_are_recognised(tmp_path: Path) -> None:
    recognises = RawDecoder().recognises
    plain = b"II*\0" + struct.pack("<I", 8) + lay_out([(254, LONG, (0,)), (256, LONG, (4,))], 8)
    assert not recognises(plain, ".tif") and recognises(plain, ".nef")
    preview = b"II*\0" + struct.pack("<I", 8) + lay_out([(254, LONG, (1,)), (330, LONG, (999,))], 8)
    assert recognises(preview, ".tif") and is_raw_tiff(preview)
    assert recognises(b"II*\0\x10\0\0\0CR\x02\0", ".jpg")
    assert recognises(b"\0\0\0\x18ftypcrx \0\0\0\0", "") and not recognises(b"\xff\xd8\xff", ".nef")
    assert not is_raw_tiff(b"II*\0") and not is_raw_tiff(b"MM\0*\xff\xff\xff\xff")
