"""Files of precomputed scores and of detections: CSV, JSON, Parquet, npz."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hostile.case import OK, READ_OR_REFUSED, REFUSED, SOME_FAILED, Case
from hostile.inputs import classify, write_image, write_labels
from hostile.shares import check_shares, expect_shares

NAMES: Final = ("Parus major", "Cyanistes caeruleus", "Erithacus rubecula")
HEADER: Final = ",".join(("image", *NAMES))
SHARES: Final = dict(zip(NAMES, (0.5, 0.25, 0.25)))
LONG_INTEGER: Final = "9" * 400


def cases() -> Iterator[Case]:
    yield from _csv_numbers()
    yield from _csv_tables()
    yield from _parquet()
    yield from _npz()
    yield from _json()
    yield from _boxes()


def _csv_numbers() -> Iterator[Case]:
    """One number of an otherwise good table."""
    wrong = {"nan": "nan", "inf": "inf", "minus-inf": "-inf", "negative": "-0.25", "above-one": "1.5", "huge": "1e308"}
    wrong |= {
        "1e40": "1e40",
        "400-digits": LONG_INTEGER,
        "blank": "",
        "word": "high",
        "superscript": "²",
        "hex": "0x1p3",
    }
    wrong |= {"comma": '"0,5"', "percent": "50%", "overflow": "1e400", "true": "true", "na": "NA", "formula": "=1+1"}
    for name, value in wrong.items():
        make = partial(_score, "scores.csv", f"{HEADER}\nbird.png,0.5,{value},0.25\n".encode())
        yield Case(f"csv-number-{name}", make, REFUSED, r"scores\.csv")
    small = {"zero": ("0", 0.0), "1e-46": ("1e-46", 0.0), "1e-320": ("1e-320", 0.0), "minus-zero": ("-0.0", 0.0)}
    for name, (value, share) in small.items():
        make = partial(_score, "scores.csv", f"{HEADER}\nbird.png,0.5,{value},0.5\n".encode())
        yield Case(f"csv-number-{name}", make, OK, check=partial(expect_shares, dict(zip(NAMES, (0.5, share, 0.5)))))
    for name, value in {"1e-46": "1e-46", "1e-320": "1e-320"}.items():
        make = partial(_score, "scores.csv", f"{HEADER}\nbird.png,{value},{value},{value}\n".encode())
        yield Case(f"csv-all-{name}", make, OK, check=partial(expect_shares, dict.fromkeys(NAMES, 1 / 3)))
    for name, row in {"zero": "0,0,0", "minus-inf": "-inf,-inf,-inf"}.items():
        more = ",kind=logits" if name == "minus-inf" else ""
        make = partial(_score, "scores.csv", f"{HEADER}\nbird.png,{row}\n".encode(), more=more)
        yield Case(f"csv-all-{name}", make, OK, "none of the listed classes")
    logits = {"1e29": "1e29", "1e-46": "1e-46", "minus-1e29": "-1e29", "minus-inf": "-inf", "zero": "0"}
    for name, value in logits.items():
        make = partial(_score, "scores.csv", f"{HEADER}\nbird.png,{value},1,2\n".encode(), more=",kind=logits")
        yield Case(f"logits-{name}", make, OK, check=check_shares)
    below = dict(zip(NAMES, (0.0, 1 / (1 + math.e), math.e / (1 + math.e))))
    for name in ("-1e40", "-3.4028235e38", "-1e308", f"-{LONG_INTEGER}"):
        make = partial(_score, "scores.csv", f"{HEADER}\nbird.png,{name},1,2\n".encode(), more=",kind=logits")
        yield Case(
            f"logits-minus-{len(name)}-{name[1:4]}".replace(".", "-"), make, OK, check=partial(expect_shares, below)
        )
    for name in ("1e30", "1e40", "1e308", "inf", "nan", LONG_INTEGER):
        make = partial(_score, "scores.csv", f"{HEADER}\nbird.png,{name},1,2\n".encode(), more=",kind=logits")
        yield Case(f"logits-{name[:12]}", make, REFUSED, r"scores\.csv.*bird\.png.*Parus major")


def _csv_tables() -> Iterator[Case]:
    """Tables that are none, or not rectangular, or that contradict themselves."""
    row = "bird.png,0.5,0.25,0.25\n"
    wrong = {
        "empty": "",
        "blank-lines": "\n\n\n",
        "header-only": f"{HEADER}\n",
        "no-classes": "image\nbird.png\n",
        "image-twice": f"{HEADER}\n{row}{row}",
        "column-twice": f"image,{NAMES[0]},{NAMES[0]}\nbird.png,0.5,0.5\n",
        "short-row": f"{HEADER}\nbird.png,0.5\n",
        "long-row": f"{HEADER}\nbird.png,0.5,0.25,0.25,0.25\n",
        "ragged-second": f"{HEADER}\n{row}b.png,1\n",
        "cut-quote": f'{HEADER}\n"bird.png,0.5,0.25,0.25\n',
        "nul": f"{HEADER}\nbird\0.png,0.5,0.25,0.25\n",
        "foreign-classes": "image,Puma concolor\nbird.png,1\n",
        "long-without-class": "image,class,score\nbird.png,,0.5\n",
        "long-twice": f"image,class,score\nbird.png,{NAMES[0]},0.5\nbird.png,{NAMES[0]},0.5\n",
        "long-word": f"image,class,score\nbird.png,{NAMES[0]},high\n",
        "long-nan": f"image,class,score\nbird.png,{NAMES[0]},nan\n",
        "long-inf": f"image,class,score\nbird.png,{NAMES[0]},inf\n",
        "long-huge": f"image,class,score\nbird.png,{NAMES[0]},1e308\n",
        "long-negative": f"image,class,score\nbird.png,{NAMES[0]},-1\n",
        "long-short-row": f"image,class,score\nbird.png,{NAMES[0]}\n",
        "prose": "This is a letter, dear reader, about birds.\nNothing else is in it.\n",
        "html": "<html><body>404</body></html>\n",
        "json-in-csv": '{"images": []}\n',
    }
    for name, text in wrong.items():
        yield Case(f"csv-{name}", partial(_score, "scores.csv", text.encode()), REFUSED, r"scores\.csv")
    good = {
        "bom": ("\ufeff" + f"{HEADER}\n{row}").encode(),
        "utf-16": f"{HEADER}\n{row}".encode("utf-16"),
        "crlf": f"{HEADER}\r\n{row.strip()}\r\n".encode(),
        "no-last-newline": f"{HEADER}\n{row.strip()}".encode(),
        "semicolons": f"{HEADER}\n{row}".replace(",", ";").encode(),
        "decimal-commas": f"{HEADER}\n{row}".replace(",", ";").replace(".5", ",5").replace("0.25", "0,25").encode(),
        "columns-swapped": f"{NAMES[2]},{NAMES[0]},image,{NAMES[1]}\n0.25,0.5,bird.png,0.25\n".encode(),
        "unnormalised": f"{HEADER}\nbird.png,0.8,0.4,0.4\n".encode(),
        "long": ("image,class,score\n" + "".join(f"bird.png,{n},{s}\n" for n, s in SHARES.items())).encode(),
    }
    for name, raw in good.items():
        yield Case(f"csv-{name}", partial(_score, "scores.csv", raw), OK, check=partial(expect_shares, SHARES))
    yield Case(
        "csv-latin-1",
        partial(_score, "scores.csv", f"{HEADER}\nv\xf6gel.png,1,0,0\n".encode("latin-1")),
        REFUSED,
        "UTF-8",
    )
    yield Case(
        "csv-other-image", partial(_score, "scores.csv", f"{HEADER}\nother.png,1,0,0\n".encode()), SOME_FAILED, "no row"
    )
    for name, suffix in {"jsonl": ".jsonl", "txt": ".txt", "xlsx": ".xlsx"}.items():
        yield Case(f"random-{name}", partial(_score, f"scores{suffix}", bytes(range(256)) * 8), REFUSED, "scores")
    yield Case("missing-file", partial(_score, "scores.csv", None), REFUSED, r"scores\.csv does not exist")
    yield Case("folder", _score_folder, REFUSED, "scores")
    wide = ",".join(["image", *(f"class {i}" for i in range(5000))])
    many = f"{wide}\nbird.png" + ",0.5" * 5000 + "\n"
    yield Case("csv-5000-foreign-columns", partial(_score, "scores.csv", many.encode()), REFUSED, r"scores\.csv")


def _parquet() -> Iterator[Case]:
    good: dict[str, Any] = {"image": ["bird.png"], **{name: [share] for name, share in SHARES.items()}}
    first = NAMES[0]
    fine = {
        "float32": pa.table({**good, first: pa.array([0.5], pa.float32())}),
        "float16": pa.table({**good, first: pa.array([np.float16(0.5)], pa.float16())}),
        "dictionary-names": pa.table({**good, "image": pa.array(["bird.png"]).dictionary_encode()}),
        "large-string": pa.table({**good, "image": pa.array(["bird.png"], pa.large_string())}),
    }
    for name, table in fine.items():
        make = partial(_score, "scores.parquet", _dump_parquet(table))
        yield Case(f"parquet-{name}", make, OK, check=partial(expect_shares, SHARES))
    wrong = {
        "strings": pa.table({**good, first: ["high"]}),
        "number-strings-nan": pa.table({**good, first: ["nan"]}),
        "lists": pa.table({**good, first: [[0.5]]}),
        "structs": pa.table({**good, first: [{"a": 0.5}]}),
        "maps": pa.table({**good, first: pa.array([[("a", 1.0)]], pa.map_(pa.string(), pa.float64()))}),
        "null-column": pa.table({**good, first: pa.nulls(1)}),
        "null-value": pa.table({**good, first: pa.array([None], pa.float64())}),
        "null-image": pa.table({**good, "image": pa.array([None], pa.string())}),
        "dictionary-words": pa.table({**good, first: pa.array(["a"]).dictionary_encode()}),
        "dates": pa.table({**good, first: pa.array([1], pa.date32())}),
        "binary": pa.table({**good, first: pa.array([b"\xff\xfe"])}),
        "image-lists": pa.table({**good, "image": [["bird.png"]]}),
        "image-binary": pa.table({**good, "image": pa.array([b"\xff\xfe"])}),
        "nan": pa.table({**good, first: [float("nan")]}),
        "inf": pa.table({**good, first: [float("inf")]}),
        "1e308": pa.table({**good, first: [1e308]}),
        "1e308-long": pa.table({"image": ["bird.png"], "class": [first], "score": [1e308]}),
        "negative": pa.table({**good, first: [-0.5]}),
        "zero-rows": pa.table(good).slice(0, 0),
        "zero-columns": pa.table({"image": ["bird.png"]}),
        "image-twice": pa.concat_tables([pa.table(good)] * 2),
        "long-nested": pa.table({"image": ["bird.png"], "class": [[first]], "score": [0.5]}),
        "long-null-score": pa.table({"image": ["bird.png"], "class": [first], "score": pa.array([None], pa.float64())}),
        "decimal-huge": pa.table({**good, first: pa.array([10**37], pa.decimal128(38, 0))}),
        "column-twice": pa.Table.from_arrays([pa.array(["bird.png"])] + [pa.array([0.5])] * 2, ["image", first, first]),
    }
    for name, table in wrong.items():
        make = partial(_score, "scores.parquet", _dump_parquet(table))
        yield Case(f"parquet-{name}", make, REFUSED, r"scores\.parquet")
    raw = _dump_parquet(pa.table(good))
    for name, piece in _damage(raw).items():
        yield Case(f"parquet-{name}", partial(_score, "scores.parquet", piece), REFUSED, r"scores\.parquet")
    for place in range(4, len(raw), len(raw) // 8):
        flipped = bytes([*raw[:place], raw[place] ^ 0xFF, *raw[place + 1 :]])
        yield Case(f"parquet-flipped-{place}", partial(_score, "scores.parquet", flipped), READ_OR_REFUSED)


def _npz() -> Iterator[Case]:
    good: dict[str, Any] = {
        "images": np.array(["bird.png"]),
        "classes": np.array(NAMES),
        "scores": np.array([[0.5, 0.25, 0.25]]),
    }
    fine = {
        "float16": {**good, "scores": good["scores"].astype(np.float16)},
        "big-endian": {**good, "scores": good["scores"].astype(">f8")},
        "fortran": {**good, "scores": np.asfortranarray(good["scores"])},
        "bytes-names": {**good, "images": np.array([b"bird.png"]), "classes": np.array([n.encode() for n in NAMES])},
    }
    for name, arrays in fine.items():
        yield Case(f"npz-{name}", partial(_score, "s.npz", _dump_npz(arrays)), OK, check=partial(expect_shares, SHARES))
    wrong = {
        "object-images": {**good, "images": np.array(["bird.png"], object)},
        "object-scores": {**good, "scores": np.array([["a", 1, None]], object)},
        "complex": {**good, "scores": good["scores"] + 1j},
        "words": {**good, "scores": np.array([["a", "b", "c"]])},
        "bools": {**good, "scores": np.array([[True, False, False]])},
        "dates": {**good, "scores": np.array([[1, 2, 3]], "datetime64[D]")},
        "structured": {**good, "scores": np.zeros((1, 3), [("a", "f8")])},
        "scalar": {**good, "scores": np.array(1.0)},
        "scalar-images": {**good, "images": np.array("bird.png")},
        "scalar-classes": {**good, "classes": np.array("a")},
        "one-axis": {**good, "scores": np.array([0.5, 0.25, 0.25])},
        "three-axes": {**good, "scores": good["scores"][None]},
        "two-axes-of-names": {**good, "images": np.array([["bird.png"]])},
        "transposed": {**good, "scores": good["scores"].T},
        "nan": {**good, "scores": np.full((1, 3), np.nan)},
        "inf": {**good, "scores": np.full((1, 3), np.inf)},
        "1e308": {**good, "scores": np.full((1, 3), 1e308)},
        "negative": {**good, "scores": np.full((1, 3), -1.0)},
        "image-twice": {**good, "images": np.array(["bird.png"] * 2), "scores": np.full((2, 3), 0.5)},
        "class-twice": {**good, "classes": np.array([NAMES[0]] * 3)},
        "no-images": {**good, "images": np.array([], str), "scores": np.zeros((0, 3))},
        "no-classes": {**good, "classes": np.array([], str), "scores": np.zeros((1, 0))},
        "no-scores": {name: array for name, array in good.items() if name != "scores"},
        "nothing": {},
        "number-names": {**good, "images": np.array([1])},
    }
    for name, arrays in wrong.items():
        statuses = SOME_FAILED if name == "number-names" else REFUSED
        yield Case(f"npz-{name}", partial(_score, "s.npz", _dump_npz(arrays)), statuses, r"s\.npz")
    raw = _dump_npz(good)
    for name, piece in _damage(raw).items():
        yield Case(f"npz-{name}", partial(_score, "s.npz", piece), REFUSED, r"s\.npz")
    for place in range(4, len(raw), len(raw) // 8):
        flipped = bytes([*raw[:place], raw[place] ^ 0xFF, *raw[place + 1 :]])
        yield Case(f"npz-flipped-{place}", partial(_score, "s.npz", flipped), READ_OR_REFUSED)
    yield Case("npz-pickle", partial(_score, "s.npz", b"\x80\x04cos\nsystem\n(Vtouch owned\ntR."), REFUSED, r"s\.npz")
    yield Case("npz-npy-inside", partial(_score, "s.npz", _dump_npy(good["scores"])), REFUSED, r"s\.npz")
    yield Case(
        "npz-pickle-inside",
        partial(_score, "s.npz", _zip({"scores": b"\x80\x04cos\nsystem\n(Vls\ntR."})),
        REFUSED,
        r"s\.npz",
    )
    yield Case(
        "npz-bad-header",
        partial(_score, "s.npz", _zip({"scores.npy": _npy_header("{'descr': 'x'}")})),
        REFUSED,
        r"s\.npz",
    )
    huge = "{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000, 100000)}"
    yield Case("npz-shape-lies", partial(_score, "s.npz", _zip({"scores.npy": _npy_header(huge)})), REFUSED, r"s\.npz")
    deep = "{'descr': '<f8', 'shape': " + "(" * 3000 + ")" * 3000 + "}"
    yield Case(
        "npz-header-nested", partial(_score, "s.npz", _zip({"scores.npy": _npy_header(deep)})), REFUSED, r"s\.npz"
    )
    yield Case("npz-bomb", _write_npz_bomb, REFUSED, r"s\.npz.*(unpack|large)", bytes=1 << 30, seconds=5)


def _json() -> Iterator[Case]:
    """What SpeciesNet and MegaDetector write."""
    yield Case(
        "json-speciesnet", partial(_score, "s.json", _json_of(_prediction())), OK, check=partial(expect_shares, SHARES)
    )
    changes: dict[str, Any] = {
        "scores-words": {"scores": ["a", "b", "c"]},
        "scores-null": {"scores": [None, 0.5, 0.25]},
        "scores-nan": {"scores": [float("nan"), 0.5, 0.25]},
        "scores-inf": {"scores": [float("inf"), 0.5, 0.25]},
        "scores-1e308": {"scores": [1e308, 0.5, 0.25]},
        "scores-400-digits": {"scores": [int(LONG_INTEGER), 0.5, 0.25]},
        "scores-negative": {"scores": [-1, 0.5, 0.25]},
        "scores-lists": {"scores": [[1], 0.5, 0.25]},
        "scores-a-number": {"scores": 0.5},
        "scores-short": {"scores": [0.5]},
        "scores-true": {"scores": [True, "0.5", {}]},
        "classes-a-number": {"classes": 7},
        "classes-a-mapping": {"classes": {"a": 1}, "scores": [1.0]},
        "classes-twice": {"classes": [NAMES[0]] * 3},
        "classes-lists": {"classes": [[1], [2], [3]]},
    }
    for name, change in changes.items():
        yield Case(f"json-{name}", partial(_score, "s.json", _json_of(_prediction(**change))), REFUSED, r"s\.json")
    documents: dict[str, Any] = {
        "null": None,
        "number": 7,
        "list": [],
        "empty": {},
        "predictions-null": {"predictions": None},
        "predictions-empty": {"predictions": []},
        "predictions-numbers": {"predictions": [1, 2]},
        "without-filepath": {"predictions": [{"classifications": {}}]},
        "filepath-number": {"predictions": [{"filepath": 7}]},
        "filepath-empty": {"predictions": [{"filepath": ""}]},
        "classifications-list": {"predictions": [{"filepath": "bird.png", "classifications": [1]}]},
        "images-mapping": {"images": {"a": 1}},
        "image-twice": {"predictions": _prediction()["predictions"] * 2},
        "categories-list": {"images": [], "detection_categories": ["animal"]},
        "conf-word": _detection(conf="high"),
        "conf-null": _detection(conf=None),
        "conf-nan": _detection(conf=float("nan")),
        "conf-inf": _detection(conf=float("inf")),
        "conf-1e308": _detection(conf=1e308),
        "conf-400-digits": _detection(conf=int(LONG_INTEGER)),
        "conf-above-one": _detection(conf=7),
        "conf-negative": _detection(conf=-1),
        "without-conf": {
            "images": [{"file": "bird.png", "detections": [{"category": "1"}]}],
            "detection_categories": {"1": NAMES[0]},
        },
        "without-category": {"images": [{"file": "bird.png", "detections": [{"conf": 1}]}]},
        "detections-number": {"images": [{"file": "bird.png", "detections": 7}]},
        "detections-words": {"images": [{"file": "bird.png", "detections": ["a"]}]},
        "classifications-unknown": _detection(classifications=[["9", 0.5]]),
        "classifications-triple": _detection(classifications=[["9", 0.5, 1]]),
        "classifications-negative": _detection(classifications=[["c", -3.0]]),
        "classifications-nan": _detection(classifications=[["c", float("nan")]]),
    }
    for name, document in documents.items():
        yield Case(f"json-{name}", partial(_score, "s.json", json.dumps(document).encode()), REFUSED, r"s\.json")
    raw = _json_of(_prediction())
    texts = {
        "empty-file": b"",
        "cut": raw[: len(raw) // 2],
        "nested": b"[" * 100_000 + b"]" * 100_000,
        "nested-within": b'{"predictions": [' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"]}",
        "trailing": raw + b"x",
        "latin-1": raw.replace(b"bird", b"v\xf6gel"),
        "half-surrogate": raw.replace(b"bird", rb"\ud800"),
        "key-twice": b'{"predictions": [], "predictions": []}',
    }
    for name, text in texts.items():
        yield Case(f"json-{name}", partial(_score, "s.json", text), REFUSED, r"s\.json", seconds=5)


def _boxes() -> Iterator[Case]:
    """Boxes of a detector, of images that are then classified."""
    corners: dict[str, Any] = {
        "nan": [float("nan"), 0, 1, 1],
        "inf": [0, 0, float("inf"), 1],
        "1e308": [0, 0, 1e308, 1],
        "400-digits": [0, 0, int(LONG_INTEGER), 1],
        "words": ["a", "b", "c", "d"],
        "three": [0, 0, 1],
        "five": [0, 0, 1, 1, 1],
        "null": None,
        "mapping": {"x": 0},
        "nested": [[0], [0], [1], [1]],
        "true": [True, False, "1", None],
    }
    for name, bbox in corners.items():
        make = partial(_classify_boxes, json.dumps(_detection(bbox=bbox)).encode())
        yield Case(f"boxes-{name}", make, REFUSED, r"boxes\.json")
    confidences: dict[str, Any] = {
        "nan": float("nan"),
        "1e308": 1e308,
        "400-digits": int(LONG_INTEGER),
        "word": "a",
        "negative": -1,
    }
    for name, value in confidences.items():
        make = partial(_classify_boxes, json.dumps(_detection(conf=value)).encode())
        yield Case(f"boxes-confidence-{name}", make, REFUSED, r"boxes\.json")
    documents: dict[str, Any] = {
        "empty-list": [],
        "number": 7,
        "categories-list": {"images": [{"file": "bird.png", "detections": []}], "detection_categories": [1]},
        "categories-number": {"images": [{"file": "bird.png", "detections": []}], "detection_categories": 5},
        "image-number": {"images": [7]},
        "file-missing": {"images": [{"detections": []}]},
        "coco-without-image": {"images": [], "annotations": [{"id": 1, "bbox": [0, 0, 1, 1]}]},
        "coco-unhashable": {"images": [{"id": [1], "file_name": "bird.png"}], "annotations": []},
        "coco-categories-number": {"images": [], "annotations": [], "categories": 5},
        "coco-width-words": {
            "images": [{"id": 1, "file_name": "bird.png", "width": "a", "height": 2}],
            "annotations": [],
        },
        "coco-width-inf": {
            "images": [{"id": 1, "file_name": "bird.png", "width": float("inf"), "height": 2}],
            "annotations": [],
        },
        "speciesnet-label-list": {
            "predictions": [{"filepath": "bird.png", "detections": [{"bbox": [0, 0, 1, 1], "conf": 1}]}]
        },
        "microsoft-number": [{"file": "bird.png", "detections": 5}],
        "frame-rate-word": {"images": [{"file": "bird.png", "frame_rate": "a", "detections": []}]},
    }
    for name, document in documents.items():
        statuses = OK if name == "empty-list" else REFUSED
        says = "no answer for this image" if name == "empty-list" else r"boxes\.json"
        yield Case(f"boxes-{name}", partial(_classify_boxes, json.dumps(document).encode()), statuses, says)
    for name, text in {"empty-file": b"", "nested-deep": b"[" * 100_000, "cut": b'{"images": ['}.items():
        yield Case(f"boxes-{name}", partial(_classify_boxes, text), REFUSED, r"boxes\.json", seconds=5)


def _score(name: str, raw: bytes | None, folder: Path, *, more: str = "") -> list[str]:
    write_image(folder)
    write_labels(folder)
    if raw is not None:
        (folder / name).write_bytes(raw)
    return classify("--quiet", "--scorer", f"external:file={name}{more}")


def _score_folder(folder: Path) -> list[str]:
    (folder / "scores.csv").mkdir()
    return _score("scores.csv", None, folder)


def _classify_boxes(raw: bytes, folder: Path) -> list[str]:
    write_image(folder)
    write_labels(folder)
    (folder / "boxes.json").write_bytes(raw)
    return classify("--quiet", "--boxes", "boxes.json")


def _prediction(**changes: Any) -> dict[str, Any]:
    classified = {"classes": list(NAMES), "scores": list(SHARES.values())} | changes
    return {"predictions": [{"filepath": "bird.png", "classifications": classified}]}


def _detection(**changes: Any) -> dict[str, Any]:
    found = {"category": "1", "conf": 0.9, "bbox": [0.1, 0.1, 0.5, 0.5]} | changes
    names = {"1": NAMES[0]}
    document = {"images": [{"file": "bird.png", "detections": [found]}], "detection_categories": names}
    return document | {"classification_categories": {"c": NAMES[1]}}


def _json_of(document: Any) -> bytes:
    return json.dumps(document).encode()


def _damage(raw: bytes) -> dict[str, bytes]:
    """Returns pieces of a file, of which none is one."""
    return {
        "empty": b"",
        "first-bytes": raw[:6],
        "half": raw[: len(raw) // 2],
        "last-byte-missing": raw[:-1],
        "text": b"hello\n",
    }


def _dump_parquet(table: pa.Table) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream)
    return stream.getvalue()


def _dump_npz(arrays: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def _dump_npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _zip(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in files.items():
            archive.writestr(name, raw)
    return stream.getvalue()


def _npy_header(text: str) -> bytes:
    """Returns an array file of version 1 with this header, which need not be one."""
    padded = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded + b"\0" * 64


def _write_npz_bomb(folder: Path) -> list[str]:
    """256 MiB of zeros, packed; more are announced."""
    arguments = _score("s.npz", None, folder)
    header = _npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 536870912), }")[:-64]
    piece = bytes(1 << 24)
    with zipfile.ZipFile(folder / "s.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in {"images": np.array(["bird.png"]), "classes": np.array(NAMES)}.items():
            archive.writestr(f"{name}.npy", _dump_npy(array))
        with archive.open("scores.npy", "w", force_zip64=True) as stream:
            stream.write(header)
            for _ in range(16):
                stream.write(piece)
    return arguments
