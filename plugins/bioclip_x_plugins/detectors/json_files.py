"""Detections in JSON: MegaDetector's batch output, SpeciesNet's predictions, COCO, Segment Anything.

MegaDetector (agentmorris, all format versions): `{"images": [{"file", "detections": [{"category", "conf", "bbox": [x, y, width,
height]}]}], "detection_categories": {…}}`, boxes as fractions; videos with `frame_rate`, and a `frame_number` in each detection.
Microsoft's later MegaDetector: `[{"file", "detections": [{"category": "animal", "confidence", "bbox": [x1, y1, x2, y2]}]}]`, in
pixels. SpeciesNet: `{"predictions": [{"filepath", "detections": [{"label", "conf", "bbox"}]}]}`, as MegaDetector's.

COCO: `{"images": [{"id", "file_name", "width", "height"}], "annotations": [{"image_id", "category_id", "bbox", "segmentation"}],
"categories": […]}`, boxes in pixels, masks as polygons or run lengths; or its results, `[{"image_id", "category_id", "bbox",
"score"}]`. Segment Anything's data set, a file for each image: `{"image": {…}, "annotations": […]}`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bioclip_x.plugin import RecipeError, read_json
from bioclip_x_plugins.detectors.detections import (
    Detection,
    ImageDetections,
    make_mask_of,
    read_confidence,
    read_corners,
)

CATEGORIES: Final[Mapping[str, str]] = {"1": "animal", "2": "person", "3": "vehicle"}
"""MegaDetector's, of files that do not name them."""
OTHER_NAMES: Final[Mapping[str, str]] = {"human": "person"}
"""Labels of other files → MegaDetector's."""


def read_detections(path: Path) -> list[ImageDetections]:
    """Reads a file. Raises RecipeError for one that is in no known layout, naming the image at fault."""
    entries, read = _choose_layout(path, read_json(path, RecipeError))
    images = []
    for number, entry in enumerate(entries, start=1):
        try:
            images.append(read(entry))
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError) as problem:
            name = entry.get("file") or entry.get("filepath") if isinstance(entry, dict) else None
            reason = f"lacks {problem}" if isinstance(problem, KeyError) else str(problem)
            raise RecipeError(f"{path}, {name or f'image {number}'}: its detections cannot be read: {reason}") from None
    return images


def _choose_layout(path: Path, document: Any) -> tuple[Sequence[Any], Any]:
    """Returns the entries of a document, one for each image, and how one is read."""
    if isinstance(document, list):
        if document and isinstance(document[0], dict) and "image_id" in document[0]:
            return _group_coco(path, {"images": [], "annotations": document}), _read_coco
        if all(isinstance(one, dict) and "file" in one for one in document):
            return document, _read_microsoft
    elif isinstance(document, dict):
        if isinstance(document.get("predictions"), list):
            return document["predictions"], _read_speciesnet
        if isinstance(document.get("annotations"), list):
            images = document.get("images") or [document.get("image")]
            return _group_coco(path, {**document, "images": images}), _read_coco
        if isinstance(document.get("images"), list):
            names = document.get("detection_categories") or CATEGORIES
            if not isinstance(names, Mapping):
                raise RecipeError(
                    f"{path}: expected 'detection_categories' to map ids to names, got {type(names).__name__}"
                )
            return document["images"], lambda entry: _read_megadetector(entry, names)
    raise RecipeError(
        f"{path}: expected the boxes of MegaDetector ('images' with 'detections'), SpeciesNet ('predictions') or COCO ('images' "
        "and 'annotations')"
    )


