"""Which images belong to one event: those of a folder, with one value in a column, or taken shortly after one another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from bioclip_x.errors import RecipeError
from bioclip_x.messages import list_some
from bioclip_x.records import Source
from bioclip_x.records.features import Metadata

SECONDS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
LONGEST: Final = 366 * 86400
"""Seconds."""
CAMERA: Final = ("deployment", "deploymentID", "camera", "camera_serial", "camera_make", "camera_model")
"""Metadata that tell cameras apart, besides the folder."""

_TIME: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*(s|m|min|h|d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Grouping:
    """How images are grouped. column: of the metadata. seconds: largest gap between two images of one event."""

    kind: Literal["folder", "column", "gap"]
    column: str = ""
    seconds: float = 0.0


def parse_grouping(text: str) -> Grouping:
    """Parses `--event-by`. Raises RecipeError.

    >>> parse_grouping("60s"), parse_grouping("column:sequence")
    (Grouping(kind='gap', column='', seconds=60.0), Grouping(kind='column', column='sequence', seconds=0.0))
    """
    if text == "folder":
        return Grouping("folder")
    if text.startswith("column:") and (column := text.removeprefix("column:").strip()):
        return Grouping("column", column)
    if found := _TIME.fullmatch(text.strip()):
        seconds = float(found[1]) * SECONDS[found[2]]
        if 0 < seconds <= LONGEST:
            return Grouping("gap", seconds=seconds)
    raise RecipeError(
        f"--event-by: expected folder, column:NAME or a time (60s, 5min, 1h; at most a year), got {text!r}"
    )


def group_sources(
    sources: Iterable[Source], grouping: Grouping, read_metadata: Callable[[Source], Metadata]
) -> list[Source]:
    """Returns the sources with their events, those of one event after one another, events in the order of their first image.

    read_metadata: returns what the file of an image says of it, without decoding it.
    An image without what it is grouped by (no date, an empty cell) is an event of its own: it gets none. So are inputs that
    cannot be read. Frames of one video are one event, whatever the grouping is.

    Raises RecipeError for a column that no image has.
    """
    many = list(sources)
    if grouping.kind == "gap":
        names: Sequence[str] = _name_by_gap(many, grouping.seconds, read_metadata)
    elif grouping.kind == "column":
        names = _name_by_column(many, grouping.column, read_metadata)
    else:
        names = ["" if one.error else _name_video(one) or _get_folder(one) for one in many]
    members: dict[str, list[Source]] = {}
    for number, (source, name) in enumerate(zip(many, names)):
        members.setdefault(name or f"\0{number}", []).append(source)
    return [one for name, group in members.items() for one in _mark("" if name[0] == "\0" else name, group)]


def _mark(name: str, group: Sequence[Source]) -> Iterator[Source]:
    for number, source in enumerate(group, start=1):
        yield replace(source, event=name, last_of_event=bool(name) and number == len(group)) if name else source


def _name_by_column(
    sources: Sequence[Source], column: str, read_metadata: Callable[[Source], Metadata]
) -> Sequence[str]:
    """Names events by the value in a column, whose name is compared without regard to case."""
    names, known = [], set[str]()
    for source in sources:
        metadata = {} if source.error else {**read_metadata(source), **source.metadata}
        known |= metadata.keys()
        value = next((value for name, value in metadata.items() if name.casefold() == column.casefold()), "")
        names.append(_name_video(source) or ("" if value == "" else f"{column} {_format(value)}"))
    if sources and not any(name.casefold() == column.casefold() for name in known):
        raise RecipeError(f"--event-by column:{column}: no image has it; known: {list_some(sorted(known)) or 'none'}")
    return names


def _name_video(source: Source) -> str:
    """Returns the event of a frame, which is its video; "" for an image."""
    return str(source.path) if source.seconds is not None and source.path is not None else ""


def _get_folder(source: Source) -> str:
    return "" if source.path is None else str(source.path.parent)


def _name_by_gap(
    sources: Sequence[Source], seconds: float, read_metadata: Callable[[Source], Metadata]
) -> Sequence[str]:
    """Names events by camera and time: `FOLDER 2024-05-12T07:30:00`, the time of the first image."""
    names = [""] * len(sources)
    times: dict[tuple[str, ...], list[tuple[datetime, int]]] = {}
    for number, source in enumerate(sources):
        names[number] = _name_video(source)
        if source.error or names[number]:
            continue
        of_file = read_metadata(source)
        metadata = {**of_file, **source.metadata}
        date = read_time(metadata.get("date")) or read_time(of_file.get("date"))
        if date is not None:
            camera = (_get_folder(source), *(str(metadata.get(name, "")) for name in CAMERA))
            times.setdefault(camera, []).append((date, number))
    taken: set[str] = set()
    for camera, images in times.items():
        images.sort()
        name, before = "", None
        for date, number in images:
            if before is None or (date - before).total_seconds() > seconds:
                name = _make_unique(f"{camera[0]} {date.isoformat()}".strip(), taken)
            names[number], before = name, date
    return names


def read_time(value: object) -> datetime | None:
    """Reads a date of the metadata, as local time; None where it is none. A time zone is left out: cameras of one place."""
    if not isinstance(value, str):
        return None
    text = value.strip().removesuffix("Z")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None


def _make_unique(name: str, taken: set[str]) -> str:
    """Two cameras may share a folder and a second."""
    unique, number = name, 2
    while unique in taken:
        unique, number = f"{name} ({number})", number + 1
    taken.add(unique)
    return unique


def _format(value: str | float) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
