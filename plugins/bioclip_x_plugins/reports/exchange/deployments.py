"""Deployments of cameras, summarised from their images."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from bioclip_x.plugin import (
    LINE_CHARACTERS,
    RecipeError,
    explain_csv_error,
    guess_delimiter,
    read_text,
    take_first_line,
)
from bioclip_x_plugins.reports.exchange.times import format_time, parse_time

PLACES: Final = 65536
"""Different coordinates of a deployment that are kept; a camera in its place has few."""
REQUIRED: Final = ("deploymentID", "latitude", "longitude", "deploymentStart", "deploymentEnd")
"""What Camtrap DP 1.0.1 requires of a deployment."""
NUMBERS: Final[dict[str, tuple[float, float, bool]]] = {
    "latitude": (-90, 90, False),
    "longitude": (-180, 180, False),
    "coordinateUncertainty": (1, math.inf, True),
    "cameraDelay": (0, math.inf, True),
    "cameraHeight": (0, math.inf, False),
    "cameraDepth": (0, math.inf, False),
    "cameraTilt": (-90, 90, True),
    "cameraHeading": (0, 360, True),
    "detectionDistance": (0, math.inf, False),
}
"""Column → its least and largest number, and whether it is a whole one, by deployments-table-schema.json."""
TIMES: Final = ("deploymentStart", "deploymentEnd")
DEGREE: Final = 111_700
"""Metres of a degree of latitude at the poles, the longest one."""


@dataclass(slots=True)
class Deployment:
    """One placement of a camera: its period, from the first image to the last, and its place, the median of the images'."""

    start: datetime | None = None
    end: datetime | None = None
    latitudes: Counter[float] = field(default_factory=Counter)
    longitudes: Counter[float] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)

    def add(self, time: datetime | None, metadata: Mapping[str, Any]) -> None:
        """Adds an image."""
        if time is not None:
            self.start, self.end = min(self.start or time, time), max(self.end or time, time)
        for counter, name in ((self.latitudes, "latitude"), (self.longitudes, "longitude")):
            value = metadata.get(name)
            if isinstance(value, float) and (value in counter or len(counter) < PLACES):
                counter[value] += 1
        model = "-".join(str(metadata[name]) for name in ("camera_make", "camera_model") if metadata.get(name))
        if model and (model in self.models or len(self.models) < PLACES):
            self.models[model] += 1


def find_median(counted: Counter[float]) -> float | None:
    """The lower median of counted values; None for none.

    >>> find_median(Counter({1.0: 2, 5.0: 1})), find_median(Counter())
    (1.0, None)
    """
    values = sorted(counted)
    reached = accumulate(counted[value] for value in values)
    half = (counted.total() + 1) // 2
    return next((value for value, number in zip(values, reached) if number >= half), None)


def make_deployment_row(name: str, one: Deployment, given: Mapping[str, str]) -> dict[str, object]:
    """A row of deployments.csv. given: columns that somebody knows better, blank ones excepted."""
    row: dict[str, object] = {
        "deploymentID": name,
        "latitude": find_median(one.latitudes),
        "longitude": find_median(one.longitudes),
        "deploymentStart": format_time(one.start),
        "deploymentEnd": format_time(one.end),
        "cameraModel": one.models.most_common(1)[0][0] if one.models else "",
    }
    return row | {column: value for column, value in given.items() if value}


def blur(row: Mapping[str, object], decimals: int | None) -> dict[str, object]:
    """A row with its place rounded, and what that adds to the uncertainty, in metres. decimals: None for no rounding.

    >>> blur({"latitude": "52.52", "longitude": 13.375, "coordinateUncertainty": "30"}, 1)
    {'latitude': 52.5, 'longitude': 13.4, 'coordinateUncertainty': 7929}
    """
    places = [row.get(name) for name in ("latitude", "longitude")]
    if decimals is None or places == [None, None]:
        return dict(row)
    latitude, longitude = (one if one in (None, "") else round(float(str(one)), decimals) for one in places)
    known = float(str(row.get("coordinateUncertainty") or 0))
    uncertainty = math.ceil(known + math.hypot(0.5, 0.5) * DEGREE / 10**decimals)
    return {**row, "latitude": latitude, "longitude": longitude, "coordinateUncertainty": uncertainty}


def read_deployments(path: Path | None, zone: tzinfo | None) -> dict[str, dict[str, str]]:
    """Reads a table of deployments, with Camtrap DP's columns: deploymentID → columns, numbers with a point, times in ISO 8601.

    zone: of times without one, see `parse_time`. Raises RecipeError with the line for what is no number or time, or out of range.
    """
    if path is None:
        return {}
    text = read_text(path, RecipeError)
    csv.field_size_limit(LINE_CHARACTERS)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=guess_delimiter(take_first_line(text)), strict=True)
    known: dict[str, dict[str, str]] = {}
    try:
        if "deploymentID" not in (rows.fieldnames or ()):
            raise RecipeError(
                f"{path}: expected a column deploymentID, got {', '.join(rows.fieldnames or ()) or 'no columns'}"
            )
        for row in rows:
            name, where = (row["deploymentID"] or "").strip(), f"{path}, line {rows.line_num}"
            if name in known:
                raise RecipeError(f"{where}: the deployment {name} is there twice")
            if name:
                known[name] = _read_row({column: (row[column] or "").strip() for column in row if column}, where, zone)
    except csv.Error as problem:
        raise RecipeError(f"{path}, line {rows.line_num}: {explain_csv_error(problem)}") from None
    return known


def _read_row(row: dict[str, str], where: str, zone: tzinfo | None) -> dict[str, str]:
    for column, cell in row.items():
        if cell and column in NUMBERS:
            row[column] = _read_number(column, cell, where)
        elif cell and column in TIMES:
            time = parse_time(cell, zone)
            if time is None:
                raise RecipeError(f"{where}: {column} must be a date and time in ISO 8601, got {cell!r}")
            row[column] = format_time(time)
    times = [time for column in TIMES if (time := parse_time(row.get(column), zone))]
    if times != sorted(times):
        raise RecipeError(f"{where}: deploymentEnd {row['deploymentEnd']} is before {row['deploymentStart']}")
    return row


def _read_number(column: str, cell: str, where: str) -> str:
    """A number with a point or a decimal comma, as text with a point."""
    least, largest, is_whole = NUMBERS[column]
    kind = "a whole number" if is_whole else "a number"
    bounds = f"of at least {least:g}" if largest == math.inf else f"between {least:g} and {largest:g}"
    try:
        number = float(cell.replace(",", "."))
    except ValueError:
        number = math.nan
    if not (least <= number <= largest and math.isfinite(number)) or (is_whole and number != int(number)):
        raise RecipeError(f"{where}: {column} must be {kind} {bounds}, got {cell[:40]!r}")
    return str(int(number)) if is_whole else cell.replace(",", ".")
