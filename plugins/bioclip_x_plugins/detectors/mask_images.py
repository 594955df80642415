"""Masks as PNG: for each image a file of its name, or a folder of its name as Segment Anything's `amg.py` writes it.

A mask of one organism is white on black (any value above 0); with several grey levels or palette entries, each value above 0 is
an organism. A folder `IMAGE/` has `metadata.csv` (columns id, predicted_iou) and `ID.png` for each mask.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from bioclip_x.plugin import ImageError, Mask, RecipeError, encode_mask, read_delimited_rows, read_lines
from bioclip_x_plugins.detectors.detections import Detection, ImageDetections, MakeMask

MOST: Final = 255
"""Organisms in one mask."""


def iterate_mask_folder(folder: Path) -> Iterator[ImageDetections]:
    """Yields the images that a folder has masks of, named by their paths in it, without suffix."""
    for path in sorted(folder.rglob("*.png")):
        if not (path.parent / "metadata.csv").exists():
            yield ImageDetections(str(path.relative_to(folder).with_suffix("")), _list_values(path))
    for table in sorted(folder.rglob("metadata.csv")):
        yield ImageDetections(str(table.parent.relative_to(folder)), tuple(_read_metadata(table)))


def _list_values(path: Path) -> tuple[Detection, ...]:
    """Returns a detection for each organism of a mask; the file is read again when its image is."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            values = image.convert("L").getcolors(256) if image.mode not in ("L", "P") else image.getcolors(256)
    except (OSError, ValueError, Image.DecompressionBombError) as problem:
        raise RecipeError(f"{path}: the mask cannot be read: {problem}") from None
    found = sorted(value for _, value in values or () if value)
    if len(found) > MOST // 2 and 255 in found:  # the soft edges of one mask
        return (Detection(None, make_mask=_make_reader(path, None)),)
    several = len(found) > 1
    return tuple(
        Detection(
            None, make_mask=_make_reader(path, int(value) if several else None), name=str(value) if several else ""
        )
        for value in found
    )


def _make_reader(path: Path, value: int | None) -> MakeMask:
    """value: of the organism; None for all above 0."""

    def read(width: int, height: int) -> Mask:
        try:
            with Image.open(path, formats=("PNG",)) as image:
                pixels = np.asarray(image if image.mode in ("L", "P") else image.convert("L"))
        except (OSError, ValueError, Image.DecompressionBombError) as problem:
            raise ImageError(f"the mask {path} cannot be read: {problem}") from None
        return encode_mask(pixels > 0 if value is None else pixels == value)

    return read


def _read_metadata(table: Path) -> Iterator[Detection]:
    rows = read_delimited_rows(read_lines(table, RecipeError), str(table), RecipeError, delimiter=",")
    _, columns = next(rows, (0, []))
    if "id" not in columns:
        raise RecipeError(
            f"{table}: expected Segment Anything's columns id, …, predicted_iou, got {', '.join(columns)}"
        )
    for number, cells in rows:
        row = dict(zip(columns, cells))
        name = row.get("id", "")
        if not name:
            continue
        if not name.isalnum():
            raise RecipeError(f"{table}, line {number}: expected the number of a mask, got {name!r}")
        try:
            confidence = min(1.0, max(0.0, float(row.get("predicted_iou") or 1)))
        except ValueError as problem:
            raise RecipeError(f"{table}, line {number}: {problem}") from None
        yield Detection(
            None, confidence=confidence, make_mask=_make_reader(table.parent / f"{name}.png", None), name=name
        )
