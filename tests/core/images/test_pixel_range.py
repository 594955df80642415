from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bioclip_x.errors import ImageError
from bioclip_x.images.decoding import decode_file
from bioclip_x.images.pixel_range import SampleFormat, find_range, read_significant_bits
from bioclip_x.records import OpenedImage

SIZE = 32
RAMP = np.linspace(10, 240, SIZE * SIZE).reshape(SIZE, SIZE)
"""A grey ramp, float64 [H, W], of 8-bit values."""
ASSUMED = ("12 of 16 bits assumed from the brightest pixel",)


def write_tiff(
    path: Path, samples: np.ndarray, photometric: int = 1, order: str = "<", sample_format: int = 1, **told: float
) -> Path:
    """Writes an uncompressed TIFF, [H, W] or [H, W, C]. told: MaxSampleValue, SMinSampleValue, … by their numbers (t281)."""
    data = samples.tobytes()
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    bits = samples.dtype.itemsize * 8
    short, long, number = 3, 4, 11
    tail = struct.pack(f"{order}{channels}H", *[bits] * channels)
    entries = [
        (256, long, 1, SIZE), (257, long, 1, SIZE), (258, short, channels, bits), (259, short, 1, 1),
        (262, short, 1, photometric), (273, long, 1, 8), (277, short, 1, channels), (278, long, 1, SIZE),
        (279, long, 1, len(data)), (339, short, 1, sample_format),
    ]  # fmt: skip
    entries += [(int(tag[1:]), number, 1, value) for tag, value in told.items()]
    start = 8 + len(data)
    after = start + 2 + 12 * len(entries) + 4
    directory = struct.pack(f"{order}H", len(entries))
    for tag, kind, count, value in sorted(entries):
        if tag == 258 and count > 2:
            field = struct.pack(f"{order}I", after)
        else:
            form = {short: "HH" if kind == short else "", long: "I", number: "f"}[kind]
            field = struct.pack(f"{order}{form}", value, *([0] if kind == short else []))
        directory += struct.pack(f"{order}HHI", tag, kind, count) + field
    mark = b"II" if order == "<" else b"MM"
    path.write_bytes(mark + struct.pack(f"{order}HI", 42, start) + data + directory + bytes(4) + tail)
    return path


def read(path: Path) -> OpenedImage:
    return decode_file(path, {}, "refuse")


def assert_ramp(opened: OpenedImage, within: float = 1.0) -> None:
    for channel in range(3):
        np.testing.assert_allclose(np.asarray(opened.image)[..., channel], RAMP, atol=within)


def test_sixteen_bits(tmp_path: Path) -> None:
    opened = read(write_tiff(tmp_path / "a.tif", (RAMP * 257).astype("<u2")))
    assert_ramp(opened)
    assert opened.notes == ()


def test_big_endian(tmp_path: Path) -> None:
    assert_ramp(read(write_tiff(tmp_path / "a.tif", (RAMP * 257).astype(">u2"), order=">")))


def test_white_is_zero(tmp_path: Path) -> None:
    opened = read(write_tiff(tmp_path / "a.tif", (65535 - RAMP * 257).astype("<u2"), photometric=0))
    assert_ramp(opened)
    assert opened.notes == ()


@pytest.mark.parametrize("tag", ["t281", "t341"])
def test_a_stated_maximum(tmp_path: Path, tag: str) -> None:
    opened = read(write_tiff(tmp_path / "a.tif", (RAMP * 4095 / 255).astype("<u2"), **{tag: 4095}))
    assert_ramp(opened)
    assert opened.notes == ()


def test_twelve_bits_in_sixteen_are_assumed_with_a_note(tmp_path: Path) -> None:
    opened = read(write_tiff(tmp_path / "a.tif", (RAMP * 4095 / 255).astype("<u2")))
    assert_ramp(opened)
    assert opened.notes == ASSUMED


def test_a_stated_maximum_that_is_exceeded_is_not_believed(tmp_path: Path) -> None:
    assert_ramp(read(write_tiff(tmp_path / "a.tif", (RAMP * 257).astype("<u2"), t281=255)))


