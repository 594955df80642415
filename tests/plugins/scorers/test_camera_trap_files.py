from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.errors import ScoresError
from bioclip_x_plugins.scorers.camera_trap_files import read_camera_trap_file

BLANK = "f1856211-cfb7-4a5b-9158-c0f72fd09ee6;;;;;;blank"
FOX = "d372cda5-a8ca-4b8d-97ed-0e4fab9c9b4b;mammalia;carnivora;canidae;vulpes;vulpes;red fox"


def read(folder: Path, document: Any) -> dict[str, dict[str, float] | str]:
    """Image → its scores, or why there are none."""
    (folder / "s.json").write_text(json.dumps(document))
    return {one.name: one.failure or one.scores for one in read_camera_trap_file(folder / "s.json").images}


def test_speciesnets_predictions(tmp_path: Path) -> None:
    found = read(tmp_path, {
        "predictions": [
            {"filepath": "1.jpg", "classifications": {"classes": [BLANK, FOX], "scores": [0.9, 0.06]}, "prediction": FOX,
             "prediction_score": 0.9, "detections": []},
            {"filepath": "2.jpg", "prediction": FOX, "prediction_score": 0.7},
            {"filepath": "3.jpg", "failures": ["CLASSIFIER"],
             "detections": [{"category": "2", "label": "human", "conf": 0.75, "bbox": [0, 0, 1, 1]}]},
            {"filepath": "4.jpg", "failures": ["CLASSIFIER", "DETECTOR"]},
        ]
    })  # fmt: skip
    assert found["1.jpg"] == pytest.approx({BLANK: 0.9, FOX: 0.06, "other labels": 0.04})
    assert found["2.jpg"] == pytest.approx({FOX: 0.7, "other labels": 0.3})
    assert found["3.jpg"] == pytest.approx({"human": 0.75, "blank": 0.25})
    assert found["4.jpg"] == "the scores' file says that it failed: CLASSIFIER, DETECTOR"


def test_megadetectors_detections(tmp_path: Path) -> None:
    box = {"bbox": [0, 0, 1, 1]}
    classified = {"category": "1", "conf": 0.9, "classifications": [["0", 0.8], ["1", 0.1]], **box}
    found = read(tmp_path, {
        "detection_categories": {"1": "animal", "2": "person"},
        "classification_categories": {"0": "fox", "1": "wolf"},
        "images": [
            {"file": "1.jpg", "detections": [classified, {"category": "1", "conf": 0.2, **box}]},
            {"file": "2.jpg", "detections": []},
            {"file": "3.jpg", "detections": [{"category": "2", "conf": 0.6, **box}, {"category": "1", "conf": 0.9, **box}]},
            {"file": "4.jpg", "detections": [{"category": "9", "conf": 0.9, **box}]},
            {"file": "5.jpg", "detections": None, "failure": "Failure image access"},
        ],
    })  # fmt: skip
    assert found["1.jpg"] == pytest.approx({"fox": 0.72, "wolf": 0.09, "animal": 0.09, "blank": 0.1})
    assert found["2.jpg"] == found["4.jpg"] == {"blank": 1}  # a category that is not declared is no detection
    assert found["3.jpg"] == pytest.approx({"person": 0.6 / 1.6, "animal": 0.9 / 1.6, "blank": 0.1 / 1.6})
    assert found["5.jpg"] == "the scores' file says that it failed: Failure image access"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"annotations": []}, "expected SpeciesNet's JSON, with 'predictions', or MegaDetector's"),
        ([], "expected SpeciesNet's JSON"),
        ({"predictions": [{"file": "1.jpg"}]}, "image 1: expected an object with 'filepath'"),
        (
            {"predictions": [{"filepath": "1.jpg", "classifications": {"classes": ["a"], "scores": []}}]},
            "1 classes and 0 scores",
        ),
        (
            {"predictions": [{"filepath": "1.jpg", "classifications": {"classes": ["a"], "scores": ["x"]}}]},
            "1.jpg: its scores",
        ),
        ({"images": [{"file": "1.jpg", "detections": [{"conf": 1}]}]}, "1.jpg: its scores cannot be read: 'category'"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, document: Any, message: str) -> None:
    with pytest.raises(ScoresError, match=message):
        read(tmp_path, document)


def test_what_is_not_json(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text("image,fox")
    with pytest.raises(ScoresError, match="is not valid JSON"):
        read_camera_trap_file(tmp_path / "s.json")
