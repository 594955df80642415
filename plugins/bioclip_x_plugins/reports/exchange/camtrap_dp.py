"""Camtrap DP: a folder with deployments.csv, media.csv, observations.csv and datapackage.json.

Version 1.0.1 of the Camera Trap Data Package, https://camtrap-dp.tdwg.org (Bubnicki et al. 2023, doi:10.1002/rse2.374).
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from bioclip_x.plugin import (
    BioclipXError,
    Provenance,
    RecipeError,
    ReportCapabilities,
    Result,
    escape_controls,
    list_some,
    open_output,
)
from bioclip_x_plugins.reports.exchange import datapackage
from bioclip_x_plugins.reports.exchange.deployments import (
    REQUIRED,
    Deployment,
    blur,
    make_deployment_row,
    read_deployments,
)
from bioclip_x_plugins.reports.exchange.kinds import explain, find_best, find_kind
from bioclip_x_plugins.reports.exchange.rows import RowWriter, SeenKeys
from bioclip_x_plugins.reports.exchange.sources import (
    find_deployment,
    find_media_type,
    make_id,
    make_relative,
    split_frame,
)
from bioclip_x_plugins.reports.exchange.times import (
    find_beginning,
    find_time,
    format_time,
    parse_time,
    parse_zone,
    read_clock,
)
from bioclip_x_plugins.reports.result_text import drop_infinite
from bioclip_x_plugins.reports.tables.json_documents import to_json

DEPLOYMENT_COLUMNS: Final = (
    "deploymentID", "locationID", "locationName", "latitude", "longitude", "coordinateUncertainty", "deploymentStart",
    "deploymentEnd", "setupBy", "cameraID", "cameraModel", "cameraDelay", "cameraHeight", "cameraDepth", "cameraTilt",
    "cameraHeading", "detectionDistance", "timestampIssues", "baitUse", "featureType", "habitat", "deploymentGroups",
    "deploymentTags", "deploymentComments",
)  # fmt: skip
MEDIA_COLUMNS: Final = (
    "mediaID", "deploymentID", "captureMethod", "timestamp", "filePath", "filePublic", "fileName", "fileMediatype", "exifData",
    "favorite", "mediaComments",
)  # fmt: skip
OBSERVATION_COLUMNS: Final = (
    "observationID", "deploymentID", "mediaID", "eventID", "eventStart", "eventEnd", "observationLevel", "observationType",
    "cameraSetupType", "scientificName", "count", "lifeStage", "sex", "behavior", "individualID", "individualPositionRadius",
    "individualPositionAngle", "individualSpeed", "bboxX", "bboxY", "bboxWidth", "bboxHeight", "classificationMethod",
    "classifiedBy", "classificationTimestamp", "classificationProbability", "observationTags", "observationComments",
)  # fmt: skip
OPEN_EVENTS: Final = 1000
"""Events without a result of their own yet whose times are kept; the result of an event follows those of its images."""
SMALLEST: Final = 1e-6
"""The least width of a box; the standard allows none of 0."""


class CamtrapDp:
    """Writes FOLDER, or the folder of FOLDER/datapackage.json. Other files in it are left alone.

    timezone: of dates without one, a name such as Europe/Berlin or an offset such as +01:00; this machine's by default.
    deployments: a table with Camtrap DP's columns of deployments, whose values precede what the images tell; those without
    images are listed, too. decimals: of coordinates; 5 is about a metre, 1 about 10 km; as they are known by default.
    latitude, longitude: of deployments whose place is not known otherwise. start, end: of deployments, likewise (ISO 8601).
    title, contributor: of the project, and who is named as its contributor. sampling, capture: the project's sampling design
    and capture method, which the standard requires and no image tells. safe: texts that a spreadsheet would take for a formula
    get an apostrophe before them.
    """

    capabilities = ReportCapabilities(reads_provenance=True)

    def __init__(
        self,
        *,
        timezone: str = "",
        deployments: Path | None = None,
        latitude: Annotated[float, Field(ge=-90, le=90)] | None = None,
        longitude: Annotated[float, Field(ge=-180, le=180)] | None = None,
        decimals: Annotated[int, Field(ge=0, le=7)] | None = None,
        start: str = "",
        end: str = "",
        title: str = "",
        contributor: str = "",
        sampling: Literal[
            "simpleRandom", "systematicRandom", "clusteredRandom", "experimental", "targeted", "opportunistic"
        ] = "opportunistic",
        capture: Literal["activityDetection", "timeLapse"] = "activityDetection",
        safe: bool = False,
    ) -> None:
        self.safe = safe
        self.zone = parse_zone(timezone)
        self.deployments, self.decimals = deployments, decimals
        self.given = {
            "latitude": "" if latitude is None else str(latitude),
            "longitude": "" if longitude is None else str(longitude),
            "deploymentStart": self._read_time("start", start),
            "deploymentEnd": self._read_time("end", end),
        }
        self.project = datapackage.Project(title, contributor, sampling, capture)

    def _read_time(self, option: str, text: str) -> str:
        found = parse_time(text, self.zone)
        if text and found is None:
            raise RecipeError(f"camtrap-dp: {option} must be a date and time in ISO 8601, got {text!r}")
        return format_time(found)

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[_Writer]:
        """The tables appear when all is written, and datapackage.json last: without it, a folder is no package."""
        if output is None:
            raise RecipeError("the format camtrap-dp writes a folder of tables: name it with --output FOLDER")
        folder = find_folder(output)
        known = read_deployments(self.deployments, self.zone)
        with _naming(folder):
            folder.mkdir(parents=True, exist_ok=True)
        try:
            with closing(SeenKeys()) as seen, ExitStack() as tables:
                media = tables.enter_context(open_output(folder / "media.csv"))
                observations = tables.enter_context(open_output(folder / "observations.csv"))
                deployments = tables.enter_context(open_output(folder / "deployments.csv"))
                writer = _Writer(self, folder, provenance, seen, media, observations)
                yield writer
                rows = self._make_rows(writer.deployments, known)
                table = RowWriter(deployments, DEPLOYMENT_COLUMNS, safe=self.safe)
                for row in rows:
                    table.write({column: value for column, value in row.items() if column in DEPLOYMENT_COLUMNS})
                with _naming(folder):
                    (folder / "datapackage.json").unlink(missing_ok=True)  # of an earlier run, whose tables go now
            lacking = list_lacking(rows, writer.undated)
            document = datapackage.make_document(self.project, provenance, rows, writer.summary, writer.time, lacking)
            with open_output(folder / "datapackage.json") as stream:
                stream.write(to_json(document, indent=2) + "\n")
        except BaseException:
            _remove_empty(folder)
            raise
        for line in lacking:
            print(f"note: camtrap-dp: {escape_controls(line)}", file=sys.stderr)

    def _make_rows(self, seen: dict[str, Deployment], known: dict[str, dict[str, str]]) -> list[dict[str, object]]:
        """All deployments: a camera that saw nothing was there, too, which is survey effort."""
        rows = []
        for name in sorted({*seen, *known}):
            one = seen.get(name, Deployment())
            given = _merge(self.given, known.get(name, {}), make_deployment_row(name, one, {}))
            rows.append(blur(make_deployment_row(name, one, given), self.decimals))
        return rows

    def read_provenance(self, path: Path) -> dict[str, Any]:
        return datapackage.read_provenance(find_folder(path) / "datapackage.json" if path.is_dir() else path)


@dataclass(slots=True)
class _Event:
    """What is known of an event before its own result."""

    deployment: str
    start: datetime | None = None
    end: datetime | None = None


class _Writer:
    def __init__(
        self, report: CamtrapDp, folder: Path, provenance: Provenance, seen: SeenKeys, media: Any, observations: Any
    ) -> None:
        self._report, self._folder, self._seen = report, folder, seen
        self._media = RowWriter(media, MEDIA_COLUMNS, safe=report.safe)
        self._observations = RowWriter(observations, OBSERVATION_COLUMNS, safe=report.safe)
        self._events: OrderedDict[str, _Event] = OrderedDict()
        self.time = read_clock()
        self._common = {
            "classificationMethod": "machine",
            "classifiedBy": f"bioclip-x {provenance.version}, {provenance.model} ({provenance.revision})",
            "classificationTimestamp": format_time(self.time),
        }
        self.deployments: dict[str, Deployment] = {}
        self.undated = 0
        self.summary = datapackage.Summary()

    def write(self, result: Result) -> None:
        """Each image is a row of media, each of its regions and each event a row of observations."""
        if result.level == "event":
            self._write_event(result)
        else:
            self._write_image(result)

    def _write_image(self, result: Result) -> None:
        file, seconds = split_frame(result.source)
        path = make_relative(file, self._folder)
        deployment = find_deployment(result, path)
        taken = find_time(result.metadata, self._report.zone)
        media = make_id(file)
        if self._seen.add(media):
            recorded = find_beginning(result.metadata, seconds, self._report.zone)
            self._write_media(result, media, file, path, deployment, recorded)
        key = make_id(result.source) + (f"-{result.region_number}" if result.region else "")
        if not self._seen.add(f"observation {key}"):
            return  # an image that was asked for twice
        event = self._remember(result, deployment, taken)
        self._write_observation(
            result, f"{key}", deployment, taken, taken, mediaID=media, eventID=event, observationLevel="media"
        )

    def _write_media(
        self, result: Result, media: str, file: str, path: str, deployment: str, recorded: datetime | None
    ) -> None:
        self.deployments.setdefault(deployment, Deployment()).add(recorded, result.metadata)
        self.undated += recorded is None
        camera = {"Make": result.metadata.get("camera_make"), "Model": result.metadata.get("camera_model")}
        exif = {name: value for name, value in camera.items() if value}
        notes = [result.error, *result.notes]
        self._media.write({
            "mediaID": media,
            "deploymentID": deployment,
            "timestamp": format_time(recorded),
            "filePath": datapackage.make_path(path),
            "filePublic": False,
            "fileName": path.rpartition("/")[2],
            "fileMediatype": find_media_type(file),
            "exifData": to_json({"EXIF": exif}) if exif else "",
            "mediaComments": "; ".join(filter(None, notes)),
        })  # fmt: skip

    def _remember(self, result: Result, deployment: str, taken: datetime | None) -> str:
        """Keeps the period of the event that the image belongs to. Returns the event's name."""
        if not result.event:
            return ""
        event = self._events.setdefault(result.event, _Event(deployment))
        if taken:
            event.start, event.end = min(event.start or taken, taken), max(event.end or taken, taken)
        if len(self._events) > OPEN_EVENTS:
            self._events.popitem(last=False)
        return result.event

    def _write_event(self, result: Result) -> None:
        name = result.event or result.source
        first = next((one.source for one in result.images), result.source)
        path = make_relative(split_frame(first)[0], self._folder)
        event = self._events.get(name) or _Event(find_deployment(Result(first, metadata=result.metadata), path))
        if result.region_number == result.n_regions - 1:  # several organisms in one event have a result each
            self._events.pop(name, None)
        self.deployments.setdefault(event.deployment, Deployment())
        if self._seen.add(f"event {result.source}"):
            key = f"e-{make_id(result.source)}"
            self._write_observation(
                result, key, event.deployment, event.start, event.end, eventID=name, observationLevel="event"
            )

    def _write_observation(
        self,
        result: Result,
        key: str,
        deployment: str,
        start: datetime | None,
        end: datetime | None,
        **columns: object,
    ) -> None:
        kind, best, region = find_kind(result), find_best(result), result.region
        probability = best.probability if best else region.confidence if region else None
        self.summary.add(result, kind)
        self._observations.write({
            "observationID": key,
            "deploymentID": deployment,
            "eventStart": format_time(start),
            "eventEnd": format_time(end),
            "observationType": kind,
            "scientificName": best.taxon.name if best else "",
            "count": 1 if region and kind in ("animal", "human") else None,
            "individualID": region.individual if region else "",
            **(make_box(region.box) if region else {}),
            **(self._common if kind != "unclassified" else {}),
            "classificationProbability": None if probability is None else drop_infinite(probability),
            "observationComments": explain(result),
            **columns,
        })  # fmt: skip


