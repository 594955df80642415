"""Metadata of images: what EXIF data says of date, place and camera, and what the cells of a table say."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from PIL import ExifTags, Image

from bioclip_x.io.numbers import parse_whole_number
from bioclip_x.records.features import Metadata

NUMBERS: Final = {"latitude": 90.0, "longitude": 180.0, "altitude": 100_000.0}
"""Names of metadata that are numbers, and their largest absolute value."""
DATE: Final = "date"
COUNTRY: Final = "countryCode"
KNOWN_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    DATE: (
        "date", "eventdate", "timestamp", "datetime", "date_time", "datetimeoriginal", "date_time_original",
        "capture_date", "captured_at", "date_captured", "observation_date",
    ),
    "latitude": ("latitude", "decimallatitude", "decimal_latitude", "lat", "gps_latitude"),
    "longitude": ("longitude", "decimallongitude", "decimal_longitude", "lon", "lng", "long", "gps_longitude"),
    "altitude": ("altitude", "elevation", "gps_altitude"),
    COUNTRY: ("countrycode", "country_code", "country"),
    "region": ("region", "admin1_region"),
    "camera_make": ("camera_make", "cameramake"),
    "camera_model": ("camera_model", "cameramodel"),
    "camera_serial": ("camera_serial", "cameraserial", "camera_serial_number"),
}  # fmt: skip
"""Name of metadata → the columns that hold it, lower case, in the order in which they are looked for."""

_ISO_DATE: Final = re.compile(
    r"(\d{4})[-:](\d\d)[-:](\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
"""ISO 8601 as Python 3.10 does not read it (Z, a fraction of any length), and EXIF's form, 2024:05:12 07:30:00."""
_COUNTRY: Final = re.compile("[A-Za-z]{2,3}")


def read_exif(image: Image.Image) -> Metadata:
    """Reads date, place and camera from an image's EXIF data. What is missing, damaged or impossible is left out."""
    try:
        exif = image.getexif()
    except Exception:  # the parser raises almost anything on damaged metadata
        return {}
    photo, gps = (
        _try(lambda ifd: dict(exif.get_ifd(ifd)), ifd) or {} for ifd in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
    )
    values: dict[str, str | float | None] = {
        DATE: _read_moment(photo),
        **_read_place(gps),
        "altitude": _try(_read_altitude, gps),
        "camera_make": _try(lambda: _read_text(exif[ExifTags.Base.Make])),
        "camera_model": _try(lambda: _read_text(exif[ExifTags.Base.Model])),
        "camera_serial": _try(lambda: _read_text(photo[ExifTags.Base.BodySerialNumber])),
    }
    return {name: value for name, value in values.items() if value not in (None, "")}


def read_date(value: Any) -> str:
    """Converts an EXIF date, "2024:05:12 07:30:00", to ISO 8601. Raises ValueError for another form or an impossible date."""
    return datetime.strptime(_read_text(value), "%Y:%m:%d %H:%M:%S").isoformat()


def parse_date(text: str) -> str:
    """Converts a date, or a date and time, to ISO 8601 with the fraction and offset that are given.

    Raises ValueError for another form, an interval, a date that is not whole, or an impossible one.

    >>> parse_date("2024-05-12"), parse_date("2024:05:12 07:30:00"), parse_date("2024-05-12T07:30Z")
    ('2024-05-12', '2024-05-12T07:30:00', '2024-05-12T07:30:00+00:00')
    """
    match = _ISO_DATE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"expected a date in ISO 8601, got {text!r}")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    if hour is None:
        return datetime(int(year), int(month), int(day)).date().isoformat()
    micros = int((fraction or "0").ljust(6, "0")[:6])
    moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micros)
    return moment.isoformat() + _format_offset(offset or "")


