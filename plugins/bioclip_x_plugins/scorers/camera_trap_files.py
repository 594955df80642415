"""Reads the JSON that SpeciesNet and MegaDetector write as class scores of images.

SpeciesNet (`predictions_json`): `{"predictions": [{"filepath", "classifications": {"classes", "scores"}, "detections": […],
"prediction", "prediction_score", "failures"}]}`. The five best scores of the classifier count, and what they lack to 1 is
"other labels"; without them the ensemble's prediction, else the detections.

MegaDetector's batch output: `{"images": [{"file", "detections": [{"category", "conf", "classifications": [[id, conf]]}],
"failure"}], "detection_categories": {…}, "classification_categories": {…}}`. Each category has the confidence of its best
detection, and blank what the best of all lacks to 1; a category whose best detection was classified passes its share on.
The shares are divided by their sum.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bioclip_x.plugin import ScoresError, list_some, read_json

BLANK: Final = "blank"
OTHER: Final = "other labels"
"""What SpeciesNet's five best labels lack to 1."""
DETECTIONS: Final[Mapping[str, str]] = {"1": "animal", "2": "human", "3": "vehicle"}
"""SpeciesNet's names of MegaDetector's categories."""
ROUNDING: Final = 1e-4

Scores = dict[str, float]


@dataclass(frozen=True, slots=True)
class ImageScores:
    """The scores of one image by label, or the reason why there are none."""

    name: str
    scores: Scores = field(default_factory=dict)
    failure: str = ""


@dataclass(frozen=True, slots=True)
class CameraTrapFile:
    """The images of a file. descriptions: label → the lineage that the file gives for it."""

    images: tuple[ImageScores, ...]
    descriptions: Mapping[str, str] = field(default_factory=dict)


def read_camera_trap_file(path: Path) -> CameraTrapFile:
    """Raises ScoresError for a file that is in neither format, naming the image at fault."""
    document = read_json(path, ScoresError)
    if isinstance(document, dict) and isinstance(document.get("predictions"), list):
        return CameraTrapFile(tuple(_read_each(path, document["predictions"], "filepath", _read_prediction)))
    if isinstance(document, dict) and isinstance(document.get("images"), list):
        names = _get_names(path, document, "detection_categories")
        classes = _get_names(path, document, "classification_categories")
        described = _get_names(path, document, "classification_category_descriptions")

        def read(image: Mapping[str, Any]) -> Scores:
            return _read_detections(image.get("detections"), names, classes)

        images = _read_each(path, document["images"], "file", read)
        return CameraTrapFile(tuple(images), {classes[id]: text for id, text in described.items() if id in classes})
    raise ScoresError(
        f"{path}: expected SpeciesNet's JSON, with 'predictions', or MegaDetector's, with 'images' and 'detections'"
    )


def _get_names(path: Path, document: Mapping[str, Any], key: str) -> dict[str, str]:
    names = document.get(key) or {}
    if not isinstance(names, dict):
        raise ScoresError(f"{path}: expected {key!r} to map ids to names, got {type(names).__name__}")
    return {str(id): str(name) for id, name in names.items()}


def _read_each(
    path: Path, entries: Sequence[Any], key: str, read: Callable[[Mapping[str, Any]], Scores]
) -> Iterator[ImageScores]:
    for number, entry in enumerate(entries, start=1):
        name = entry.get(key) if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name:
            raise ScoresError(f"{path}, image {number}: expected an object with {key!r}, got {str(entry)[:60]!r}")
        try:
            scores = read(entry)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError) as problem:
            raise ScoresError(f"{path}, {name}: its scores cannot be read: {problem}") from None
        if wrong := [label for label, score in scores.items() if not math.isfinite(score)]:
            raise ScoresError(f"{path}, {name}: the score of {wrong[0]!r} is {scores[wrong[0]]}; expected a number")
        failure = "" if scores else _describe_failure(entry)
        yield ImageScores(name, scores, failure)


def _describe_failure(entry: Mapping[str, Any]) -> str:
    reason = entry.get("failure") or ", ".join(map(str, entry.get("failures") or ()))
    return f"the scores' file says that it failed: {reason}" if reason else "no scores of it"


def _read_prediction(entry: Mapping[str, Any]) -> Scores:
    classified = entry.get("classifications") or {}
    labels, scores = classified.get("classes") or (), [float(score) for score in classified.get("scores") or ()]
    if len(labels) != len(scores):
        raise ValueError(f"{len(labels)} classes and {len(scores)} scores")
    if twice := [label for label, times in Counter(map(str, labels)).items() if times > 1]:
        raise ValueError(f"{list_some(twice, 3)} more than once")
    if not labels and entry.get("prediction"):
        labels, scores = [entry["prediction"]], [float(entry["prediction_score"])]
    if not labels:
        return _read_detections(entry.get("detections"), DETECTIONS, {})
    rest = 1 - sum(scores)
    return dict(zip(map(str, labels), scores)) | ({OTHER: rest} if rest > ROUNDING else {})


def _read_detections(detections: Any, names: Mapping[str, str], classes: Mapping[str, str]) -> Scores:
    """Returns the shares of the categories, or of the classes of those that were classified; {} for a failed image."""
    if detections is None:
        return {}
    best: dict[str, tuple[float, Mapping[str, Any]]] = {}
    for one in detections:
        category, conf = str(one["category"]), _read_share(one["conf"])
        if category in names and conf > best.get(category, (0, one))[0]:
            best[category] = conf, one
    shares: Scores = defaultdict(float)
    shares[BLANK] = max(0.0, 1 - max((conf for conf, _ in best.values()), default=0.0))
    for category, (conf, one) in best.items():
        parts = {classes[str(id)]: _read_share(share) for id, share in one.get("classifications") or ()}
        for name, share in parts.items():
            shares[name] += conf * share
        shares[names[category]] += conf * max(0.0, 1 - sum(parts.values()))
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items() if share > 0}


def _read_share(value: Any) -> float:
    """Raises ValueError for a number that is no confidence."""
    if not 0 <= (share := float(value)) <= 1 + ROUNDING:
        raise ValueError(f"expected a confidence from 0 to 1, got {share:g}")
    return share
