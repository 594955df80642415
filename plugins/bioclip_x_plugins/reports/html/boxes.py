"""Boxes drawn on an image, and what each image of an event had to say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bioclip_x.plugin import EventImage, Result
from bioclip_x_plugins.reports.result_text import describe_region, format_percent, format_signed, is_italic

COLOURS: Final = 7
"""Colours of boxes, Okabe and Ito's, which differ for every kind of colour vision; numbers tell boxes apart, too."""
RIGHT: Final = 55.0
"""Percent of the width from which the tag of a box begins at its right edge."""
ABOVE: Final = 12.0
"""Percent of the height that a tag above its box needs."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box in percent of the image. number: from 1. label: what stands at it. detection: what the detector says.

    tag_left, tag_right: where its tag begins, from that side; one of the two is None.
    """

    number: int
    left: float
    top: float
    width: float
    height: float
    label: str
    italic: bool
    is_named: bool
    detection: str
    tag_left: float | None
    tag_right: float | None

    @property
    def colour(self) -> int:
        return (self.number - 1) % COLOURS

    @property
    def is_tag_above(self) -> bool:
        return self.top >= ABOVE


@dataclass(frozen=True, slots=True)
class Share:
    """What an image of an event said. box: its number, 0 for an image without others.

    left, width: of its bar, in percent of the axis; zero: where that is nought.
    """

    file: str
    box: int
    probability: str
    contribution: str
    is_for: bool
    left: float
    width: float
    zero: float
    left_out: str


def make_box(result: Result) -> Box | None:
    """None for a whole image."""
    region = result.region
    if region is None:
        return None
    left, top, right, bottom = (
        round(100 * min(1.0, max(0.0, edge)), 2) if math.isfinite(edge) else 0.0 for edge in region.box
    )
    best = result.predictions[0] if result.predictions else None
    is_right = left > RIGHT
    return Box(
        number=result.region_number + 1,
        left=left,
        top=top,
        width=round(max(0.0, right - left), 2),
        height=round(max(0.0, bottom - top), 2),
        label=best.taxon.name if best else region.label or "not named",
        italic=bool(best) and is_italic(best.taxon.rank) if best else False,
        is_named=best is not None,
        detection=describe_region(region),
        tag_left=None if is_right else left,
        tag_right=round(100 - right, 2) if is_right else None,
    )


def make_shares(images: Sequence[EventImage]) -> tuple[Share, ...]:
    """Bars of contributions on one scale; of probabilities where there are no contributions."""
    sizes = [one.contribution if one.contribution is not None else one.probability for one in images]
    values = [size if math.isfinite(size) and not one.left_out else 0.0 for one, size in zip(images, sizes)]
    low, high = min(0.0, *values, 0.0), max(0.0, *values, 0.0)
    reach = (high - low) or 1.0
    zero = round(-100 * low / reach, 2)
    several = {one.source for one in images if one.region}
    return tuple(
        Share(
            file=one.source,
            box=one.region + 1 if one.source in several else 0,
            probability="" if one.left_out else format_percent(one.probability),
            contribution="" if one.contribution is None or one.left_out else format_signed(one.contribution),
            is_for=value >= 0,
            left=round(zero + 100 * min(0.0, value) / reach, 2),
            width=round(100 * abs(value) / reach, 2),
            zero=zero,
            left_out=one.left_out,
        )
        for one, value in zip(images, values)
    )