def add_seconds(date: str, seconds: float) -> str:
    """Adds seconds to a date with a time, as `parse_date` returns it; a date alone stays as it is.

    >>> add_seconds("2024-05-12T23:59:58+02:00", 3.5)
    '2024-05-13T00:00:01.500000+02:00'
    """
    try:
        return (datetime.fromisoformat(date) + timedelta(seconds=seconds)).isoformat() if "T" in date else date
    except (ValueError, OverflowError):
        return date


def _format_offset(offset: str) -> str:
    """Formats an offset from UTC as +02:00. Raises ValueError for an impossible one."""
    if not offset or offset == "Z":
        return "+00:00" if offset else ""
    hours, minutes = int(offset[1:3]), int(offset[-2:]) if len(offset) > 3 else 0
    if hours > 14 or minutes > 59:
        raise ValueError(f"expected an offset from UTC, got {offset!r}")
    return f"{offset[0]}{hours:02}:{minutes:02}"


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
    """Converts a cell of a table: None if it is empty; those of `NUMBERS` to numbers, if they are, and dates to ISO 8601.

    Numbers of typed tables stay numbers, all else is text.
    """
    if name == DATE and value is not None and (date := _try(parse_date, str(value))):
        return str(date)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else None
    text = "" if value is None else str(value).strip()
    if name in NUMBERS:
        number: float | None = _try(float, text)
        if number is not None and abs(number) <= NUMBERS[name]:
            return number
    return text or None


def read_cells(columns: Sequence[str], cells: Sequence[Any], unused: Collection[int] = ()) -> Metadata:
    """Returns the cells of a row that are not empty, by column; those of a column of `KNOWN_NAMES` by that name.

    A cell that is no such value stays text under its column's own name: `eventDate` "in May", `country` "Kenya".
    unused: the columns that are left out.
    """
    values = {
        name: value
        for i, (column, cell) in enumerate(zip(columns, cells))
        if i not in unused and (name := column.strip()) and (value := convert_cell(name, cell)) is not None
    }
    own_names = {name.lower(): name for name in reversed(values)}
    renamed: dict[str, tuple[str, str | float]] = {}
    for name, known in KNOWN_NAMES.items():
        for own in (own_names[column] for column in known if column in own_names and name not in values):
            value = convert_cell(name, values[own])
            if value is not None and _is_valid(name, value):
                renamed[own] = name, value
                break
    return dict(renamed.get(own, (own, value)) for own, value in values.items())


def _is_valid(name: str, value: str | float) -> bool:
    """Whether a value is of the kind that a known name stands for."""
    if name in NUMBERS:
        return isinstance(value, float) and abs(value) <= NUMBERS[name]
    if name == DATE:
        return isinstance(value, str) and _try(parse_date, value) is not None
    return name != COUNTRY or (isinstance(value, str) and _COUNTRY.fullmatch(value) is not None)


def _read_moment(photo: Mapping[int, Any]) -> str | None:
    """Returns when an image was taken, with the fraction of a second and the offset from UTC where they are given."""
    tags = ExifTags.Base
    for date, fraction, offset in (
        (tags.DateTimeOriginal, tags.SubsecTimeOriginal, tags.OffsetTimeOriginal),
        (tags.DateTimeDigitized, tags.SubsecTimeDigitized, tags.OffsetTimeDigitized),
    ):
        if whole := _try(read_date, photo.get(date)):
            digits = _try(_read_text, photo.get(fraction)) or ""
            zone = _try(_read_text, photo.get(offset)) or ""
            finer = f"{whole}.{digits}" if parse_whole_number(digits) else str(whole)
            return _try(parse_date, finer + zone) or _try(parse_date, finer) or str(whole)
    return None


def _read_altitude(gps: Mapping[int, Any]) -> float | None:
    """Returns metres above sea level, negative below it."""
    metres = float(gps[ExifTags.GPS.GPSAltitude])
    reference = gps.get(ExifTags.GPS.GPSAltitudeRef, 0)
    is_below = (reference[0] if isinstance(reference, bytes) else int(reference)) in (1, 3)
    return None if not abs(metres) <= NUMBERS["altitude"] else -metres if is_below else metres


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
