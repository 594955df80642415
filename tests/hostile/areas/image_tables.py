"""Tables of images, and of what is known of them, that are broken or lie."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hostile.case import OK, REFUSED, Case, Outcome
from hostile.image_bytes import draw_drawing
from hostile.runs import check_others, classify_among, read_rows


def cases() -> Iterator[Case]:
    for maker in (_of_metadata_files, _of_cells, _of_parquet, _of_events):
        yield from maker()


def _run(data: bytes, name: str, options: tuple[str, ...], folder: Path) -> list[str]:
    (folder / name).write_bytes(data)
    draw_drawing().save(folder / "a.png")
    return [*classify_among(folder, "a.png"), *(options or ("--metadata", name))]


def _of_metadata_files() -> Iterator[Case]:
    """`--metadata` with files that are no such tables: refused, with the file's name."""
    for name, data in (
        ("empty", b""),
        ("nul", bytes(500)),
        ("no-name", b"date\n2020-01-01\n"),
        ("latin-1", b"path,date\n\xff\xfe.png,2020\n"),
        ("open-quote", b'path,date\n"a.png,2020\n'),
        ("long-line", b"path,date\n" + b"x" * 2_000_000),
        ("utf-16-cut", b"\xff\xfep\0a"),
        ("zip", b"PK\3\4" + bytes(99)),
        ("gzip-cut", b"\x1f\x8b\x08\0"),
        ("newlines", b"\n" * 5000),
        ("long-header", b"x," * 700_000 + b"\n"),
        ("zeros-behind", b"path,date\na.png,2020-01-01\n" + bytes(5000)),
    ):
        yield Case(f"metadata-{name}", partial(_run, data, "m.csv", ()), REFUSED, r"m\.csv", seconds=6)
    for name, path in (
        ("missing", "gone.csv"),
        ("folder", "."),
        ("zero", "/dev/zero"),
        ("long-name", "x" * 300),
        ("tilde", "~nobody/m.csv"),
    ):
        yield Case(
            f"metadata-{name}", partial(_run, b"", "m.csv", ("--metadata", path)), REFUSED, "metadata", seconds=8
        )
    fifo = partial(_run_fifo, b"path,date\na.png,2020-05-06\n")
    yield Case("metadata-of-a-pipe", fifo, OK, check=partial(_check_metadata, {"date": "2020-05-06"}))


def _run_fifo(data: bytes, folder: Path) -> list[str]:
    import threading

    os.mkfifo(folder / "m.csv")

    def feed() -> None:
        with (folder / "m.csv").open("wb") as stream:
            stream.write(data)

    threading.Thread(target=feed, daemon=True).start()
    draw_drawing().save(folder / "a.png")
    return [*classify_among(folder, "a.png"), "--metadata", "m.csv"]


def _check_metadata(expected: dict[str, Any], outcome: Outcome) -> str:
    [row] = [row for row in read_rows(outcome) if row["source"] == "a.png"]
    found = {name: row["metadata"].get(name) for name in expected}
    return check_others(0, 1)(outcome) or ("" if found == expected else f"{found}, expected {expected}")


def _of_cells() -> Iterator[Case]:
    """Cells that are no dates or places: left as they are given, or left out, never a crash nor a wrong number."""
    for name, column, cell in (
        ("month-13", "date", "2020-13-45"),
        ("year-0", "date", "0000-00-00"),
        ("year-99999", "date", "99999-01-01"),
        ("hour-25", "date", "2020-01-01T25:00"),
        ("offset-99", "date", "2020-01-01T10:00+99:99"),
        ("digits", "date", "9" * 300),
        ("superscript", "date", "²020-01-01"),
        ("words", "date", "yesterday"),
        ("nan", "latitude", "nan"),
        ("inf", "latitude", "inf"),
        ("far-north", "latitude", "91"),
        ("text", "latitude", "north"),
        ("huge", "latitude", "1e400"),
        ("comma", "longitude", "12,5"),
        ("far-east", "longitude", "-180.1"),
        ("underscore", "longitude", "1_0"),
        ("arabic", "longitude", "٣"),
        ("hex", "altitude", "0x10"),
        ("height", "altitude", "1e9"),
        ("country", "countryCode", "Atlantis" * 100),
        ("controls", "camera", "\x1b[2J"),
        ("right-to-left", "camera", "\u202eabc"),
        ("formula", "camera", "=cmd|'/c calc'!A1"),
        ("html", "camera", "<script>alert(1)</script>"),
        ("cell-of-900000", "note", "x" * 900_000),
    ):
        data = f'path,{column}\na.png,"{cell}"\n'.encode()
        yield Case(f"cell-{name}", partial(_run, data, "m.csv", ()), OK, check=_check_finite, seconds=5)
    for name, text in (
        ("columns-twice", "path,date,date\na.png,2020-01-01,2021-01-01\n"),
        ("paths-twice", "path,path,date\na.png,b.png,2020-01-01\n"),
        ("rows-twice", "path,date\na.png,2020-01-01\na.png,2021-01-01\n"),
        ("outside", "path,date\n../../../../etc/passwd,2020-01-01\n/etc/passwd,2020-01-01\n"),
        ("ragged", "path,date\na.png\na.png,2020-01-01,x,y,z\n"),
        ("30000-columns", "path," + ",".join(f"c{i}" for i in range(30_000)) + "\na.png\n"),
        ("20000-rows", "path,date\n" + "".join(f"{i}/x.png,2020-01-01\n" for i in range(20_000))),
        ("dots", "path,date\n" + "../" * 3000 + "a.png,2020-01-01\n"),
        ("no-rows", "path,date\n"),
        ("url-malformed", "path,date\nhttp://[,2020-01-01\n"),
        ("empty-column-name", "path,,\na.png,1,2\n"),
    ):
        yield Case(f"rows-{name}", partial(_run, text.encode(), "m.csv", ()), (0, 2), check=_check_finite, seconds=5)
    good = partial(_run, b"path,date,latitude\na.png,2020-01-02,5.5\nnext.png,2020-13-45,nan\n", "m.csv", ())
    yield Case(
        "good-row-beside-bad-ones", good, OK, check=partial(_check_metadata, {"date": "2020-01-02", "latitude": 5.5})
    )