def test_twelve_bits_in_sixteen_of_colours(tmp_path: Path) -> None:
    """Pillow keeps the high byte of each sample, of which twelve bits leave sixteen shades."""
    colours = np.repeat((RAMP * 4095 / 255).astype("<u2")[..., None], 3, 2)
    for order in ("<", ">"):
        opened = read(write_tiff(tmp_path / "a.tif", colours.astype(f"{order}u2"), photometric=2, order=order))
        assert_ramp(opened)
        assert opened.notes == ASSUMED
    told = read(write_tiff(tmp_path / "b.tif", colours, photometric=2, t341=4095))
    assert_ramp(told)
    assert told.notes == ()
    full = read(write_tiff(tmp_path / "c.tif", np.repeat((RAMP * 257).astype("<u2")[..., None], 3, 2), photometric=2))
    assert_ramp(full)
    assert full.notes == ()


def test_floating_point(tmp_path: Path) -> None:
    opened = read(write_tiff(tmp_path / "a.tif", (RAMP / 255).astype("<f4"), sample_format=3))
    assert_ramp(opened)
    assert opened.notes == ("range 0 to 1 of floating-point values assumed from the brightest pixel",)
    told = read(write_tiff(tmp_path / "b.tif", (RAMP / 255 * 8 - 4).astype("<f4"), sample_format=3, t340=-4, t341=4))
    assert_ramp(told)
    assert told.notes == ()
    inverted = read(write_tiff(tmp_path / "c.tif", (1 - RAMP / 255).astype("<f4"), photometric=0, sample_format=3))
    assert_ramp(inverted)


def test_signed_samples(tmp_path: Path) -> None:
    opened = read(write_tiff(tmp_path / "a.tif", (RAMP * 256 - 32768).astype("<i2"), sample_format=2))
    assert np.asarray(opened.image)[0, 0, 0] == 0 and np.asarray(opened.image)[-1, -1, 0] == 255
    assert "assumed from the pixels' own" in opened.notes[0]


def test_unsigned_32_bits_are_not_negative(tmp_path: Path) -> None:
    opened = read(write_tiff(tmp_path / "a.tif", (RAMP * 2**24).astype("<u4")))
    shades = np.asarray(opened.image)[..., 0].astype(int)
    assert (np.diff(shades.ravel()) >= 0).all() and shades[-1, -1] == 255
    assert "assumed" in opened.notes[0]


def test_samples_that_are_not_finite_are_an_error(tmp_path: Path) -> None:
    broken = (RAMP / 255).astype("<f4")
    broken[0, 0] = np.nan
    with pytest.raises(ImageError, match="not finite"):
        read(write_tiff(tmp_path / "a.tif", broken, sample_format=3))


def write_png16(samples: np.ndarray, significant_bits: int | None) -> bytes:
    """A PNG of 16 bits per channel, [H, W, C] with C of 1 or 3."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    channels = samples.shape[2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 16, {1: 0, 3: 2}[channels], 0, 0, 0)
    stated = chunk(b"sBIT", bytes([significant_bits] * channels)) if significant_bits else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + stated
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", [12, None])
def test_significant_bits_of_a_png(tmp_path: Path, channels: int, bits: int | None) -> None:
    data = write_png16(np.repeat((RAMP * 4095 / 255)[..., None], channels, 2), bits)
    assert read_significant_bits(io.BytesIO(data)) == bits
    (tmp_path / "a.png").write_bytes(data)
    opened = read(tmp_path / "a.png")
    assert_ramp(opened)
    assert opened.notes == (() if bits else ASSUMED)


def test_images_in_memory_are_scaled_as_files_are(tmp_path: Path) -> None:
    from bioclip_x.images.decoding import to_rgb

    opened = to_rgb(Image.fromarray((RAMP * 4095 / 255).astype(np.uint16)))
    assert_ramp(opened)
    assert opened.notes == ASSUMED


@pytest.mark.parametrize(
    ("lowest", "highest", "given", "white", "is_noted"),
    [
        (0, 65535, SampleFormat(16), 65535, False),
        (0, 20000, SampleFormat(16), 65535, False),
        (0, 900, SampleFormat(16), 1023, True),
        (0, 200, SampleFormat(16), 255, True),
        (0, 0, SampleFormat(16), 255, False),
        (0, 900, SampleFormat(12), 4095, False),
        (0, 20000, SampleFormat(16, "signed"), 32767, True),
        (0, 1e6, SampleFormat(32), 1e6, True),
        (0, 200, SampleFormat(32, "float"), 255, True),
        (7000, 7900, SampleFormat(16, minimum=7000, maximum=8000), 8000, False),
    ],
)
def test_ranges(lowest: float, highest: float, given: SampleFormat, white: float, is_noted: bool) -> None:
    found = find_range(lowest, highest, given)
    assert (found.white, bool(found.note)) == (white, is_noted)
