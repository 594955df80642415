"""GeoJSON, iNaturalist's import, and MegaDetector's JSON."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from bioclip_x.records import Provenance, Region, Result
from bioclip_x.testing.examples import make_result
from bioclip_x_plugins.reports.exchange.geojson import GeoJson
from bioclip_x_plugins.reports.exchange.inaturalist import INaturalist
from bioclip_x_plugins.reports.exchange.megadetector import MegaDetector
from bioclip_x_plugins.scorers.camera_trap_files import read_camera_trap_file


def written(report: Any, path: Path, provenance: Provenance, results: list[Result]) -> Path:
    with report.open(path, provenance) as writer:
        for result in results:
            writer.write(result)
    return path


def test_a_map(provenance: Provenance, results: list[Result], hostile: list[Result], tmp_path: Path) -> None:
    path = written(GeoJson(decimals=0), tmp_path / "o.geojson", provenance, [*results, *hostile])
    document = json.loads(path.read_text("utf-8"))
    assert document["type"] == "FeatureCollection" and len(document["features"]) == len(results) + len(hostile)
    first = document["features"][0]
    assert first["geometry"] == {"type": "Point", "coordinates": [13.0, 52.0]}
    assert (first["properties"]["name"], first["properties"]["level"], first["properties"]["family"]) == (
        "Parus major", "region", "Paridae",
    )  # fmt: skip
    unlocated = [one for one in document["features"] if one["geometry"] is None]
    assert document["unlocated"] == len(unlocated) == 2 + len(hostile)  # the event, the broken file
    assert all(one["type"] == "Feature" for one in document["features"])
    assert document["features"][2]["properties"]["remark"] == "nothing found by boxes"


def test_a_map_without_images(provenance: Provenance, tmp_path: Path) -> None:
    document = json.loads(written(GeoJson(), tmp_path / "o.geojson", provenance, []).read_text("utf-8"))
    assert document["features"] == [] and document["unlocated"] == 0


def test_inaturalists_columns(provenance: Provenance, results: list[Result], tmp_path: Path) -> None:
    text = written(INaturalist(place="Reserve"), tmp_path / "o.csv", provenance, results).read_text("iso-8859-1")
    rows = list(csv.reader(io.StringIO(text)))
    assert all(len(row) == 8 for row in rows)
    named = [row for row in rows[1:] if not row[0].startswith("#")]
    assert [row[0] for row in named] == ["Parus major"] * 3  # the event, and two frames
    assert named[1][1] == "2024-05-12T08:00:00" and named[1][3:6] == ["Reserve", "52.5", "13.25"]
    assert named[1][7] == "obscured" and "not verified" in named[1][2] and named[0][6] == "bioclip-x"
    assert [row[0] for row in rows if "off list" in row[0]] == [
        "# not named: off list.jpg: it resembles none of the classes"
    ]
    unnamed_per_image = written(INaturalist(events=False), tmp_path / "p.csv", provenance, results).read_text(
        "iso-8859-1"
    )
    assert (
        "# not named: b.jpg" in unnamed_per_image
        and "burst 1" not in unnamed_per_image + text
        and "cam" not in unnamed_per_image + text
    )
    assert named[0][2].startswith("a.jpg, b.jpg; 0.900; ")


def test_megadetectors_layout(provenance: Provenance, results: list[Result], tmp_path: Path) -> None:
    second = replace(make_result("cam3/c.jpg", "Turdus merula"), region=Region((0, 0, 0.5, 0.5), "bird"))
    path = written(MegaDetector(frame_rate=10), tmp_path / "o.json", provenance, [*results, second])
    document = json.loads(path.read_text("utf-8"))
    assert document["info"]["format_version"] == "1.4"
    assert document["detection_categories"] == {"1": "animal", "2": "person", "3": "vehicle"}
    assert document["classification_categories"] == {"0": "Parus major", "1": "Turdus merula"}
    assert document["classification_category_descriptions"]["0"] == "aves;;paridae;parus;major;great tit"
    images = {one["file"]: one for one in document["images"]}
    assert list(images) == [
        "cam1/a.jpg", "cam1/b.jpg", "cam2/clip.mp4", "cam2/broken.jpg", "cam2/off list.jpg", "cam2/model.jpg", "cam3/c.jpg",
    ]  # fmt: skip
    fox, person = images["cam1/a.jpg"]["detections"]
    assert fox == {"category": "1", "conf": 0.9, "bbox": [0.1, 0.2, 0.4, 0.7], "classifications": [["0", 0.9]]}
    assert person == {"category": "2", "conf": 0.8, "bbox": [0.6, 0.0, 0.4, 1.0]}
    assert images["cam1/b.jpg"] == {"file": "cam1/b.jpg", "detections": []}
    whole, boxed = images["cam2/clip.mp4"]["detections"]
    assert (whole["bbox"], whole["conf"], whole["frame_number"]) == ([0.0, 0.0, 1.0, 1.0], 1.0, 0)
    assert boxed["frame_number"] == 35
    assert images["cam2/clip.mp4"]["frames_processed"] == [0, 35] and images["cam2/clip.mp4"]["frame_rate"] == 10
    assert images["cam2/broken.jpg"] == {"file": "cam2/broken.jpg", "detections": None, "failure": "it is not an image"}
    assert images["cam2/off list.jpg"]["detections"][0]["category"] == "1"
    assert images["cam2/model.jpg"]["detections"][0]["category"] == "3"


def test_it_is_read_again_as_scores(provenance: Provenance, results: list[Result], tmp_path: Path) -> None:
    """By a reader of the format that knows nothing of this writer."""
    path = written(MegaDetector(), tmp_path / "o.json", provenance, results[:4])
    fox, nothing = read_camera_trap_file(path).images
    assert fox.name == "cam1/a.jpg" and fox.scores["Parus major"] > fox.scores["person"] > 0
    assert nothing.scores == {"blank": 1.0}


def read_images(path: Path) -> dict[str, Any]:
    """The images by name; each is there once."""
    images = json.loads(path.read_text("utf-8"))["images"]
    named = {one["file"]: one for one in images}
    assert len(named) == len(images)
    return named


def test_an_image_that_is_asked_for_twice_is_one(provenance: Provenance, results: list[Result], tmp_path: Path) -> None:
    once = written(MegaDetector(), tmp_path / "o.json", provenance, results)
    several = [*results[:2], *results[:2], *results[2:], *results, replace(results[2], source="./cam1/b.jpg")]
    twice = written(MegaDetector(), tmp_path / "p.json", provenance, several)
    assert read_images(twice) == read_images(once)


def test_different_files_stay_different(provenance: Provenance, tmp_path: Path) -> None:
    names = ["cam/a.jpg", "../cam/a.jpg", "../../cam/a.jpg", "C:\\cam\\a.jpg", "D:\\cam\\a.jpg"]
    path = written(MegaDetector(), tmp_path / "o.json", provenance, [make_result(name) for name in names])
    assert list(read_images(path)) == [
        "cam/a.jpg", "_up/cam/a.jpg", "_up/_up/cam/a.jpg", "C/cam/a.jpg", "D/cam/a.jpg",
    ]  # fmt: skip
    inside = make_result(str(tmp_path / "x" / ".." / "cam" / "a.jpg"))
    assert list(read_images(written(MegaDetector(), tmp_path / "p.json", provenance, [inside]))) == ["cam/a.jpg"]


def test_a_video_fails_if_all_its_frames_do(provenance: Provenance, tmp_path: Path) -> None:
    nothing, broken = {"refused": "nothing found by boxes"}, {"error": "it cannot be decoded"}
    results = [
        Result("a.mp4#t=0.0", **nothing), Result("a.mp4#t=1.0", **broken), Result("a.mp4", error="it is truncated"),
        Result("b.mp4#t=0.0", **broken), Result("b.mp4", error="it is truncated"),
        Result("c.mp4", error="it is no video"),
    ]  # fmt: skip
    images = read_images(written(MegaDetector(), tmp_path / "o.json", provenance, results))
    assert images["a.mp4"]["detections"] == [] and "failure" not in images["a.mp4"]
    assert (images["b.mp4"]["detections"], images["b.mp4"]["failure"]) == (None, "it cannot be decoded")
    assert images["c.mp4"]["failure"] == "it is no video"


def test_several_organisms_of_an_event(provenance: Provenance, several: list[Result], tmp_path: Path) -> None:
    features = json.loads(written(GeoJson(), tmp_path / "o.geojson", provenance, several).read_text("utf-8"))[
        "features"
    ]
    told = [(one["properties"]["source"], one["properties"]["event"], one["properties"]["name"]) for one in features]
    assert told[2:] == [("e", "e", "Parus major"), ("e #2", "e", "Parus ater")]
    upload = written(INaturalist(), tmp_path / "o.csv", provenance, several).read_text("iso-8859-1")
    assert [row[0] for row in csv.reader(io.StringIO(upload))][1:] == ["Parus major", "Parus ater"]
    assert list(read_images(written(MegaDetector(), tmp_path / "o.json", provenance, several))) == ["a.jpg", "b.jpg"]
