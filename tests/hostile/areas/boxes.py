"""Files of boxes and masks that are broken, or lie."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hostile.case import OK, REFUSED, SOME_FAILED, Case, Outcome
from hostile.image_bytes import draw_drawing, make_file
from hostile.image_bytes import make_png as make_odd_png
from hostile.runs import check_others, classify_among, read_rows

BOX = [0.1, 0.1, 0.8, 0.8]


def cases() -> Iterator[Case]:
    for maker in (_of_documents, _of_corners, _of_masks, _of_tables, _of_mask_files):
        yield from maker()


def _run(files: dict[str, bytes], boxes: str, folder: Path) -> list[str]:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    draw_drawing().save(folder / "a.png")
    return [*classify_among(folder, "a.png"), "--boxes", boxes]


def _refused(name: str, document: bytes, says: str = r"b\.json", file: str = "b.json", **more: Any) -> Case:
    return Case(f"{name}", partial(_run, {file: document}, file), REFUSED, says, **more)


def _megadetector(bbox: Any = BOX, conf: Any = 0.9, category: Any = "1", **more: Any) -> dict[str, Any]:
    return {"images": [{"file": "a.png", "detections": [{"category": category, "conf": conf, "bbox": bbox}], **more}]}


def _coco(segmentation: Any = None, bbox: Any = None, **image: Any) -> dict[str, Any]:
    annotation = {"image_id": 1, "category_id": 1, "segmentation": segmentation}
    return {
        "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 64, **image}],
        "annotations": [annotation | ({"bbox": bbox} if bbox is not None else {})],
        "categories": [{"id": 1, "name": "animal"}],
    }


def _dump(document: Any) -> bytes:
    return json.dumps(document).encode()


def _of_documents() -> Iterator[Case]:
    for name, data in (
        ("empty", b""),
        ("nul", b"\0" * 99),
        ("half", _dump(_megadetector())[:60]),
        ("text", b"no boxes"),
        ("null", b"null"),
        ("number", b"3"),
        ("string", b'"x"'),
        ("list-of-numbers", b"[1, 2]"),
        ("object", b"{}"),
        ("latin-1", b'{"images": "\xff"}'),
        ("utf-16-of-nothing", b"\xff\xfe"),
        ("deep-lists", b"[" * 100_000),
        ("deep-objects", b'{"images":' * 100_000),
        ("deep-in-an-image", b'{"images": [' + b"[" * 50_000 + b"]" * 50_000 + b"]}"),
        (
            "digits",
            b'{"images": [{"file": "a.png", "detections": [{"category": "1", "conf": 0.5, "bbox": ['
            + b"9" * 5000
            + b",1,1,1]}]}]}",
        ),
        ("images-null", b'{"images": null}'),
        ("images-object", b'{"images": {}}'),
        ("images-of-null", b'{"images": [null]}'),
        ("images-of-text", b'{"images": ["a.png"]}'),
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0"),
        ("png", make_file("png")),
    ):
        yield _refused(f"json-{name}", data, seconds=6)
    for name, document in (
        ("no-file", {"images": [{"detections": []}]}),
        ("detections-text", {"images": [{"file": "a.png", "detections": "none"}]}),
        ("detections-number", {"images": [{"file": "a.png", "detections": 5}]}),
        ("detection-null", {"images": [{"file": "a.png", "detections": [None]}]}),
        ("no-category", {"images": [{"file": "a.png", "detections": [{"conf": 1, "bbox": BOX}]}]}),
        ("no-bbox", {"images": [{"file": "a.png", "detections": [{"category": "1", "conf": 1}]}]}),
        ("categories-list", {**_megadetector(), "detection_categories": ["animal"]}),
        ("categories-number", {**_megadetector(), "detection_categories": {"1": 7}}),
        ("frame-rate-text", _megadetector(frame_rate="many")),
        ("frame-rate-nan", _megadetector(frame_rate=float("nan"), frames_processed=[1])),
        ("frames-text", _megadetector(frame_rate=5, frames_processed=["x"])),
        ("coco-annotation-null", {"images": [], "annotations": [None]}),
        ("coco-image-id-list", {"images": [{"id": [1], "file_name": "a.png"}], "annotations": [{"image_id": [1]}]}),
        ("coco-category-without-name", {**_coco(bbox=BOX), "categories": [{"id": 1}]}),
        ("coco-size-text", _coco(bbox=[1, 1, 5, 5], width="wide")),
        ("coco-size-nan", _coco(bbox=[1, 1, 5, 5], width=float("nan"))),
        ("coco-score-text", {"images": [], "annotations": [{"image_id": 1, "bbox": [1, 1, 5, 5], "score": "high"}]}),
        (
            "coco-score-nan",
            {"images": [], "annotations": [{"image_id": 1, "bbox": [1, 1, 5, 5], "score": float("nan")}]},
        ),
        ("predictions-null", {"predictions": [None]}),
        ("predictions-without-path", {"predictions": [{"detections": []}]}),
        ("microsoft-category-missing", [{"file": "a.png", "detections": [{"bbox": BOX, "confidence": 1}]}]),
    ):
        yield _refused(f"document-{name}", _dump(document))
    yield Case("no-such-file", partial(_run, {}, "gone.json"), REFUSED, r"gone\.json")
    yield Case("empty-folder", partial(_run, {"d/x.txt": b""}, "d"), REFUSED, "in this folder")
    yield Case("dev-null", partial(_run, {}, "/dev/null"), REFUSED, "/dev/null")
    yield Case("dev-zero", partial(_run, {}, "/dev/zero"), REFUSED, "/dev/zero", seconds=8)
    yield Case("name-too-long", partial(_run, {}, "x" * 300), REFUSED, "xxx")


def _of_corners() -> Iterator[Case]:
    nan, inf = float("nan"), float("inf")
    for name, bbox in (
        ("nan", [nan, 0, 1, 1]),
        ("inf", [0, 0, inf, 1]),
        ("minus-inf", [-inf, 0, 1, 1]),
        ("three", [0, 0, 1]),
        ("five", [0, 0, 1, 1, 1]),
        ("none", None),
        ("text", "0011"),
        ("texts", ["a", "b", "c", "d"]),
        ("nested", [[0], 0, 1, 1]),
        ("nulls", [None] * 4),
        ("object", {"x": 0}),
        ("empty", []),
        ("digits", [10**400, 0, 1, 1]),
    ):
        yield _refused(f"box-{name}", _dump(_megadetector(bbox)), r"b\.json, a\.png")
    for name, conf in (
        ("nan", nan),
        ("above-1", 1.5),
        ("negative", -0.1),
        ("text", "sure"),
        ("list", [1]),
        ("inf", inf),
        ("object", {}),
    ):
        yield _refused(f"confidence-{name}", _dump(_megadetector(conf=conf)), r"b\.json, a\.png")
    for name, bbox in (
        ("inverted", [0.9, 0.9, -0.5, -0.5]),
        ("outside", [1, 1, 0.5, 0.5]),
        ("no-area", [0.5, 0.5, 0, 0]),
        ("negative", [-1, -1, 0.5, 0.5]),
        ("tiny", [0.5, 0.5, 1e-300, 1e-300]),
    ):
        check = partial(_check_regions, 0)
        yield Case(
            f"box-{name}", partial(_run, {"b.json": _dump(_megadetector(bbox))}, "b.json"), OK, "nothing found", check
        )
    for name, bbox in (
        ("far-outside", [2, 2, 1, 1]),
        ("of-pixels", [1e9, 1e9, 5, 5]),
        ("far-negative", [-5, -5, 1, 1]),
        ("far-beyond", [-0.5, -0.5, 9, 9]),
        ("huge", [-1e9, -1e9, 2e9, 2e9]),
    ):
        yield _refused(f"box-{name}", _dump(_megadetector(bbox)), r"b\.json, a\.png.*are these pixels")
    for name, bbox in (
        ("beyond", [-0.5, -0.5, 2, 2]),
        ("thin", [0, 0.5, 1, 1e-6]),
        ("whole", [0, 0, 1, 1]),
    ):
        check = partial(_check_regions, 1)
        yield Case(f"box-{name}", partial(_run, {"b.json": _dump(_megadetector(bbox))}, "b.json"), OK, check=check)
    many = {"images": [{"file": "a.png", "detections": [{"category": "1", "conf": 0.9, "bbox": BOX}] * 20_000}]}
    yield Case(
        "boxes-20000",
        partial(_run, {"b.json": _dump(many)}, "b.json"),
        SOME_FAILED,
        "boxes",
        check_others(1, 1),
        seconds=6,
    )
    others = {"images": [{"file": f"{i}.png", "detections": []} for i in range(20_000)]}
    yield Case(
        "other-images-20000",
        partial(_run, {"b.json": _dump(others)}, "b.json"),
        OK,
        check=check_others(0, 1),
        seconds=6,
    )
    same = {"images": [{"file": "a.png", "detections": []}] * 3000}
    yield Case(
        "an-image-3000-times", partial(_run, {"b.json": _dump(same)}, "b.json"), OK, check=check_others(0, 1), seconds=6
    )


def _check_regions(number: int, outcome: Outcome) -> str:
    rows = [row for row in read_rows(outcome) if row["source"] == "a.png"]
    named = [row for row in rows if row["region"]]
    problem = "" if len(named) == number else f"{len(named)} regions, expected {number}: {rows}"
    return problem or check_others(0)(outcome)


def _of_masks() -> Iterator[Case]:
    """Masks, in COCO's encodings, that lie about their size."""
    huge, nan = 10**9, float("nan")
    for name, segmentation in (
        ("size-huge", {"size": [huge, huge], "counts": "abc"}),
        ("size-0", {"size": [0, 0], "counts": "abc"}),
        ("size-negative", {"size": [-5, -5], "counts": "abc"}),
        ("size-large", {"size": [40_000, 40_000], "counts": [1_600_000_000]}),
        ("counts-beyond", {"size": [64, 64], "counts": "o" * 500}),
        ("counts-long", {"size": [64, 64], "counts": "1" * 2_000_000}),
        ("counts-empty", {"size": [64, 64], "counts": ""}),
        ("counts-not-ascii", {"size": [64, 64], "counts": "ü\u2028"}),
        ("counts-controls", {"size": [64, 64], "counts": "\x00\x01"}),
        ("runs-short", {"size": [64, 64], "counts": [5]}),
        ("runs-beyond", {"size": [64, 64], "counts": [10**12]}),
        ("runs-negative", {"size": [64, 64], "counts": [-5, 4101]}),
        ("runs-floats", {"size": [64, 64], "counts": [1.5, 4094.5]}),
        ("runs-texts", {"size": [64, 64], "counts": ["4096"]}),
        ("runs-null", {"size": [64, 64], "counts": [None]}),
        ("polygon-of-2", [[1, 1, 2, 2]]),
        ("polygon-odd", [[1, 1, 2, 2, 3]]),
        ("polygon-nan", [[nan, 1, 9, 9, 5, 1]]),
        ("polygon-far", [[1e9, 1, 9, 9, 5, 1]]),
        ("polygon-texts", [["a"] * 6]),
        ("polygon-nulls", [[None] * 6]),
        ("polygon-numbers", [1, 2, 3, 4, 5, 6]),
        ("polygon-empty", [[]]),
        ("polygon-zigzag", [[0, 0, 63, 63] * 500_000]),
        ("polygons-100000", [[1, 1, 9, 1, 5, 9]] * 100_000),
        ("polygon-nested", [[[1, 1], [9, 1], [5, 9]]]),
    ):
        run = partial(_run, {"b.json": _dump(_coco(segmentation, bbox=[5, 5, 40, 40]))}, "b.json")
        yield Case(f"mask-{name}", run, SOME_FAILED, check=check_others(1, 1), seconds=6)
    for name, segmentation in (
        ("size-of-3", {"size": [1, 2, 3], "counts": "a"}),
        ("size-text", {"size": "64", "counts": "a"}),
        ("size-nan", {"size": [nan, 5], "counts": "a"}),
        ("without-counts", {"size": [5, 5]}),
        ("without-size", {"counts": "a"}),
        ("number", 5),
        ("text", "mask"),
        ("counts-object", {"size": [64, 64], "counts": {}}),
    ):
        yield _refused(f"mask-{name}", _dump(_coco(segmentation, bbox=[5, 5, 40, 40])))
    for name, changed in (("turned", {"width": 64, "height": 128}), ("huge", {"width": huge, "height": 1})):
        run = partial(_run, {"b.json": _dump(_coco(bbox=[1, 1, 9, 9], **changed))}, "b.json")
        yield Case(f"image-size-{name}", run, SOME_FAILED, "its boxes are of an image of", check_others(1, 1))
    yield _refused("image-size-negative", _dump(_coco(bbox=[1, 1, 9, 9], width=-64, height=-64)))


