"""Deployments of cameras, summarised from their images."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from bioclip_x.plugin import RecipeError, guess_delimiter, read_text, take_first_line
from bioclip_x_plugins.reports.exchange.times import format_time

PLACES: Final = 65536
"""Different coordinates of a deployment that are kept; a camera in its place has few."""
REQUIRED: Final = ("deploymentID", "latitude", "longitude", "deploymentStart", "deploymentEnd")
"""What Camtrap DP 1.0.1 requires of a deployment."""


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


def read_deployments(path: Path | None) -> dict[str, dict[str, str]]:
    """Reads a table of deployments, with Camtrap DP's columns: deploymentID → columns. Raises RecipeError."""
    if path is None:
        return {}
    text = read_text(path, RecipeError)
    rows = csv.DictReader(text.splitlines(), delimiter=guess_delimiter(take_first_line(text)))
    if "deploymentID" not in (rows.fieldnames or ()):
        raise RecipeError(
            f"{path}: expected a column deploymentID, got {', '.join(rows.fieldnames or ()) or 'no columns'}"
        )
    return {
        row["deploymentID"].strip(): {name: (value or "").strip() for name, value in row.items() if name}
        for row in rows
        if row["deploymentID"]
    }