def find_folder(output: Path) -> Path:
    """The folder of a package, which may be named by its datapackage.json."""
    return output.parent if output.name == "datapackage.json" else output


def make_box(box: tuple[float, float, float, float]) -> dict[str, object]:
    """Camtrap DP's columns of a box: its left upper corner, width and height, within the image.

    >>> make_box((0.25, 0.5, 0.75, 1.0))
    {'bboxX': 0.25, 'bboxY': 0.5, 'bboxWidth': 0.5, 'bboxHeight': 0.5}
    """
    left, top, right, bottom = (min(1.0, max(0.0, edge)) for edge in box)
    sizes = {"bboxX": left, "bboxY": top, "bboxWidth": right - left, "bboxHeight": bottom - top}
    return {name: max(SMALLEST if name[4] in "WH" else 0.0, round(value, 6)) for name, value in sizes.items()}


def list_lacking(rows: list[dict[str, object]], undated: int) -> tuple[str, ...]:
    """What Camtrap DP requires and nobody told, a line each."""
    lines = []
    for column in REQUIRED[1:]:
        if without := [str(row["deploymentID"]) for row in rows if row[column] in (None, "")]:
            lines.append(f"{column} is required and not known of the deployments {list_some(without, 3)}")
    if undated:
        lines.append(f"timestamp is required and not known of {undated} media")
    if not rows:
        lines.append("there are no images")
    if lines:
        lines.append("the package is not valid until this is filled in; see the options of camtrap-dp")
    return tuple(lines)


def _merge(defaults: dict[str, str], known: dict[str, str], told: dict[str, object]) -> dict[str, str]:
    """What precedes what the images tell: a table's values, and options where neither the table nor the images tell any."""
    lacking = {name: value for name, value in defaults.items() if told.get(name) in (None, "")}
    return {**lacking, **{name: value for name, value in known.items() if value}}


@contextmanager
def _naming(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise BioclipXError(f"{folder} cannot be written: {problem.strerror or problem}") from problem


def _remove_empty(folder: Path) -> None:
    """Removes a folder that a run made and left empty."""
    try:
        folder.rmdir()
    except OSError:
        return