def _of_tables() -> Iterator[Case]:
    head = "path,left,top,right,bottom,confidence\n"
    for name, text in (
        ("nan", head + "a.png,nan,0,1,1,0.9\n"),
        ("inf", head + "a.png,0,0,inf,1,0.9\n"),
        ("text", head + "a.png,a,b,c,d,0.9\n"),
        ("superscript", head + "a.png,²,0,1,1,0.9\n"),
        ("confidence", head + "a.png,0,0,1,1,9\n"),
        ("half-a-box", head + "a.png,0,0,,,0.9\n"),
    ):
        yield _refused(f"table-{name}", text.encode(), r"b\.csv, line 2", "b.csv")
    for name, data in (
        ("empty", b""),
        ("only-a-line", b"\n"),
        ("no-boxes", b"path,x\na.png,1\n"),
        ("zeros", bytes(2000)),
        ("open-quote", (head + '"a.png,0,0,1,1').encode()),
        ("long-line", head.encode() + b"x" * 3_000_000),
        ("latin-1", head.encode() + b"\xff,0,0,1,1,1\n"),
        ("columns-twice", b"path,left,left,top,right,bottom\na.png,0,0,0,1,1\n"),
    ):
        yield _refused(f"table-{name}", data, r"b\.csv", "b.csv", seconds=5)


