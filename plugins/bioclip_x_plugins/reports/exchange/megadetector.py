"""MegaDetector's batch output, which Timelapse, AddaxAI and MegaDetector's own tools read.

Format 1.4, https://lila.science/megadetector-output-format (`megadetector-output-format.md` of agentmorris/MegaDetector).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from bioclip_x.plugin import Prediction, Provenance, ReportCapabilities, Result, open_output
from bioclip_x_plugins.reports.exchange.kinds import Kind, find_kind
from bioclip_x_plugins.reports.exchange.rows import SeenKeys
from bioclip_x_plugins.reports.exchange.sources import make_relative, split_frame
from bioclip_x_plugins.reports.exchange.times import read_clock
from bioclip_x_plugins.reports.tables.json_documents import to_json

CATEGORIES: Final[dict[str, str]] = {"1": "animal", "2": "person", "3": "vehicle"}
NUMBERS: Final[dict[Kind, str]] = {"animal": "1", "human": "2", "vehicle": "3", "unknown": "1"}
"""What a result shows → its category; a box of something unknown is an animal's, as tools know no fourth."""
WHOLE: Final = (0.0, 0.0, 1.0, 1.0)
DECIMALS: Final = 5


class MegaDetector:
    """A box is a detection with the detector's confidence and the names as classifications. An image that was named as a whole
    is one detection of the whole image, with confidence 1: the image was taken to show an organism.

    frame_rate: of videos, which the format asks for and results do not tell; frames are counted by it.
    """

    capabilities = ReportCapabilities()

    def __init__(self, *, frame_rate: Annotated[float, Field(gt=0)] = 1.0) -> None:
        self.frame_rate = frame_rate

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[_Writer]:
        """The categories, known at the end, follow the images."""
        folder = output.parent if output else Path()
        with closing(SeenKeys()) as seen, open_output(output, keep_partial=True) as stream:
            stream.write('{"images": [')
            writer = _Writer(stream, folder, self.frame_rate, seen)
            yield writer
            writer.finish()
            members = {
                "detection_categories": CATEGORIES,
                "classification_categories": {number: name for name, (number, _) in writer.classes.items()},
                "classification_category_descriptions": {number: told for number, told in writer.classes.values()},
                "info": {
                    "format_version": "1.4",
                    "classifier": f"bioclip-x {provenance.version}, {provenance.model} ({provenance.revision})",
                    "classification_completion_time": read_clock().strftime("%Y-%m-%d %H:%M:%S"),
                },
            }
            stream.write(f"\n], {to_json(members)[1:]}\n")


@dataclass(slots=True)
class _Image:
    """An image, or all frames of a video, before it is written. is_read: whether it, or one of its frames, could be read."""

    name: str
    is_video: bool = False
    failure: str = ""
    is_read: bool = False
    detections: list[dict[str, Any]] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)


class _Writer:
    """classes: label → its number and lineage, in the order in which they came."""

    def __init__(self, stream: Any, folder: Path, frame_rate: float, seen: SeenKeys) -> None:
        self._stream, self._folder, self._rate, self._seen = stream, folder, frame_rate, seen
        self._before = "\n"
        self._image: _Image | None = None
        self.classes: dict[str, tuple[str, str]] = {}

    def write(self, result: Result) -> None:
        """Results of one image, and frames of one video, follow one another. The format has no events."""
        if result.level == "event":
            return
        file, seconds = split_frame(result.source)
        name = make_relative(file, self._folder)
        if self._image is None or name != self._image.name:
            self.finish()
            if not self._seen.add(name):
                return  # an image that was asked for twice
            self._image = _Image(name, seconds is not None)
        if not self._seen.add(f"{name}\0{'' if seconds is None else seconds}\0{result.region_number}"):
            return
        self._add(self._image, result, seconds)

    def finish(self) -> None:
        """Writes the image at hand."""
        image, self._image = self._image, None
        if image is None:
            return
        failed = bool(image.failure) and not image.is_read
        document: dict[str, Any] = {"file": image.name, "detections": None if failed else image.detections}
        if failed:
            document["failure"] = image.failure
        if image.is_video:
            document |= {"frame_rate": self._rate, "frames_processed": image.frames}
        self._stream.write(self._before + to_json(document))
        self._before = ",\n"

    def _add(self, image: _Image, result: Result, seconds: float | None) -> None:
        frame = None if seconds is None else round(seconds * self._rate)
        if frame is not None and frame not in image.frames[-1:]:
            image.frames.append(frame)
        kind = find_kind(result)
        if kind == "unclassified":
            image.failure = image.failure or result.error
            return
        image.is_read = True
        if kind != "blank":
            detection = self._make_detection(result, kind)
            image.detections.append(detection if frame is None else {**detection, "frame_number": frame})

    def _make_detection(self, result: Result, kind: Kind) -> dict[str, Any]:
        region = result.region
        left, top, right, bottom = (min(1.0, max(0.0, edge)) for edge in (region.box if region else WHOLE))
        confidence = 1.0 if region is None or region.confidence is None else region.confidence
        named = [
            [self._number(one), round(one.probability, DECIMALS)] for one in result.predictions if one.probability >= 0
        ]
        return {
            "category": NUMBERS[kind],
            "conf": round(float(confidence), DECIMALS),
            "bbox": [round(edge, DECIMALS) for edge in (left, top, right - left, bottom - top)],
            **({"classifications": sorted(named, key=lambda one: -float(one[1]))} if named else {}),
        }

    def _number(self, one: Prediction) -> str:
        label = one.taxon.name
        if label not in self.classes:
            self.classes[label] = (str(len(self.classes)), describe_lineage(one))
        return self.classes[label][0]


def describe_lineage(one: Prediction) -> str:
    """The lineage as SpeciesNet's labels have it: class;order;family;genus;epithet;common name, in lower case."""
    taxon = one.taxon
    names = [taxon.at(rank) for rank in ("class", "order", "family", "genus")]
    names += [taxon.at("species").partition(" ")[2], taxon.common_name() or taxon.name]
    return ";".join(name.replace(";", ",").lower() for name in names) if taxon.rank else taxon.name
