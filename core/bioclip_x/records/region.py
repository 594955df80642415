"""Parts of an image that are named on their own: boxes of a detector, with masks if it gives them."""

from __future__ import annotations

from dataclasses import dataclass

Box = tuple[float, float, float, float]
"""Left, top, right, bottom as fractions of the upright image's width and height, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Mask:
    """The pixels of an organism: a run-length encoding of the whole upright image.

    width, height: of the encoded mask, which may be smaller than the image. counts: COCO's compressed run lengths, column by
        column, as `pycocotools.mask` reads and writes them.
    """

    width: int
    height: int
    counts: str


@dataclass(frozen=True, slots=True)
class Region:
    """A box in an image, as a detector found it.

    box: see `Box`. label: the detector's class ("animal"), "" if it has none. confidence: the detector's, in [0, 1]; None if
    it is unknown. mask: the organism in the box; None if only the box is known. name: the detection's own identifier, "" if
    it has none. individual: identifier of the individual or track, "" if unknown.
    """

    box: Box
    label: str = ""
    confidence: float | None = None
    mask: Mask | None = None
    name: str = ""
    individual: str = ""
