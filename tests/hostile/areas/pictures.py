"""Image files that are cut, changed, too large, packed without end, or of another kind than their names say."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from hostile.case import OK, SOME_FAILED, Case
from hostile.image_bytes import (
    KINDS,
    Tag,
    add_chunks,
    add_segments,
    make_chunk,
    make_exif_jpeg,
    make_file,
    make_gif_frames,
    make_grey_tiff,
    make_long,
    make_pages,
    make_picture,
    make_png,
    make_scans,
    make_segment,
    make_short,
    make_tiff,
    resize_jpeg,
)
from hostile.runs import check_others, classify_among

_EITHER = (0, 1)
Make = Callable[[], bytes]


_JOINED = 6
"""Cases of changed bytes, whose images may be read or not, that are one run: each run takes a fraction of a second."""


def cases() -> Iterator[Case]:
    for maker in (_cut, _flipped, _sized, _packed, _framed, _tagged, _with_exif, _of_samples, _misnamed, _of_videos):
        of_maker = list(maker())
        joined = [case for case in of_maker if case.statuses == _EITHER]
        yield from (case for case in of_maker if case.statuses != _EITHER)
        for start in range(0, len(joined), _JOINED):
            yield _join(joined[start : start + _JOINED])


def _join(several: list[Case]) -> Case:
    """Returns a case of the files of several."""
    files: dict[str, Make] = {}
    for number, case in enumerate(several):
        files |= {f"{number}-{name}": make for name, make in case.make.args[0].items()}  # type: ignore[attr-defined]
    name = several[0].name + (f"-and-{len(several) - 1}-others" if len(several) > 1 else "")
    return _either(name, files, seconds=max(case.seconds for case in several))


def _failed(name: str, file: str, make: Make, says: str = "", **more: float) -> Case:
    """A case of one bad file, which is a row with a reason."""
    run = partial(_run, {file: make})
    return Case(name, run, SOME_FAILED, says, check_others(1, 1), **more)  # type: ignore[arg-type]


def _all_failed(name: str, files: dict[str, Make], **more: float) -> Case:
    """A case of bad files, each a row with a reason."""
    check = check_others(len(files), len(files))
    return Case(name, partial(_run, files), SOME_FAILED, check=check, **more)  # type: ignore[arg-type]


def _all_read(name: str, files: dict[str, Make], **more: float) -> Case:
    """A case of odd files that are read."""
    return Case(name, partial(_run, files), OK, check=check_others(0, len(files)), **more)  # type: ignore[arg-type]


def _read(name: str, file: str, make: Make, says: str = "", **more: float) -> Case:
    """A case of an odd file that is read."""
    return Case(name, partial(_run, {file: make}), OK, says, check_others(0, 1), **more)  # type: ignore[arg-type]


def _either(name: str, files: dict[str, Make], **more: float) -> Case:
    """A case of changed bytes, whose image may be read, or not."""
    check = check_others(None, len(files))
    return Case(name, partial(_run, files), _EITHER, check=check, **more)  # type: ignore[arg-type]


def _run(files: dict[str, Make], folder: Path) -> list[str]:
    for name, make in files.items():
        (folder / name).write_bytes(make())
    return classify_among(folder, *files)


def _name(kind: str) -> str:
    return kind.replace(".", "-")


def _cut() -> Iterator[Case]:
    for kind in KINDS:
        shares = (0.005, 0.02, 0.1, 0.4)
        cut: dict[str, Make] = {
            f"{share}.{kind}": partial(_take, kind, max(1, round(share * len(make_file(kind))))) for share in shares
        }
        yield _all_failed(f"cut-{_name(kind)}", cut)
    for kind in ("jpg", "progressive.jpg", "png", "tif", "bmp", "ppm"):
        ends = {f"{count}.{kind}": partial(_take, kind, -count) for count in (1, 2, 9, 60)}
        yield _either(f"ends-of-{_name(kind)}", ends)
    yield _all_failed("first-bytes-of-jpg", {f"{count}.jpg": partial(_take, "jpg", count) for count in (1, 2, 3, 4, 8)})
    yield _failed("empty", "a.jpg", bytes, "the file is empty")
    yield _failed("zeros", "a.jpg", lambda: bytes(5000), "not an image")
    yield _failed("jpg-of-zeros-behind-its-head", "a.jpg", lambda: make_file("jpg")[:300] + bytes(5000))


def _take(kind: str, size: int) -> bytes:
    return make_file(kind)[:size]


def _flipped() -> Iterator[Case]:
    for kind in KINDS:
        files: dict[str, Make] = {
            f"{part}-{seed}.{kind}": partial(_flip, kind, part, seed) for part in ("head", "body") for seed in range(6)
        }
        yield _either(f"flipped-{_name(kind)}", files)


def _flip(kind: str, part: str, seed: int) -> bytes:
    data = bytearray(make_file(kind))
    chosen = random.Random(f"{kind} {part} {seed}")
    first, last = (4, min(120, len(data))) if part == "head" else (120, len(data))
    for _ in range(1 + seed):
        data[chosen.randrange(first, last) if first < last else 5] ^= 1 << chosen.randrange(8)
    return bytes(data)


def _sized() -> Iterator[Case]:
    huge = {"0x5": (0, 5), "5x0": (5, 0), "max": (2**31 - 1, 2**31 - 1), "40000": (40_000, 40_000)}
    for kind, resize in _RESIZED.items():
        files: dict[str, Make] = {
            f"{name}.{kind}": partial(resize, *size) for name, size in huge.items() if kind != "gif" or 0 not in size
        }
        yield _all_failed(f"sizes-of-{kind}", files)
    yield _all_read(
        "gif-of-no-size-but-a-frame", {f"{w}x{h}.gif": partial(_RESIZED["gif"], w, h) for w, h in ((0, 5), (5, 0))}
    )
    yield _failed("webp-of-16384", "a.webp", _make_wide_webp)
    yield _failed("bmp-of-negative-height", "a.bmp", lambda: _resize_bmp(64, -(2**31)))
    for name, size in (("5000x10", (5000, 10)), ("1x400", (1, 400)), ("1x1-is-read", (1, 1))):
        picture = partial(_save, Image.new("RGB", size, "green"), "PNG")
        yield (
            _read(f"aspect-{name}", "a.png", picture)
            if size == (1, 1)
            else _failed(f"aspect-{name}", "a.png", picture, "too narrow")
        )
    yield _failed("ppm-of-digits", "a.ppm", lambda: b"P6 " + b"9" * 5000 + b" 5 255\n")
    yield _failed("ppm-maximum-0", "a.ppm", lambda: b"P6 8 8 0\n" + bytes(192))
    yield _failed("ppm-of-comments", "a.ppm", lambda: b"P6\n" + b"#\n" * 200_000 + b"8 8 255\n" + bytes(192))
    yield _failed("pfm-scale-nan", "a.pfm", lambda: b"Pf\n8 8\nnan\n" + bytes(256))
    # 400 million pixels that a megabyte packs
    yield _failed("png-that-packs-a-gigabyte", "a.png", partial(make_png, 30_000, 30_000), "too large")


def _save(image: Image.Image, format_: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format_, **options)
    return stream.getvalue()


def _resize_bmp(width: int, height: int) -> bytes:
    data = make_file("bmp")
    return data[:18] + struct.pack("<ii", width, height) + data[26:]


def _resize_jp2(width: int, height: int) -> bytes:
    data = make_file("jp2")
    start = data.index(b"ihdr") + 4
    data = data[:start] + struct.pack(">II", height, width) + data[start + 8 :]
    start = data.index(b"\xff\x51") + 6
    return data[:start] + struct.pack(">II", width, height) + data[start + 8 :]


def _make_wide_webp() -> bytes:
    side = (16_383).to_bytes(3, "little")
    head = b"VP8X" + struct.pack("<I", 10) + bytes(4) + side + side
    body = b"WEBP" + head + make_file("webp")[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _resize_small(kind: str, start: int, order: str, width: int, height: int) -> bytes:
    """Returns a file with other 16-bit sizes."""
    data = make_file(kind)
    return data[:start] + struct.pack(order + "HH", min(width, 65535), min(height, 65535)) + data[start + 4 :]


_RESIZED: dict[str, Callable[[int, int], bytes]] = {
    "png": make_png,
    "jpg": lambda width, height: resize_jpeg(make_file("jpg"), min(width, 65535), min(height, 65535)),
    "gif": partial(_resize_small, "gif", 6, "<"),
    "tif": make_grey_tiff,
    "ppm": lambda width, height: f"P6 {width} {height} 255\n".encode() + bytes(300),
    "bmp": _resize_bmp,
    "tga": partial(_resize_small, "tga", 12, "<"),
    "jp2": _resize_jp2,
}


def _packed() -> Iterator[Case]:
    """Bombs: little data that unpacks to much, or takes long."""
    for side, n_scans in ((2000, 1500), (8000, 400), (200, 20_000)):
        yield _failed(
            f"jpg-of-{n_scans}-scans-of-{side}", "a.jpg", partial(make_scans, side, n_scans), "scans", seconds=5
        )
    yield _read("jpg-of-40-scans", "a.jpg", partial(make_scans, 200, 40), seconds=5)
    bomb = zlib.compress(bytes(300 << 20), 1)
    for kind, head in ((b"zTXt", b"a\0\0"), (b"iTXt", b"a\0\1\0\0\0"), (b"iCCP", b"a\0\0")):
        for number in (1, 20):
            chunks = [make_chunk(kind, head + bomb)] * number
            name = f"{kind.decode()}-{number}-of-300-mb"
            yield Case(
                name,
                partial(_run, {"a.png": partial(add_chunks, *chunks)}),
                _EITHER,
                check=check_others(None, 1),
                seconds=10,
            )
    texts = [make_chunk(b"tEXt", b"a%d\0" % i + b"x" * 50) for i in range(30_000)]
    yield _either("png-of-30000-texts", {"a.png": partial(add_chunks, *texts)}, seconds=10)
    yield _either(
        "png-of-10000-colour-profiles", {"a.png": partial(add_chunks, *[make_chunk(b"iCCP", b"a\0\0x")] * 10_000)}
    )
    xmp = b"<x:xmpmeta>" + b"<a>" * 20_000
    namespace = b"http://ns.adobe.com/xap/1.0/\0"
    entities = b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">' + b"".join(
        b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(12)
    )
    for name, data in (
        ("deep", xmp),
        ("entities", entities + b"]><x:xmpmeta>&m;</x:xmpmeta>"),
        ("orientation-99", b'<x:xmpmeta tiff:Orientation="99"/>'),
        ("orientation-unended", b'tiff:Orientation="' * 3000),
        ("zeros", bytes(60_000)),
    ):
        files = {
            "a.jpg": partial(add_segments, make_segment(0xE1, namespace + data[:65_000])),
            "a.png": partial(add_chunks, make_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + data)),
        }
        yield _all_read(f"xmp-{name}", files, seconds=5)
    icc = b"ICC_PROFILE\0"
    for name, data in (("junk", bytes(range(256)) * 9), ("empty", b""), ("huge-size", b"\xff" * 200)):
        files = {
            "a.jpg": partial(add_segments, make_segment(0xE2, icc + b"\1\1" + data)),
            "a.png": partial(add_chunks, make_chunk(b"iCCP", b"a\0\0" + zlib.compress(data))),
        }
        yield _all_read(f"icc-{name}", files)
    yield _either(
        "jpg-of-50000-segments", {"a.jpg": lambda: add_segments(make_segment(0xFE, b"x") * 50_000)}, seconds=10
    )
    yield _either(
        "jpg-of-icc-255-parts",
        {"a.jpg": lambda: add_segments(*(make_segment(0xE2, icc + bytes((i, 255)) + bytes(9)) for i in range(1, 255)))},
    )
    yield _read(
        "jpg-padded-with-ff",
        "a.jpg",
        lambda: make_file("jpg")[:2] + b"\xff" * 300_000 + make_file("jpg")[2:],
        seconds=5,
    )
    strips = make_grey_tiff(4000, 4000, [make_short(259, 8)], zlib.compress(bytes(16_000_000)))
    yield _either("tif-packed-a-thousandfold", {"a.tif": lambda: strips})


def _framed() -> Iterator[Case]:
    """Files of very many frames, of which the first is read."""
    for number in (3, 100_000):
        yield _read(f"gif-of-{number}-frames", "a.gif", partial(make_gif_frames, number), "first of", seconds=4)
        yield _read(f"tif-of-{number}-pages", "a.tif", partial(make_pages, number), "first of", seconds=4)
    for number in (0, 1, 100_000, 2**32 - 1):
        yield _either(
            f"apng-that-declares-{number}",
            {"a.png": lambda n=number: add_chunks(make_chunk(b"acTL", struct.pack(">II", n, 0)))},
            seconds=4,
        )
    control = make_chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 64, 48, 0, 0, 1, 1, 0, 0))
    yield _either(
        "apng-of-many-controls",
        {"a.png": lambda: add_chunks(make_chunk(b"acTL", struct.pack(">II", 9, 0)), control * 5000)},
        seconds=4,
    )
    frames = [Image.new("RGB", (8, 8), (i % 256, 0, 0)) for i in range(300)]
    yield _read(
        "webp-of-300-frames",
        "a.webp",
        lambda: _save(frames[0], "WEBP", save_all=True, append_images=frames[1:]),
        "first of",
        seconds=6,
    )
    yield _either(
        "tif-whose-directory-follows-itself", {"a.tif": partial(make_grey_tiff, 8, 8, following=8)}, seconds=4
    )
    yield _either("tif-whose-directory-is-beyond", {"a.tif": partial(make_grey_tiff, 8, 8, following=2**32 - 1)})
    yield _either("tif-whose-next-directory-is-pixels", {"a.tif": partial(make_grey_tiff, 8, 8, following=150)})
    yield _failed("tif-of-no-directory", "a.tif", lambda: b"II*\0" + struct.pack("<I", 0) + bytes(99))
    yield _failed("tif-of-an-empty-directory", "a.tif", partial(make_tiff, []))
    yield _failed("tif-of-65535-entries", "a.tif", lambda: b"II*\0" + struct.pack("<IH", 8, 65535) + bytes(900))
    yield _failed(
        "bigtif-of-2-63-entries",
        "a.tif",
        lambda: b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, 2**63 - 1) + bytes(99),
        seconds=5,
    )
    yield _failed("ico-of-64-of-nothing", "a.ico", lambda: b"\0\0\1\0\x40\0" + bytes(64 * 16))
    mpo = make_segment(0xE2, b"MPF\0II*\0" + struct.pack("<IH", 8, 65535) + b"\xff" * 500)
    yield _either("mpo-of-damaged-index", {"a.jpg": partial(add_segments, mpo)})
    many = make_segment(
        0xE2,
        b"MPF\0"
        + make_tiff(
            [(0xB000, 7, 4, b"0100"), make_long(0xB001, 2**31), (0xB002, 7, 64, struct.pack("<I", 50))], bytes(64)
        ),
    )
    yield _either("mpo-of-2-31-images", {"a.jpg": partial(add_segments, many)}, seconds=5)


def _tagged() -> Iterator[Case]:
    """TIFF with tags that no writer writes."""
    changed: dict[str, Tag] = {}
    for name, tag, value in (
        ("bits-0", 258, 0),
        ("bits-3", 258, 3),
        ("bits-65535", 258, 65535),
        ("compression-0", 259, 0),
        ("compression-34712", 259, 34712),
        ("compression-jpeg", 259, 7),
        ("compression-ojpeg", 259, 6),
        ("compression-fax", 259, 4),
        ("photometric-65535", 262, 65535),
        ("photometric-palette", 262, 3),
        ("samples-0", 277, 0),
        ("samples-65535", 277, 65535),
        ("planar-99", 284, 99),
        ("sample-format-99", 339, 99),
        ("predictor-99", 317, 99),
        ("orientation-0", 274, 0),
        ("rows-per-strip-0", 278, 0),
        ("fill-order-9", 266, 9),
        ("extra-samples", 338, 7),
        ("subfile-65535", 254, 65535),
    ):
        changed[name] = make_short(tag, value)
    for name, tag, value in (
        ("strip-at-the-end", 273, 2**32 - 1),
        ("strip-of-2-32", 279, 2**32 - 1),
        ("strip-of-0", 279, 0),
        ("rows-per-strip-2-32", 278, 2**32 - 1),
        ("dng-version", 50706, 1),
        ("subdirectories-at-0", 330, 0),
        ("exif-at-itself", 34665, 8),
        ("exif-beyond", 34665, 2**32 - 2),
        ("gps-at-itself", 34853, 8),
    ):
        changed[name] = make_long(tag, value)
    for name, entry in (
        ("ascii-of-2-32", (270, 2, 2**32 - 1, struct.pack("<I", 8))),
        ("doubles-of-2-29", (340, 12, 2**29, struct.pack("<I", 8))),
        ("type-99", (270, 99, 5, bytes(4))),
        ("rational-by-0", (282, 5, 1, struct.pack("<I", 0))),
        ("bits-of-65535-values", (258, 3, 65535, struct.pack("<I", 8))),
        ("strips-of-2-30", (273, 4, 2**30, struct.pack("<I", 8))),
        ("size-as-ascii", (256, 2, 4, b"64\0\0")),
        ("size-as-float-nan", (256, 11, 1, struct.pack("<f", float("nan")))),
        ("size-negative", (256, 9, 1, struct.pack("<i", -64))),
        ("icc-of-2-32", (34675, 7, 2**32 - 1, struct.pack("<I", 8))),
        ("xmp-of-2-32", (700, 1, 2**32 - 1, struct.pack("<I", 8))),
    ):
        changed[name] = entry
    names = list(changed)
    for start in range(0, len(names), 4):
        files: dict[str, Make] = {
            f"{name}.tif": partial(make_grey_tiff, 48, 64, [changed[name]]) for name in names[start : start + 4]
        }
        yield _either(f"tif-{names[start]}-and-others", files, seconds=5)
    for width, height in ((0, 0), (16, 0), (2**31, 2**31), (1, 1), (15, 17)):
        tiles = [make_long(322, width), make_long(323, height), make_long(324, 8), make_long(325, 256)]
        yield _either(f"tif-of-tiles-{width}x{height}", {"a.tif": partial(make_grey_tiff, 48, 64, tiles)}, seconds=5)


def _with_exif() -> Iterator[Case]:
    """A photo is read, whatever its EXIF data says."""
    photo = 34665

    def point_to(entries: list[tuple[int, int, int, bytes]], tail: bytes = b"", pointer: int = photo) -> bytes:
        first = make_tiff([make_long(pointer, 8 + 2 + 12 + 4)])
        return (
            first
            + struct.pack("<H", len(entries))
            + b"".join(struct.pack("<HHI", *e[:3]) + e[3] for e in entries)
            + bytes(4)
            + tail
        )

    def date(text: bytes) -> bytes:
        return point_to([(36867, 2, 20, struct.pack("<I", 26 + 2 + 12 + 4))], text.ljust(20, b"\0")[:20])

    def place(parts: list[tuple[int, int]], reference: bytes = b"N\0\0\0") -> bytes:
        tail = b"".join(struct.pack("<II", *part) for part in parts)
        offset = 26 + 2 + 4 * 12 + 4
        entries = [
            (1, 2, 2, reference),
            (2, 5, len(parts), struct.pack("<I", offset)),
            (3, 2, 2, b"E\0\0\0"),
            (4, 5, len(parts), struct.pack("<I", offset)),
        ]
        return point_to(entries, tail, 34853)

    for name, exif in (
        ("empty", b""),
        ("one-byte", b"I"),
        ("junk", bytes(range(256))),
        ("beyond", b"II*\0" + struct.pack("<I", 2**32 - 1)),
        ("65535-entries", b"II*\0" + struct.pack("<IH", 8, 65535) + bytes(500)),
        ("photo-is-itself", make_tiff([make_long(photo, 8)])),
        ("gps-is-itself", make_tiff([make_long(34853, 8)])),
        ("photo-beyond", make_tiff([make_long(photo, 2**32 - 1)])),
        ("photo-as-ascii", make_tiff([(photo, 2, 4, b"abc\0")])),
        ("next-is-itself", make_tiff([make_short(274, 1)], following=8)),
        ("orientation-0", make_tiff([make_short(274, 0)])),
        ("orientation-99", make_tiff([make_short(274, 99)])),
        ("orientation-of-many", make_tiff([(274, 3, 2**31, struct.pack("<I", 8))])),
        ("orientation-rational", make_tiff([(274, 5, 1, struct.pack("<I", 0))])),
        ("orientation-nan", make_tiff([(274, 11, 1, struct.pack("<f", float("nan")))])),
        ("make-of-2-32", make_tiff([(271, 2, 2**32 - 1, struct.pack("<I", 8))])),
        ("make-of-controls", make_tiff([(271, 2, 4, b"\x1b[2J")])),
        ("make-not-utf8", make_tiff([(271, 2, 4, b"\xff\xfe\x80\x81")])),
        ("month-13", date(b"2020:13:45 00:00:00")),
        ("year-0", date(b"0000:00:00 00:00:00")),
        ("hour-99", date(b"2020:01:01 99:99:99")),
        ("date-of-nul", date(b"\0" * 19)),
        ("date-of-digits-not-ascii", date("²020:01:01 00:00:00".encode("latin-1"))),
        ("place-by-0", place([(1, 0), (0, 0), (5, 0)])),
        ("place-of-999", place([(999, 1), (999, 1), (999, 1)])),
        ("place-of-two-numbers", place([(5, 1), (5, 1)])),
        ("place-of-100", place([(1, 1)] * 100)),
        ("place-reference-x", place([(5, 1), (5, 1), (5, 1)], b"X\0\0\0")),
        ("place-reference-none", place([(5, 1), (5, 1), (5, 1)], b"\0\0\0\0")),
    ):
        files = {"a.jpg": partial(make_exif_jpeg, exif), "a.png": partial(add_chunks, make_chunk(b"eXIf", exif))}
        yield Case(f"exif-{name}", partial(_run, files), OK, check=_check_no_place, seconds=5)


def _check_no_place(outcome: object) -> str:
    """A photo whose EXIF data are damaged is read, with the shares of the same photo without them."""
    from hostile.runs import read_rows

    problem = check_others(0, 2)(outcome)  # type: ignore[arg-type]
    rows = [row for row in read_rows(outcome) if row["source"].startswith("a.")]  # type: ignore[arg-type]
    told = [row["metadata"] for row in rows if row.get("metadata") and {"date", "latitude"} & set(row["metadata"])]
    return problem or (f"it has a place or date: {told}" if told else "")


def _of_samples() -> Iterator[Case]:
    """Pixels that are no numbers, and palettes that are too short."""
    floats = np.linspace(0, 1, 48 * 64, dtype=np.float32).reshape(48, 64)
    for name, value in (("nan", np.nan), ("inf", np.inf), ("minus-inf", -np.inf)):
        some, every = floats.copy(), np.full_like(floats, value)
        some[5:9, 5:9] = value
        yield _either(f"tif-of-some-{name}", {"a.tif": partial(_save, Image.fromarray(some), "TIFF")})
        yield _failed(f"tif-of-all-{name}", "a.tif", partial(_save, Image.fromarray(every), "TIFF"))
        yield _either(f"pfm-of-some-{name}", {"a.pfm": lambda p=some: b"Pf\n64 48\n-1.0\n" + p.tobytes()})
    for name, scale in (("1e38", 3e38), ("1e-40", 1e-40), ("negative", -1.0), ("zeros", 0.0)):
        yield _either(f"tif-of-{name}", {"a.tif": partial(_save, Image.fromarray(floats * np.float32(scale)), "TIFF")})
    for name, value in (("least", -(2**31)), ("most", 2**31 - 1)):
        whole = np.full((48, 64), value, np.int32)
        whole[0] = 0
        yield _either(f"tif-of-32-bits-{name}", {"a.tif": partial(_save, Image.fromarray(whole), "TIFF")})
    for range_ in ((5, 5), (9, 1), (0, 0)):
        changed = [make_short(280, range_[0]), make_short(281, range_[1])]
        yield _either(
            f"tif-of-range-{range_[0]}-{range_[1]}",
            {"a.tif": partial(make_grey_tiff, 48, 64, [*changed, make_short(258, 16)], bytes(6144))},
        )
    for depth, colours in ((3, 2), (16, 3), (0, 0), (8, 1), (8, 7), (255, 2)):
        yield _failed(
            f"png-depth-{depth}-colours-{colours}", "a.png", partial(make_png, 64, 48, depth=depth, colours=colours)
        )
    rows = b"".join(b"\0" + bytes(range(200, 264 - 8)) + bytes(8) for _ in range(48))
    for size in (0, 1, 2, 3, 30):
        yield _either(
            f"png-palette-of-{size}-bytes",
            {
                "a.png": partial(
                    make_png, 64, 48, colours=3, before=[make_chunk(b"PLTE", bytes(range(size)))], pixels=rows
                )
            },
        )
    yield _either("png-without-palette", {"a.png": partial(make_png, 64, 48, colours=3, pixels=rows)})
    yield _either(
        "png-transparency-of-300",
        {
            "a.png": partial(
                make_png,
                64,
                48,
                colours=3,
                before=[make_chunk(b"PLTE", bytes(30)), make_chunk(b"tRNS", bytes(300))],
                pixels=rows,
            )
        },
    )
    yield _either("png-transparency-of-1-of-rgb", {"a.png": partial(add_chunks, make_chunk(b"tRNS", b"\1"))})
    yield _either("png-interlaced-and-short", {"a.png": partial(make_png, 64, 48, interlaced=1, pixels=bytes(50))})
    yield _failed("png-filter-99", "a.png", partial(make_png, 64, 48, pixels=b"\x63" * (193 * 48)))
    yield _failed("png-of-damaged-check-sums", "a.png", lambda: make_file("png").replace(b"IHDR", b"IHDX", 1))
    yield _either(
        "png-srgb-and-gamma-0",
        {"a.png": partial(add_chunks, make_chunk(b"gAMA", bytes(4)), make_chunk(b"sRGB", b"\xff"))},
    )
    yield _read("cmyk-tif", "a.tif", partial(_save, make_picture("CMYK"), "TIFF"))
    yield _read("lab-tif", "a.tif", lambda: _save(make_picture("LAB"), "TIFF"))
    yield _read(
        "ycbcr-jpg-of-adobe-marker", "a.jpg", lambda: add_segments(make_segment(0xEE, b"Adobe\0\x64\0\0\0\0\2"))
    )
    for kind, data in (
        ("of-no-components", b"\x08\0\x30\0\x40\0"),
        ("of-9-components", b"\x08\0\x30\0\x40\x09" + bytes(27)),
        ("of-12-bits", b"\x0c\0\x30\0\x40\1\1\x11\0"),
    ):
        yield _failed(f"jpg-{kind}", "a.jpg", lambda d=data: b"\xff\xd8" + make_segment(0xC0, d) + make_file("jpg")[2:])
    yield _failed(
        "jpg-of-no-tables",
        "a.jpg",
        lambda: (
            b"\xff\xd8"
            + make_segment(0xC0, b"\x08\0\x30\0\x40\1\1\x11\0")
            + make_segment(0xDA, b"\1\1\0\0\x3f\0")
            + bytes(99)
            + b"\xff\xd9"
        ),
    )


def _misnamed() -> Iterator[Case]:
    web_page = b"<!DOCTYPE html><html><script>alert(1)</script></html>"
    for name, data, says in (
        ("html", web_page, "a web page"),
        ("text", b"only words, many of them\n" * 9, "not an image"),
        ("pdf", b"%PDF-1.7\n" + bytes(99), "a PDF"),
        ("zip", b"PK\3\4" + bytes(99), "a ZIP archive"),
        ("lfs", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("svg", b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>', "an SVG drawing"),
        ("eps", b"%!PS-Adobe-3.0\n(/etc/passwd) run", "PostScript"),
        ("gzip", b"\x1f\x8b\x08" + bytes(99), "not an image"),
        ("elf", b"\x7fELF" + bytes(99), "not an image"),
        ("pickle", b"\x80\x04cos\nsystem\n(S'touch hacked'\ntR.", "not an image"),
        ("one-byte", b"x", "not an image"),
        ("psd", b"8BPS\0\1" + bytes(99), "Photoshop"),
        ("html-after-many-comments", b"<!--" + b"-" * 100_000, "not an image"),
        ("svg-of-open-comments", b"<!--a" * 20_000, "not an image"),
        ("svg-of-blanks", b"<?xml?>" + b" " * 100_000, "not an image"),
        ("ppm-of-blanks", b"P6" + b"#\n" * 2000, "not an image"),
    ):
        yield _failed(f"misnamed-{name}", "a.jpg", lambda d=data: d, says, seconds=5)
    kinds = ("png", "gif", "tif", "webp", "bmp", "ppm", "jp2", "avif", "heic", "jxl")
    yield _all_read("all-kinds-named-jpg", {f"{kind}.jpg": partial(make_file, kind) for kind in kinds})
    suffixes = ("png", "dng", "mp4", "psd", "txt", "avif", "heic", "jxl", "tga")
    yield _all_read("jpg-named-otherwise", {f"a.{suffix}": partial(make_file, "jpg") for suffix in suffixes})
    yield _failed("tif-named-dng", "a.dng", partial(make_grey_tiff, 48, 64))
    raw = ("arw", "cr2", "nef", "raf", "cr3", "x3f")
    yield _all_failed("junk-named-as-raw", {f"a.{suffix}": lambda: b"II*\0" + bytes(range(256)) * 8 for suffix in raw})
    yield _read("jpg-and-zip", "a.jpg", lambda: make_file("jpg") + b"PK\3\4" + bytes(999))
    yield _read("jpg-and-script", "a.jpg", lambda: add_segments(make_segment(0xFE, b"<script>alert(1)</script>")))
    yield _read("gif-and-script", "a.gif", lambda: make_file("gif") + b"=1;alert(1)")
    yield _read("png-and-web-page", "a.png", lambda: make_file("png") + web_page)
    yield _read("jpg-and-a-megabyte", "a.jpg", lambda: make_file("jpg") + b"\xff\xda" * 500_000)


def _of_videos() -> Iterator[Case]:
    heads = {
        "mp4": b"\0\0\0\x18ftypisom\0\0\0\0isommp42",
        "avi": b"RIFF\xff\xff\xff\xffAVI LIST",
        "mkv": b"\x1a\x45\xdf\xa3" + b"\xff" * 40,
        "flv": b"FLV\1\5\0\0\0\x09",
        "wmv": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(40),
        "ts": (b"\x47" + b"\xff" * 187) * 4,
    }
    for kind, head in heads.items():
        files: dict[str, Make] = {f"a.{kind}": lambda h=head: h + bytes(range(256)) * 20}
        yield Case(
            f"damaged-{kind}", partial(_run_frames, files, "1/s"), SOME_FAILED, "video", check_others(1, 1), seconds=8
        )
    playlist = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"
    yield Case(
        "playlist-named-mp4",
        partial(_run_frames, {"a.mp4": lambda: playlist}, "1/s"),
        SOME_FAILED,
        check=check_others(1, 1),
    )
    for text in ("0", "-1", "1/0s", "0/s", "1e400/s", "nan/s", "²", "9" * 400, "1/1e-300s", ""):
        name = text.encode().hex()[:20] or "none"
        yield Case(f"frames-{name}", partial(_run_frames, {}, text), says="frames")


def _run_frames(files: dict[str, Make], frames: str, folder: Path) -> list[str]:
    return [*_run(files, folder), "--frames", frames]