def _check_finite(outcome: Outcome) -> str:
    if outcome.status != 0:
        return ""
    for row in read_rows(outcome):
        for name, largest in (("latitude", 90), ("longitude", 180), ("altitude", 1e5)):
            value = row["metadata"].get(name)
            if isinstance(value, float) and not abs(value) <= largest:  # also nan
                return f"{name} is {value}"
    return check_others(0, 1)(outcome)


def _dump(**columns: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def _of_parquet() -> Iterator[Case]:
    good = _dump(path=["a.png"], date=["2020-01-02"])
    for name, data in (
        ("empty", b""),
        ("magic-only", b"PAR1PAR1"),
        ("cut", good[: len(good) // 2]),
        ("no-end", good[:-4]),
        ("footer-huge", good[:-8] + b"\xff\xff\xff\x7fPAR1"),
        ("text", b"path\na.png\n"),
        ("no-columns", _dump(x=[1])),
        ("lists", _dump(path=[["a.png"]])),
        ("zeros", b"PAR1" + bytes(3000) + b"PAR1"),
    ):
        for kind, options in (("metadata", ()), ("images", ("t.parquet",))):
            says = r"t\.parquet"
            yield Case(
                f"parquet-{name}-as-{kind}",
                partial(_run, data, "t.parquet", options or ("--metadata", "t.parquet")),
                REFUSED,
                says,
            )
    for seed in range(6):
        yield Case(
            f"parquet-flipped-{seed}",
            partial(_run, _flip(good, seed), "t.parquet", ("--metadata", "t.parquet")),
            (0, 2),
            seconds=6,
        )
    for name, columns in (
        ("nulls", {"path": pa.array([None, "a.png"])}),
        ("numbers-as-paths", {"path": [1.5, 2.5]}),
        ("bytes", {"path": pa.array([b"a\xff.png"])}),
        ("date-32", {"path": ["a.png"], "date": pa.array([2**31 - 1], pa.date32())}),
        ("timestamp-huge", {"path": ["a.png"], "date": pa.array([2**62], pa.timestamp("us"))}),
        ("nan", {"path": ["a.png"], "latitude": [float("nan")]}),
        ("inf", {"path": ["a.png"], "longitude": [float("inf")]}),
        ("decimal", {"path": ["a.png"], "latitude": pa.array([10**30], pa.decimal128(38, 0))}),
        ("duration", {"path": ["a.png"], "x": pa.array([2**62], pa.duration("s"))}),
        ("time", {"path": ["a.png"], "date": pa.array([5], pa.time32("s"))}),
    ):
        yield Case(
            f"parquet-of-{name}",
            partial(_run, _dump(**columns), "t.parquet", ("--metadata", "t.parquet")),
            (0, 2),
            check=_check_finite,
        )


def _flip(data: bytes, seed: int) -> bytes:
    import random

    changed, chosen = bytearray(data), random.Random(seed)
    for _ in range(3):
        changed[chosen.randrange(4, len(changed) - 4)] ^= 1 << chosen.randrange(8)
    return bytes(changed)


def _of_events() -> Iterator[Case]:
    """Images grouped by what a table says of them."""
    dates = "path,date,place\nbird.png,2020-13-45,x\na.png,9999-12-31T23:59:59+14:00,\nlast.png,0001-01-01T00:00:00-14:00,x\n"
    for by in ("60s", "366d", "column:date", "column:place", "folder"):
        options = ("--metadata", "m.csv", "--event-by", by)
        yield Case(
            f"events-by-{by.replace(':', '-')}",
            partial(_run, dates.encode(), "m.csv", options),
            OK,
            check=_count_images,
        )
    for by in ("0s", "-5s", "1e9s", "999999999d", "column:", "column:no", "²s", "nan", "", "9" * 400 + "s"):
        options = ("--metadata", "m.csv", "--event-by", by)
        yield Case(
            f"event-by-{by.encode().hex()[:24]}", partial(_run, dates.encode(), "m.csv", options), REFUSED, "event-by"
        )


def _count_images(outcome: Outcome) -> str:
    rows = [row for row in read_rows(outcome) if row["level"] == "image"]
    return "" if len(rows) == 3 and not any(row["error"] for row in rows) else f"{len(rows)} images: {rows}"