def _of_mask_files() -> Iterator[Case]:
    good = io.BytesIO()
    Image.fromarray((np.arange(4096).reshape(64, 64) % 64 < 32).astype(np.uint8) * 255).save(good, "PNG")
    for name, data in (
        ("junk", b"no mask"),
        ("empty", b""),
        ("cut", good.getvalue()[:50]),
        ("huge", make_odd_png(40_000, 40_000)),
        ("none", make_odd_png(0, 9)),
        ("texts", make_odd_png(9, 9, depth=3)),
    ):
        yield Case(f"mask-file-{name}", partial(_run, {"d/a.png": data}, "d"), REFUSED, r"d/a\.png")
    flat = make_odd_png(15_000, 11_000, depth=1, colours=0, pixels=bytes((1 + 1875) * 11_000))
    yield Case("mask-file-of-165-million", partial(_run, {"d/a.png": flat}, "d"), (0, 1, 2), seconds=8, bytes=1 << 30)
    for name, text in (
        ("no-id", b"x,y\n1,2\n"),
        ("outside", b"id,predicted_iou\n../../a,1\n"),
        ("iou-text", b"id,predicted_iou\n1,high\n"),
    ):
        yield Case(f"metadata-{name}", partial(_run, {"d/a/metadata.csv": text}, "d"), REFUSED, r"metadata\.csv")
    missing = partial(_run, {"d/a/metadata.csv": b"id,predicted_iou\n7,0.9\n"}, "d")
    yield Case("metadata-of-no-mask", missing, SOME_FAILED, r"7\.png", check_others(1, 1))
