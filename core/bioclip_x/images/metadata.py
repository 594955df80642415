"""Metadata of images: what EXIF data says of date, place and camera."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from PIL import ExifTags, Image

from bioclip_x.records.features import Metadata

NUMBERS: Final = {"latitude": 90.0, "longitude": 180.0}
"""Names of metadata that are numbers, and their largest absolute value."""


def read_exif(image: Image.Image) -> Metadata:
    """Reads date, place and camera from an image's EXIF data. What is missing, damaged or impossible is left out."""
    try:
        exif = image.getexif()
    except Exception:  # the parser raises almost anything on damaged metadata
        return {}
    photo, gps = (
        _try(lambda ifd: dict(exif.get_ifd(ifd)), ifd) or {} for ifd in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
    )
    dates = (
        _try(read_date, photo.get(tag)) for tag in (ExifTags.Base.DateTimeOriginal, ExifTags.Base.DateTimeDigitized)
    )
    values: dict[str, str | float | None] = {
        "date": next(filter(None, dates), None),
        **_read_place(gps),
        "camera_make": _try(lambda: _read_text(exif[ExifTags.Base.Make])),
        "camera_model": _try(lambda: _read_text(exif[ExifTags.Base.Model])),
    }
    return {name: value for name, value in values.items() if value not in (None, "")}


def read_date(value: Any) -> str:
    """Converts an EXIF date, "2024:05:12 07:30:00", to ISO 8601. Raises ValueError for another form or an impossible date."""
    return datetime.strptime(_read_text(value), "%Y:%m:%d %H:%M:%S").isoformat()


def read_degrees(parts: Any, reference: Any, largest: float) -> float:
    """Converts degrees, minutes and seconds to decimal degrees, negative in the south and west.

    reference: N, S, E or W. largest: absolute value. Raises ValueError for anything else.
    """
    direction = _read_text(reference).upper()[:1]
    if direction not in tuple("NSEW"):
        raise ValueError(f"expected N, S, E or W, got {reference!r}")
    try:
        degrees = math.fsum(float(part) / unit for part, unit in zip(parts, (1, 60, 3600), strict=True))
    except ZeroDivisionError:  # of a rational number in Pillow before 13, which later is nan
        raise ValueError("expected degrees, minutes and seconds, got a division by zero") from None
    if not 0 <= degrees <= largest:  # also nan
        raise ValueError(f"expected at most {largest} degrees, got {degrees}")
    return -degrees if direction in "SW" else degrees


def convert_cell(name: str, value: Any) -> str | float | None:
    """Converts a cell of a table: None if it is empty; `latitude` and `longitude` to numbers, if they are.

    Numbers of typed tables stay numbers, all else is text.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else None
    text = "" if value is None else str(value).strip()
    if name in NUMBERS:
        number: float | None = _try(float, text)
        if number is not None and abs(number) <= NUMBERS[name]:
            return number
    return text or None


def _read_place(gps: Mapping[int, Any]) -> dict[str, float]:
    """Returns latitude and longitude; neither if one of the two cannot be read."""
    tags = ExifTags.GPS
    latitude = _try(read_degrees, gps.get(tags.GPSLatitude), gps.get(tags.GPSLatitudeRef), NUMBERS["latitude"])
    longitude = _try(read_degrees, gps.get(tags.GPSLongitude), gps.get(tags.GPSLongitudeRef), NUMBERS["longitude"])
    return {} if latitude is None or longitude is None else {"latitude": latitude, "longitude": longitude}


def _read_text(value: Any) -> str:
    """Returns a text without the zeros and blanks that cameras pad it with. Raises ValueError for what is none."""
    text = value.decode("ascii") if isinstance(value, bytes) else value
    if not isinstance(text, str):
        raise ValueError(f"expected text, got {type(value).__name__}")
    return text.partition("\0")[0].strip()


def _try(read: Callable[..., Any], *arguments: Any) -> Any:
    """Returns what is read, None if it is missing or damaged: Pillow's values raise almost anything."""
    try:
        return read(*arguments)
    except Exception:
        return None
