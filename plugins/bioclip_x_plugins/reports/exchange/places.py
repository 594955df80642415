"""Places of images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Place(NamedTuple):
    """Decimal degrees, WGS 84."""

    latitude: float
    longitude: float


def find_place(metadata: Mapping[str, object], decimals: int) -> Place | None:
    """The position, rounded, if both coordinates are known.

    >>> find_place({"latitude": 51.123456, "longitude": -0.2}, 2), find_place({"latitude": 51.0}, 2)
    (Place(latitude=51.12, longitude=-0.2), None)
    """
    latitude, longitude = metadata.get("latitude"), metadata.get("longitude")
    if not isinstance(latitude, float) or not isinstance(longitude, float):
        return None
    return Place(round(latitude, decimals), round(longitude, decimals))
