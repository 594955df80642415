"""What a file says of one organism in an image, before the image's size is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bioclip_x.plugin import ImageError, Mask, Region, decode_mask, encode_polygons, encode_runs, find_box

FARTHEST: Final = 2.0
"""Largest coordinate of a box in fractions; a larger one is of a box in pixels. Detectors exceed 1 by little."""
ASPECT: Final = 0.02
"""Largest difference of the ratios of two images' sides, as a fraction, with which they count as one in two sizes."""
Corners = tuple[float, float, float, float]
MakeMask = Callable[[int, int], "Mask | None"]


@dataclass(frozen=True, slots=True)
class Detection:
    """One detection. corners: left, top, right, bottom; None where only the mask tells. in_pixels: else fractions.

    size: width and height in pixels that the corners refer to; None for those of the image itself. make_mask: makes the mask
    from the width and height; None without one. seconds: of a frame of a video.
    """

    corners: Corners | None
    label: str = ""
    confidence: float | None = None
    in_pixels: bool = False
    size: tuple[int, int] | None = None
    make_mask: MakeMask | None = None
    name: str = ""
    individual: str = ""
    seconds: float | None = None

    def to_region(self, width: int, height: int) -> Region | None:
        """Returns the region in an image of this size; None for a box without an area inside the image.

        Raises ImageError for a mask that cannot be read, and where the file tells another shape of the image.
        """
        x, y = self.size or (width, height)
        if abs(x * height - y * width) > ASPECT * max(x * height, y * width):
            turned = ", which is this image turned" if abs(x * width - y * height) <= ASPECT * x * width else ""
            raise ImageError(
                f"its boxes are of an image of {x} x {y} pixels{turned}, the upright image has {width} x {height}; boxes and "
                "masks have to be those of the upright image"
            )
        mask = self.make_mask(x, y) if self.make_mask else None
        box = self._find_fractions(x, y)
        if box is None and mask is not None:
            box = find_box(decode_mask(mask))
        if box is None:
            return None
        left, top, right, bottom = (min(max(value, 0.0), 1.0) for value in box)
        if not (left < right and top < bottom):  # also nan
            return None
        return Region((left, top, right, bottom), self.label, self.confidence, mask, self.name, self.individual)

    def _find_fractions(self, width: int, height: int) -> Corners | None:
        if self.corners is None or not self.in_pixels:
            return self.corners
        left, top, right, bottom = self.corners
        return left / width, top / height, right / width, bottom / height


@dataclass(frozen=True, slots=True)
class ImageDetections:
    """The detections of one image or video. file: as the file of detections names it. failed: whether the detector failed at it.

    frames: seconds of the frames of a video that were looked at; empty where that is not told.
    """

    file: str
    detections: tuple[Detection, ...] = ()
    failed: bool = False
    frames: tuple[float, ...] = field(default=())


def read_corners(values: Any, *, as_size: bool, in_fractions: bool = False) -> Corners:
    """Reads four numbers: left, top, and either width and height or right and bottom.

    in_fractions: of the image's sides. Raises ValueError for what is no number, or far outside of the image.
    """
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != 4:
        raise ValueError(f"expected a box of four numbers, got {str(values)[:60]!r}")
    x, y, third, fourth = (float(value) for value in values)
    corners = (x, y, x + third, y + fourth) if as_size else (x, y, third, fourth)
    if not all(map(math.isfinite, corners)):
        raise ValueError(f"expected a box of four finite numbers, got {str(values)[:60]}")
    if in_fractions and max(map(abs, corners)) > FARTHEST:
        raise ValueError(f"expected a box in fractions of the image's sides, got {str(values)[:60]}; are these pixels?")
    return corners


def read_confidence(value: Any) -> float | None:
    """Reads a confidence in [0, 1]; None for none. Raises ValueError for other numbers."""
    if value is None or value == "":
        return None
    number = float(value)
    if not 0 <= number <= 1:
        raise ValueError(f"expected a confidence from 0 to 1, got {number:g}")
    return number


def make_mask_of(segmentation: Any) -> MakeMask | None:
    """Makes the maker of the mask of COCO's `segmentation`: polygons, or run lengths, compressed or not; None without any."""
    if not segmentation:
        return None
    if isinstance(segmentation, list):
        return lambda width, height: encode_polygons(segmentation, width, height)
    if not isinstance(segmentation, Mapping) or "counts" not in segmentation:
        raise ValueError(f"expected a segmentation of polygons or run lengths, got {str(segmentation)[:60]!r}")
    size = segmentation["size"]
    if not (isinstance(size, list) and len(size) == 2 and all(isinstance(one, int) for one in size)):
        raise ValueError(f"expected a mask's size of two whole numbers, got {str(size)[:60]!r}")
    height, width = size
    counts = segmentation["counts"]
    if isinstance(counts, str):
        return lambda *_: Mask(width, height, counts)
    if isinstance(counts, list):
        return lambda *_: encode_runs(counts, width, height)
    raise ValueError("a mask whose run lengths are neither a list nor a text")
