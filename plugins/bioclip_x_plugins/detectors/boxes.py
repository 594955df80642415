"""The detector `boxes`: regions from a file, of whichever detector wrote it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from bioclip_x.plugin import DetectorCapabilities, RecipeError, Region, Source
from bioclip_x_plugins.detectors.detections import Detection, ImageDetections
from bioclip_x_plugins.detectors.json_files import iterate_json_folder, read_detections
from bioclip_x_plugins.detectors.mask_images import iterate_mask_folder
from bioclip_x_plugins.detectors.tables import read_box_table, read_camtrap_dp

if TYPE_CHECKING:
    from PIL.Image import Image

PASSED: Final = ("person", "human", "vehicle", "blank", "empty")
"""Labels of detectors and of Camtrap DP that are no organisms to be named."""
Entry = tuple[tuple[str, ...], ImageDetections]
"""The parts of a path, the last first, and what was found in the image there."""
Index = dict[str, list[Entry]]
TEXT_TABLES: Final = (".csv", ".tsv", ".txt")


class BoxesDetector:
    """Boxes, and masks, from a file: MegaDetector's JSON (all format versions), SpeciesNet's, COCO, Segment Anything, Camtrap DP
    (`datapackage.json` or its folder), a CSV or TSV of boxes, or a folder of PNG masks or JSON files.

    file: the file or folder. base: the folder that paths in the file are relative to, where they and those of the images have
    no common end. An image is that of an entry if one of the two paths ends with the other; else the entry with the longest
    common end, if it is one only and has at least the file's name and its folder.
    """

    capabilities = DetectorCapabilities(passed_labels=PASSED, path_option="file", prepares=True)

    def __init__(self, file: Path, *, base: Path | None = None) -> None:
        self.file, self.base = file, base
        self._index: Index | None = None

    def prepare(self) -> None:
        """Reads the file. Raises RecipeError, naming the image at fault."""
        self._index = _index(read_boxes(self.file), self.base)

    def detect(self, source: Source, image: Image) -> list[Region] | None:
        """Returns the regions of an image; None for one that the file does not name, or at which its detector failed."""
        found = self._find(str(source.path or source.url or source.name))
        if found is None or found.failed:
            return None
        chosen = found.detections if source.seconds is None else _select_frame(found, source.seconds)
        if chosen is None:
            return None
        regions = (one.to_region(*image.size) for one in chosen)
        return [one for one in regions if one is not None]

    def _find(self, name: str) -> ImageDetections | None:
        if self._index is None:
            self.prepare()
        parts = _split(name)
        entries = (self._index or {}).get(_get_stem(parts), [])  # of entries with and without a suffix
        best: list[ImageDetections] = []
        longest = 1
        for entry, found in entries:
            common = _count_common(entry, parts)
            if common >= min(len(entry), len(parts)):
                common += 1 << 20  # one of the two ends with the other
            if common > longest:
                best, longest = [], common
            if common == longest and common > 1:
                best.append(found)
        return best[0] if len(best) == 1 else None


def read_boxes(path: Path) -> Sequence[ImageDetections]:
    """Reads a file or folder of detections, in whichever format it is. Raises RecipeError."""
    if path.is_dir():
        if (path / "observations.csv").exists():
            return read_camtrap_dp(path)
        found = list(iterate_json_folder(path)) or list(iterate_mask_folder(path))
        if not found:
            raise RecipeError(f"{path}: expected a Camtrap DP, or JSON files or PNG masks, in this folder")
        return found
    if not path.exists():
        raise RecipeError(f"{path}: no such file of boxes")
    if path.name == "datapackage.json" or (path.name == "observations.csv" and (path.parent / "media.csv").exists()):
        return read_camtrap_dp(path.parent)
    return read_box_table(path) if path.suffix.lower() in TEXT_TABLES else read_detections(path)


def _index(images: Sequence[ImageDetections], base: Path | None) -> Index:
    """Returns the last part of a path, without suffix → the entries with it."""
    index: defaultdict[str, list[Entry]] = defaultdict(list)
    for one in images:
        parts = _split(one.file if base is None else f"{base}/{one.file}")
        for key in dict.fromkeys((_get_stem(parts), *parts[:1])):  # a mask has no suffix here, but may have dots
            index[key].append((parts, one))
    return dict(index)


def _split(path: str) -> tuple[str, ...]:
    """Returns the parts of a path or URL, of any operating system, the last first."""
    parts = PurePosixPath(path.partition("://")[2] or path.replace("\\", "/")).parts
    return tuple(reversed([part for part in parts if part not in (".", "/")]))


def _get_stem(parts: Sequence[str]) -> str:
    return PurePosixPath(parts[0]).stem if parts else ""


def _count_common(entry: Sequence[str], parts: Sequence[str]) -> int:
    """Counts the parts that two paths have in common at their ends. An entry without a suffix has that of the image."""
    count = 0
    for number, (one, other) in enumerate(zip(entry, parts)):
        is_same = one == other or (number == 0 and one == PurePosixPath(other).stem)
        if not is_same:
            return count
        count += 1
    return count


def _select_frame(found: ImageDetections, seconds: float) -> Sequence[Detection] | None:
    """Returns the detections of the frame of a video that was looked at nearest to a time; None if that is far from it."""
    frames = found.frames or tuple({one.seconds for one in found.detections if one.seconds is not None})
    if not frames:
        return found.detections
    nearest = min(frames, key=lambda frame: (abs(frame - seconds), frame))
    ordered = sorted(frames)
    spacing = max((later - one for one, later in pairwise(ordered)), default=1.0)
    if abs(nearest - seconds) > max(spacing, 1.0):
        return None
    return [one for one in found.detections if one.seconds is None or abs(one.seconds - nearest) < 1e-6]
