"""Dates and times of images, with their time zone."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from bioclip_x.plugin import RecipeError, parse_whole_number

_LAST_SECOND: Final = 253_402_300_799
"""Of the year 9999, in seconds since 1970: datetime knows no later one."""


def parse_zone(text: str) -> tzinfo | None:
    """A time zone by its IANA name ("Europe/Berlin") or offset ("+01:00", "Z"); None, this machine's own, for "".

    Raises RecipeError for another text.
    """
    if not text:
        return None
    if text.upper() in ("Z", "UTC"):
        return timezone.utc
    if found := re.fullmatch(r"([+-])(\d\d):?(\d\d)", text):
        offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
        if offset < timedelta(hours=24):
            return timezone(-offset if found[1] == "-" else offset)
    try:
        return ZoneInfo(text)
    except (OSError, ValueError, KeyError):  # KeyError: ZoneInfoNotFoundError
        raise RecipeError(
            f"timezone: expected a name such as Europe/Berlin, or an offset such as +01:00, got {text!r}"
        ) from None


def parse_time(text: object, zone: tzinfo | None) -> datetime | None:
    """A date and time in ISO 8601 with its zone; None for any other text. zone: for one that names none; see `parse_zone`."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        if found.tzinfo is None:
            found = found.astimezone() if zone is None else found.replace(tzinfo=zone)
    except (ValueError, OverflowError, OSError):  # the latter two of years that the system does not know
        return None
    return found


def find_time(metadata: Mapping[str, object], zone: tzinfo | None) -> datetime | None:
    """When an image, or a frame, was taken: the date of a frame is its own already. None if it is unknown."""
    return parse_time(metadata.get("date"), zone)


def find_beginning(metadata: Mapping[str, object], seconds: float | None, zone: tzinfo | None) -> datetime | None:
    """When the recording began that a frame is from, `seconds` before it; for an image, when it was taken.

    A date without a time is that of the video as it is: no seconds were added to it.

    >>> find_beginning({"date": "2024-05-12T08:00:03.500000"}, 3.5, timezone.utc).isoformat()
    '2024-05-12T08:00:00+00:00'
    >>> find_beginning({"date": "2024-05-12"}, 3.5, timezone.utc).isoformat()
    '2024-05-12T00:00:00+00:00'
    """
    date = metadata.get("date")
    if not seconds or not isinstance(date, str) or "T" not in date:
        return find_time(metadata, zone)
    try:  # before the zone is added: the seconds were, too
        return parse_time((datetime.fromisoformat(date) - timedelta(seconds=seconds)).isoformat(), zone)
    except (ValueError, OverflowError):
        return find_time(metadata, zone)


def format_time(time: datetime | None) -> str:
    """ISO 8601 with an offset, to the second; "" for None.

    >>> format_time(datetime(2024, 5, 12, 7, 30, tzinfo=timezone(timedelta(hours=2)))), format_time(None)
    ('2024-05-12T07:30:00+02:00', '')
    """
    return time.replace(microsecond=0).isoformat() if time else ""


def read_clock() -> datetime:
    """Now, in UTC; the seconds of SOURCE_DATE_EPOCH where that is set, so that a report can be made again byte by byte
    (https://reproducible-builds.org/specs/source-date-epoch/).
    """
    fixed = parse_whole_number(os.environ.get("SOURCE_DATE_EPOCH", ""))
    if fixed is None or fixed > _LAST_SECOND:
        return datetime.now(timezone.utc)
    return datetime.fromtimestamp(fixed, timezone.utc)