def _read_megadetector(entry: Mapping[str, Any], names: Mapping[str, str]) -> ImageDetections:
    file, found = str(entry["file"]), entry.get("detections")
    if found is None:
        return ImageDetections(file, failed=True)
    rate = float(entry.get("frame_rate") or 0)
    if not (math.isfinite(rate) and rate >= 0):
        raise ValueError(f"expected a frame_rate of at least 0, got {rate}")
    detections = tuple(
        Detection(
            read_corners(one["bbox"], as_size=True, in_fractions=True),
            _rename(names[str(one["category"])]),
            read_confidence(one["conf"]),
            seconds=one["frame_number"] / rate if rate and one.get("frame_number") is not None else None,
        )
        for one in found
        if str(one["category"]) in names  # others are "no detection", by the format
    )
    frames = tuple(number / rate for number in entry.get("frames_processed") or ()) if rate else ()
    return ImageDetections(file, detections, frames=frames)


def _read_microsoft(entry: Mapping[str, Any]) -> ImageDetections:
    detections = tuple(
        Detection(
            read_corners(one["bbox"], as_size=False),
            _rename(str(one["category"])),
            read_confidence(one["confidence"]),
            in_pixels=True,
        )
        for one in entry["detections"]
    )
    return ImageDetections(str(entry["file"]), detections)


def _read_speciesnet(entry: Mapping[str, Any]) -> ImageDetections:
    found = entry.get("detections")
    if found is None:
        return ImageDetections(str(entry["filepath"]), failed=True)
    detections = tuple(
        Detection(
            read_corners(one["bbox"], as_size=True, in_fractions=True),
            _rename(str(one.get("label") or CATEGORIES.get(str(one["category"]), ""))),
            read_confidence(one["conf"]),
        )
        for one in found
    )
    return ImageDetections(str(entry["filepath"]), detections)


def _group_coco(path: Path, document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns an entry for each image with its annotations; images without any have none."""
    try:
        names = {one["id"]: str(one["name"]) for one in document.get("categories") or ()}
        entries: dict[Any, dict[str, Any]] = {
            one.get("id", one.get("image_id")): {**one, "found": [], "names": names} for one in document["images"]
        }
        for one in document["annotations"]:
            image = one.get("image_id", next(iter(entries), None))  # Segment Anything's are of the file's one image
            if image not in entries:
                entries[image] = {"file_name": str(image), "found": [], "names": names}
            entries[image]["found"].append(one)
    except (TypeError, KeyError, AttributeError) as problem:
        raise RecipeError(f"{path}: its images and annotations cannot be read as COCO's: {problem!r}") from None
    return list(entries.values())


def _read_coco(entry: Mapping[str, Any]) -> ImageDetections:
    width, height = entry.get("width"), entry.get("height")
    size = (int(width), int(height)) if width and height else None
    if size and min(size) < 1:
        raise ValueError(f"expected an image's width and height of at least 1, got {width} and {height}")
    detections = []
    for one in entry["found"]:
        mask = make_mask_of(one.get("segmentation"))
        if mask is None and not one.get("bbox"):
            continue  # a label of the whole image, as in COCO Camera Traps
        confidence = one.get("score", one.get("predicted_iou"))
        detections.append(
            Detection(
                read_corners(one["bbox"], as_size=True) if one.get("bbox") else None,
                _rename(entry["names"].get(one.get("category_id"), "")),
                None if confidence is None else min(1.0, max(0.0, float(confidence))),  # an estimated IoU may exceed 1
                in_pixels=True,
                size=size,
                make_mask=mask,
                name=str(one.get("id", "")),
            )
        )
    return ImageDetections(str(entry["file_name"]), tuple(detections))


def _rename(label: str) -> str:
    return OTHER_NAMES.get(label.casefold(), label)


def iterate_json_folder(folder: Path) -> Iterator[ImageDetections]:
    """Yields the detections of a folder of JSON files, one for each image, as Segment Anything's data set has them."""
    found: dict[str, ImageDetections] = {}
    for file in sorted(folder.rglob("*.json")):
        for image in read_detections(file):
            before = found.get(image.file, ImageDetections(image.file, failed=True))
            found[image.file] = ImageDetections(
                image.file,
                (*before.detections, *image.detections),
                before.failed and image.failed,
                (*before.frames, *image.frames),
            )
    yield from found.values()
