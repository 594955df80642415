"""Image files made byte by byte, as no library writes them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
from PIL import Image

SIZE = (64, 48)
"""Width and height."""


@cache
def make_picture(mode: str = "RGB") -> Image.Image:
    """Returns a drawing of the demonstration model, which names it, with noise, so that no format packs it to little."""
    width, height = SIZE
    drawn = np.asarray(draw_drawing().resize((width, height)), dtype=np.int64)
    noise = np.random.default_rng(1).integers(-9, 9, drawn.shape)
    return Image.fromarray((drawn + noise).clip(0, 255).astype(np.uint8)).convert(mode)


@cache
def draw_drawing() -> Image.Image:
    """Returns a drawing of the demonstration model: 64 x 64 pixels of Parus major."""
    from bioclip_x_field_guide.drawing import draw_species

    return draw_species("Parus major", 1, 64).image


@cache
def make_file(kind: str) -> bytes:
    """Returns a good file of a kind: one of `KINDS`."""
    format_, mode, options = KINDS[kind]
    stream = io.BytesIO()
    if format_ == "HEIF":
        import pillow_heif

        pillow_heif.from_pillow(make_picture(mode)).save(stream, format="HEIF")
    elif format_ == "JXL":
        from pillow_jxl import Encoder

        picture = make_picture(mode)
        return bytes(Encoder("RGB")(picture.tobytes(), *picture.size, False))
    else:
        make_picture(mode).save(stream, format_, **options)
    return stream.getvalue()


KINDS = {
    "jpg": ("JPEG", "RGB", {}),
    "progressive.jpg": ("JPEG", "RGB", {"progressive": True}),
    "cmyk.jpg": ("JPEG", "CMYK", {}),
    "png": ("PNG", "RGB", {}),
    "palette.png": ("PNG", "P", {}),
    "gif": ("GIF", "P", {}),
    "tif": ("TIFF", "RGB", {}),
    "deflate.tif": ("TIFF", "RGB", {"compression": "tiff_adobe_deflate"}),
    "lzw.tif": ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    "lossy.webp": ("WEBP", "RGB", {}),
    "webp": ("WEBP", "RGB", {"lossless": True}),
    "bmp": ("BMP", "RGB", {}),
    "ppm": ("PPM", "RGB", {}),
    "jp2": ("JPEG2000", "RGB", {}),
    "ico": ("ICO", "RGB", {"sizes": [(48, 48)]}),
    "tga": ("TGA", "RGB", {"compression": "tga_rle"}),
    "avif": ("AVIF", "RGB", {}),
    "heic": ("HEIF", "RGB", {}),
    "jxl": ("JXL", "RGB", {}),
}


def make_chunk(kind: bytes, data: bytes) -> bytes:
    """Returns a PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def make_png(
    width: int,
    height: int,
    *,
    depth: int = 8,
    colours: int = 2,
    interlaced: int = 0,
    before: Sequence[bytes] = (),
    pixels: bytes | None = None,
    after: Sequence[bytes] = (),
) -> bytes:
    """Returns a PNG. before, after: chunks before and behind the pixels. pixels: unpacked; None for zeros of a few rows."""
    head = make_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, interlaced))
    rows = b"\0" * min(1 << 20, (1 + 8 * min(width, 1 << 16)) * min(height, 64)) if pixels is None else pixels
    parts = (head, *before, make_chunk(b"IDAT", zlib.compress(rows)), *after, make_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def add_chunks(*chunks: bytes) -> bytes:
    """Returns the good PNG with further chunks before its pixels."""
    good = make_file("png")
    return good[:33] + b"".join(chunks) + good[33:]


def make_segment(marker: int, data: bytes) -> bytes:
    """Returns a JPEG segment."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def add_segments(*segments: bytes) -> bytes:
    """Returns the good JPEG with further segments at its beginning."""
    good = make_file("jpg")
    return good[:2] + b"".join(segments) + good[2:]


def resize_jpeg(data: bytes, width: int, height: int) -> bytes:
    """Returns a JPEG that declares another size."""
    for marker in (b"\xff\xc0", b"\xff\xc2"):
        if (start := data.find(marker)) > 0:
            return data[: start + 5] + struct.pack(">HH", height, width) + data[start + 9 :]
    raise AssertionError("no frame header")


def make_scans(side: int, n_scans: int) -> bytes:
    """Returns a grey progressive JPEG in which one pass over the coefficients, of some bytes, stands many times."""
    stream = io.BytesIO()
    Image.new("L", (side, side), 128).save(stream, "JPEG", progressive=True)
    data = stream.getvalue()
    starts = [i for i in range(len(data) - 1) if data[i : i + 2] == b"\xff\xda"]
    last = data[starts[-1] : data.rindex(b"\xff\xd9")]
    tables = data.rfind(b"\xff\xc4", 0, starts[-1])
    assert tables > 0
    return data[: starts[-1]] + last * n_scans + b"\xff\xd9"


Tag = tuple[int, int, int, bytes]
"""Number, type, count, and the four bytes of the value or its offset."""


def make_short(tag: int, value: int) -> Tag:
    return tag, 3, 1, struct.pack("<HH", value, 0)


def make_long(tag: int, value: int) -> Tag:
    return tag, 4, 1, struct.pack("<I", value)


def make_tiff(tags: Iterable[Tag], data: bytes = b"", following: int = 0) -> bytes:
    """Returns a TIFF with one directory at byte 8; data: behind it. following: where the next directory is."""
    entries = [struct.pack("<HHI", tag, type_, count) + value for tag, type_, count, value in sorted(tags)]
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + struct.pack("<I", following) + data


def make_grey_tiff(
    width: int, height: int, changed: Iterable[Tag] = (), data: bytes | None = None, following: int = 0
) -> bytes:
    """Returns a grey TIFF of one strip. changed: tags instead of, or beside, the right ones."""
    tags = [
        make_long(256, width),
        make_long(257, height),
        make_short(258, 8),
        make_short(259, 1),
        make_short(262, 1),
        make_long(273, 0),
        make_short(277, 1),
        make_long(278, height),
        make_long(279, width * height & 0xFFFFFFFF),
    ]
    chosen = {tag[0]: tag for tag in (*tags, *changed)}
    start = 8 + 2 + 12 * len(chosen) + 4
    if 273 not in {tag[0] for tag in changed}:
        chosen[273] = make_long(273, start)
    return make_tiff(chosen.values(), bytes(range(256)) * 12 if data is None else data, following)


def make_pages(number: int) -> bytes:
    """Returns a TIFF of many pages of one pixel."""
    tags = [
        make_short(256, 8),
        make_short(257, 8),
        make_short(258, 8),
        make_short(259, 1),
        make_short(262, 1),
        make_long(273, 8),
        make_short(277, 1),
        make_short(278, 8),
        make_long(279, 64),
    ]
    entries = b"".join(struct.pack("<HHI", tag, type_, count) + value for tag, type_, count, value in tags)
    directory = struct.pack("<H", len(tags)) + entries
    first = 8 + 64
    size = len(directory) + 4
    pages = (directory + struct.pack("<I", first + (i + 1) * size if i + 1 < number else 0) for i in range(number))
    return b"II*\0" + struct.pack("<I", first) + bytes(range(64)) + b"".join(pages)


def make_gif_frames(number: int) -> bytes:
    """Returns a GIF of many frames of the same few pixels."""
    stream = io.BytesIO()
    Image.new("P", (8, 8), 1).save(stream, "GIF")
    data = stream.getvalue()
    start = data.rindex(b",\0\0\0\0")
    return data[:start] + data[start:-1] * number + b";"


def make_exif(entries: Sequence[tuple[int, int, int, bytes]], tail: bytes = b"", following: int = 0) -> bytes:
    """Returns EXIF data as a TIFF of these entries; offsets count from its beginning."""
    return make_tiff(entries, tail, following)


def make_exif_jpeg(exif: bytes) -> bytes:
    """Returns the good JPEG with EXIF data."""
    return add_segments(make_segment(0xE1, b"Exif\0\0" + exif[:65000]))
