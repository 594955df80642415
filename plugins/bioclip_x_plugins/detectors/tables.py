"""Boxes in tables: any CSV or TSV with a column of images and four of boxes, and Camtrap DP.

Columns of boxes: left, top, right, bottom; x_min, y_min, x_max, y_max; x, y, width, height; and names near to these. Values are
fractions of the image, or, if one in the table is above 2, pixels: a detector's box may reach beyond the image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Final

from bioclip_x.plugin import DELIMITERS, RecipeError, guess_delimiter, read_delimited_rows, read_lines
from bioclip_x_plugins.detectors.detections import FARTHEST, Detection, ImageDetections, read_confidence, read_corners

IMAGES: Final = (
    "path",
    "file_path",
    "filepath",
    "image_path",
    "file_name",
    "filename",
    "file",
    "image_file",
    "image",
    "source",
)
EDGES: Final = (
    ("box_left", "box_top", "box_right", "box_bottom"), ("left", "top", "right", "bottom"), ("xmin", "ymin", "xmax", "ymax"),
    ("x_min", "y_min", "x_max", "y_max"), ("x1", "y1", "x2", "y2"), ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2"),
)  # fmt: skip
SIZES: Final = (
    ("x", "y", "width", "height"), ("x", "y", "w", "h"), ("bbox_x", "bbox_y", "bbox_w", "bbox_h"),
    ("bbox_x", "bbox_y", "bbox_width", "bbox_height"), ("bboxx", "bboxy", "bboxwidth", "bboxheight"),
    ("left", "top", "width", "height"),
)  # fmt: skip
LABELS: Final = ("label", "category", "class", "detection", "observationtype", "name")
CONFIDENCES: Final = ("confidence", "conf", "score", "detection_confidence")
INDIVIDUALS: Final = ("individual", "individualid", "track", "track_id", "organismid")

Row = Mapping[str, str]


def read_box_table(path: Path) -> list[ImageDetections]:
    """Reads a table of boxes, a row each; a row without a box is an image without one. Raises RecipeError."""
    columns, rows = _read_rows(path)
    image = _find(columns, IMAGES)
    box = next((names for names in (*EDGES, *SIZES) if set(names) <= set(columns)), None)
    if image is None or box is None:
        raise RecipeError(
            f"{path}: expected a column of images ({', '.join(IMAGES[:4])}, …) and four of boxes (left, top, right, bottom; or "
            f"x, y, width, height), got {', '.join(columns) or 'no columns'}"
        )
    if twice := [name for name in (image, *box) if columns.count(name) > 1]:
        raise RecipeError(f"{path}: the column {twice[0]} is there twice; leave one of them out")
    found: dict[str, list[Detection]] = {}
    seen: set[tuple[str, Detection]] = set()
    for number, row in rows:
        cells = [row[name] for name in box]
        detections = found.setdefault(row[image], [])
        if any(cells):
            detection = _read_row(row, columns, cells, as_size=box in SIZES, where=f"{path}, line {number}")
            if (row[image], detection) not in seen:  # a table of results has a row for each prediction
                seen.add((row[image], detection))
                detections.append(detection)
    in_pixels = any(max(one.corners or (0.0,)) > FARTHEST for many in found.values() for one in many)
    return [
        ImageDetections(name, tuple(replace(one, in_pixels=in_pixels) for one in many)) for name, many in found.items()
    ]


def read_camtrap_dp(folder: Path) -> list[ImageDetections]:
    """Reads the boxes of a Camtrap DP: `observations.csv`, with the paths of `media.csv`. Raises RecipeError.

    Observations of a whole event, and of images without a box, give none.
    """
    columns, media = _read_rows(folder / "media.csv")
    _require(folder / "media.csv", columns, ("mediaid", "filepath"))
    files = {row["mediaid"]: row["filepath"] for _, row in media}
    found: dict[str, list[Detection]] = {file: [] for file in files.values()}
    path = folder / "observations.csv"
    columns, observations = _read_rows(path)
    _require(path, columns, ("mediaid", "bboxx", "bboxy", "bboxwidth", "bboxheight", "observationtype"))
    for number, row in observations:
        cells = [row[name] for name in ("bboxx", "bboxy", "bboxwidth", "bboxheight")]
        if row["mediaid"] in files and all(cells):
            detection = _read_row(row, columns, cells, as_size=True, where=f"{path}, line {number}")
            found[files[row["mediaid"]]].append(detection)
    return [ImageDetections(file, tuple(many)) for file, many in found.items()]


def _read_row(row: Row, columns: Sequence[str], cells: Sequence[str], *, as_size: bool, where: str) -> Detection:
    def get(names: Sequence[str]) -> str:
        return row[name] if (name := _find(columns, names)) else ""

    label = get(LABELS)
    try:
        corners = read_corners(cells, as_size=as_size)
        confidence = read_confidence(get(CONFIDENCES))
    except ValueError as problem:
        raise RecipeError(f"{where}: its box cannot be read: {problem}") from None
    return Detection(corners, "person" if label == "human" else label, confidence, individual=get(INDIVIDUALS))


def _find(columns: Sequence[str], names: Sequence[str]) -> str | None:
    return next((name for name in names if name in columns), None)


def _require(path: Path, columns: Sequence[str], names: Sequence[str]) -> None:
    if missing := [name for name in names if name not in columns]:
        raise RecipeError(f"{path}: expected Camtrap DP's columns; it lacks {', '.join(missing)}")


def _read_rows(path: Path) -> tuple[list[str], Iterator[tuple[int, Row]]]:
    """Returns the columns, lower case, and the rows with their line numbers."""
    lines = iter(read_lines(path, RecipeError))
    header = next(lines, "")
    rows = read_delimited_rows(
        chain([header], lines), str(path), RecipeError, delimiter=guess_delimiter(header, DELIMITERS)
    )
    _, first = next(rows, (0, []))
    columns = [name.strip().lower() for name in first]

    def iterate() -> Iterator[tuple[int, Row]]:
        for number, cells in rows:
            if cells:
                yield number, dict(zip(columns, [*map(str.strip, cells), *[""] * (len(columns) - len(cells))]))

    return columns, iterate()
