"""What the model sees of an image, or of a region: a square around its box, with some of the surroundings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from PIL import Image, ImageStat

from bioclip_x.records import Box

Rectangle = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the upright image; a square may reach beyond a narrow image."""
Shape = Literal["square", "stretch"]


def compute_rectangle(box: Box, width: int, height: int, *, padding: float, shape: Shape) -> Rectangle:
    """Computes the pixels that are cut out for a box.

    padding: added on each side, as a fraction of the box's longer side. shape: "square" extends the shorter side to the
    longer, and moves the square into the image where it can; "stretch" leaves the sides as they are.

    >>> compute_rectangle((0.4, 0.4, 0.6, 0.5), 100, 100, padding=0.0, shape="square")
    (40, 35, 60, 55)
    >>> compute_rectangle((0.0, 0.0, 0.2, 0.1), 100, 100, padding=0.0, shape="square")
    (0, 0, 20, 20)
    """
    left, right = box[0] * width, box[2] * width
    top, bottom = box[1] * height, box[3] * height
    added = padding * max(right - left, bottom - top)
    side_x, side_y = right - left + 2 * added, bottom - top + 2 * added
    if shape == "square":
        side_x = side_y = max(side_x, side_y)
    (left, right), (top, bottom) = (
        _place((left + right) / 2, side_x, width, may_exceed=shape == "square"),
        _place((top + bottom) / 2, side_y, height, may_exceed=shape == "square"),
    )
    x, y = min(round(left), width - 1), min(round(top), height - 1)
    return x, y, max(round(right), x + 1), max(round(bottom), y + 1)


def crop(image: Image.Image, rectangle: Rectangle, shape: Shape, outside: int | None = None) -> Image.Image:
    """Cuts a rectangle out of an image, RGB or grey. shape: "stretch" makes the result square by resizing its shorter side.

    outside: the value of what a square has beyond the image; None for the mean colour of what is inside.
    """
    left, top, right, bottom = rectangle
    inside = image.crop((max(left, 0), max(top, 0), min(right, image.width), min(bottom, image.height)))
    if shape == "stretch":
        side = max(inside.size)
        return inside.resize((side, side), Image.Resampling.BICUBIC)
    if inside.size == (right - left, bottom - top):
        return inside
    mean = tuple(round(value) for value in ImageStat.Stat(inside).mean)
    canvas = Image.new(image.mode, (right - left, bottom - top), mean if outside is None else outside)
    canvas.paste(inside, (max(-left, 0), max(-top, 0)))
    return canvas


def compute_seen_box(preprocessing: Mapping[str, Any], width: int, height: int) -> Box:
    """Computes the box of an image that the model sees: left, top, right, bottom as fractions of its width and height.

    Within [0, 1] where the image is cropped, beyond where it is padded; ignores the rounding of the resized image to whole
    pixels. preprocessing: as in open_clip's preprocess_cfg (size, resize_mode).

    >>> compute_seen_box({"size": 224, "resize_mode": "shortest"}, 400, 200)
    (0.25, 0.0, 0.75, 1.0)
    >>> compute_seen_box({"size": 224, "resize_mode": "longest"}, 400, 200)
    (0.0, -0.5, 1.0, 1.5)
    """
    size, mode = preprocessing.get("size"), preprocessing.get("resize_mode") or "shortest"
    if size is None or mode == "squash":
        return (0.0, 0.0, 1.0, 1.0)
    input_height, input_width = (size, size) if isinstance(size, int) else size
    scale = (max if mode == "longest" else min)(height / input_height, width / input_width)
    seen_x, seen_y = input_width * scale / width, input_height * scale / height
    return ((1 - seen_x) / 2, (1 - seen_y) / 2, (1 + seen_x) / 2, (1 + seen_y) / 2)


def relate_to_image(seen: Box, rectangle: Rectangle, width: int, height: int) -> Box:
    """Converts a box given as fractions of a rectangle to fractions of the image, for heat maps of regions.

    >>> relate_to_image((0.0, 0.0, 1.0, 0.5), (50, 0, 100, 100), 100, 200)
    (0.5, 0.0, 1.0, 0.25)
    """
    left, top, right, bottom = rectangle
    x, y = right - left, bottom - top
    return (
        (left + seen[0] * x) / width,
        (top + seen[1] * y) / height,
        (left + seen[2] * x) / width,
        (top + seen[3] * y) / height,
    )


def _place(centre: float, side: float, length: int, *, may_exceed: bool) -> tuple[float, float]:
    """Returns where a side begins and ends on an axis of the image: moved inside, or around its middle if it is longer."""
    if side > length:
        return ((length - side) / 2, (length + side) / 2) if may_exceed else (0.0, float(length))
    start = min(max(centre - side / 2, 0.0), length - side) if may_exceed else max(centre - side / 2, 0.0)
    return start, min(start + side, float(length)) if may_exceed else min(centre + side / 2, float(length))
