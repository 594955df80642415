"""Camtrap DP: packages are valid by the published schemas, and say what was seen where and when."""

from __future__ import annotations

import csv
import json
import math
import re
import statistics
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.errors import BioclipXError, RecipeError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.images.video import describe_frame
from bioclip_x.records import Provenance, Result
from bioclip_x.testing.examples import make_result
from bioclip_x_plugins.reports.exchange.camtrap_dp import CamtrapDp, make_box
from bioclip_x_plugins.reports.exchange.deployments import blur, find_median
from camtrap_package import list_problems


def written(
    folder: Path, provenance: Provenance, results: list[Result], **options: Any
) -> dict[str, list[dict[str, str]]]:
    with CamtrapDp(**options).open(folder, provenance) as writer:
        for result in results:
            writer.write(result)
    tables = {}
    for name in ("deployments", "media", "observations"):
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            tables[name] = list(csv.DictReader(file))
    return tables


def test_a_package_is_valid(provenance: Provenance, results: list[Result], tmp_path: Path) -> None:
    tables = written(
        tmp_path / "p", provenance, results, timezone="Europe/Berlin", title="Foxes", contributor="A. Nowak"
    )
    assert list_problems(tmp_path / "p") == []
    assert [len(tables[name]) for name in ("deployments", "media", "observations")] == [2, 6, 9]
    document = json.loads((tmp_path / "p" / "datapackage.json").read_text("utf-8"))
    assert document["project"]["title"] == "Foxes" and document["project"]["observationLevel"] == ["media", "event"]
    assert document["temporal"] == {"start": "2024-05-12", "end": "2024-05-13"}
    assert (
        document["taxonomic"][0]["vernacularNames"] == {"eng": "great tit"} and document["project"]["individualAnimals"]
    )
    assert document["spatial"] == {"type": "Point", "coordinates": [13.25, 52.5]}


def test_the_validation_can_fail(provenance: Provenance, results: list[Result], tmp_path: Path) -> None:
    written(tmp_path / "p", provenance, [replace(one, metadata={}) for one in results])
    assert any("latitude" in problem or "required" in problem for problem in list_problems(tmp_path / "p"))


def test_what_is_observed(provenance: Provenance, results: list[Result], tmp_path: Path) -> None:
    tables = written(tmp_path / "p", provenance, results, timezone="+02:00")
    media = {row["mediaID"]: row for row in tables["media"]}
    fox, person, nothing, event, frame, boxed_frame, broken, off_list, model = tables["observations"]
    assert (fox["observationType"], fox["scientificName"], fox["count"], fox["individualID"]) == (
        "animal",
        "Parus major",
        "1",
        "F3",
    )
    assert [float(fox[f"bbox{name}"]) for name in ("X", "Y", "Width", "Height")] == [0.1, 0.2, 0.4, 0.7]
    assert media[fox["mediaID"]]["filePath"] == "cam1/a.jpg" and fox["mediaID"] == person["mediaID"]
    assert fox["eventStart"] == fox["eventEnd"] == "2024-05-12T07:30:00+02:00" and fox["eventID"] == "burst 1"
    assert (
        fox["classifiedBy"] == "bioclip-x 0.1.0, field-guide (3fa9c1)"
        and float(fox["classificationProbability"]) == 0.9
    )
    assert (person["observationType"], person["scientificName"], person["observationComments"]) == (
        "human",
        "",
        "a person",
    )
    assert nothing["observationType"] == "blank" and not nothing["bboxX"]
    assert (event["observationLevel"], event["mediaID"], event["eventID"]) == ("event", "", "burst 1")
    assert (event["eventStart"], event["eventEnd"]) == ("2024-05-12T07:30:00+02:00", "2024-05-12T07:30:02+02:00")
    assert event["deploymentID"] == "cam1" and event["count"] == ""
    assert frame["mediaID"] == boxed_frame["mediaID"] and media[frame["mediaID"]]["fileMediatype"] == "video/mp4"
    assert boxed_frame["eventStart"] == "2024-05-12T08:00:03+02:00"
    assert media[frame["mediaID"]]["timestamp"] == "2024-05-12T08:00:00+02:00"
    assert (broken["observationType"], broken["observationComments"]) == ("unclassified", "it is not an image")
    assert broken["classifiedBy"] == "" and media[broken["mediaID"]]["mediaComments"] == "it is not an image"
    assert (off_list["observationType"], model["observationType"]) == ("unknown", "vehicle")
    assert {row["filePublic"] for row in tables["media"]} == {"false"}


def test_deployments_are_summarised(provenance: Provenance, tmp_path: Path) -> None:
    places = [52.1, 52.9, 52.3, 52.3, 52.2]
    images = [
        replace(
            make_result(f"{n}.jpg"),
            metadata={"deployment": "D1", "latitude": one, "longitude": -1.0, "date": f"2024-0{n + 1}-01T00:00:00Z"},
        )
        for n, one in enumerate(places)
    ]
    (row,) = written(tmp_path / "p", provenance, images)["deployments"]
    assert (row["deploymentID"], float(row["latitude"])) == ("D1", statistics.median_low(places))
    assert (row["deploymentStart"], row["deploymentEnd"]) == ("2024-01-01T00:00:00+00:00", "2024-05-01T00:00:00+00:00")
    for values in ([3.0], [1.0, 2.0], [5.0, 1.0, 1.0, 9.0, 7.0, 7.0]):
        assert find_median(Counter(values)) == statistics.median_low(values)


def test_what_the_images_do_not_tell(
    provenance: Provenance, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is left empty and told, or comes from a table of deployments, or from options."""
    bare = [make_result("cam1/a.jpg"), make_result("cam2/b.jpg")]
    rows = written(tmp_path / "p", provenance, bare)["deployments"]
    assert [row["latitude"] for row in rows] == ["", ""]
    told = capsys.readouterr().err
    assert "latitude is required and not known of the deployments cam1, cam2" in told and "2 media" in told
    table = tmp_path / "d.csv"
    table.write_text("deploymentID;latitude;longitude;habitat\ncam1;51.5;0.5;wood\n", "utf-8")
    options = {"latitude": 1.0, "longitude": 2.0, "start": "2024-01-01T00:00:00Z", "end": "2024-02-01", "timezone": "Z"}
    rows = written(tmp_path / "q", provenance, bare, deployments=table, **options)["deployments"]
    assert [(row["latitude"], row["longitude"], row["habitat"]) for row in rows] == [
        ("51.5", "0.5", "wood"),
        ("1.0", "2.0", ""),
    ]
    assert {row["deploymentEnd"] for row in rows} == {"2024-02-01T00:00:00+00:00"}
    assert "latitude" not in capsys.readouterr().err


def test_an_image_is_a_row_once(provenance: Provenance, results: list[Result], tmp_path: Path) -> None:
    tables = written(tmp_path / "p", provenance, [*results, *results], timezone="Z")
    assert [len(tables[name]) for name in ("media", "observations")] == [6, 9]
    assert list_problems(tmp_path / "p") == []


def test_paths_lead_nowhere_else(provenance: Provenance, tmp_path: Path) -> None:
    names = [
        "/etc/../x/a.jpg",
        "../b..jpg",
        "~/c.jpg",
        ".d/e.jpg",
        str(tmp_path / "p" / "f" / "g.jpg"),
        "bytes \udce9.jpg",
    ]
    where = {"date": "2024-05-12T10:00:00", "latitude": 52.5, "longitude": 13.25}
    images = [replace(make_result(name), metadata=where) for name in names]
    rows = written(tmp_path / "p", provenance, images, timezone="Z")["media"]
    assert rows[4]["filePath"] == "f/g.jpg" and rows[4]["deploymentID"] == "f"
    assert not any(row["filePath"].startswith((".", "/", "~")) or ".." in row["filePath"] for row in rows)
    assert list_problems(tmp_path / "p") == []


def test_the_package_is_there_when_it_is_complete(
    provenance: Provenance, results: list[Result], tmp_path: Path
) -> None:
    target = tmp_path / "p" / "datapackage.json"
    with pytest.raises(KeyboardInterrupt), CamtrapDp().open(target, provenance) as writer:
        writer.write(results[0])
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    with CamtrapDp().open(target, provenance) as writer:
        writer.write(results[0])
    (tmp_path / "p" / "photo.jpg").write_bytes(b"x")
    before = {path.name: path.read_bytes() for path in target.parent.iterdir()}
    with pytest.raises(KeyboardInterrupt), CamtrapDp().open(target, provenance) as writer:
        writer.write(results[4])
        raise KeyboardInterrupt
    assert {path.name: path.read_bytes() for path in target.parent.iterdir()} == before
    assert CamtrapDp().read_provenance(target)["model"] == provenance.model
    assert CamtrapDp().read_provenance(target.parent)["model"] == provenance.model


def test_requests_that_are_wrong(provenance: Provenance, tmp_path: Path) -> None:
    for options, told in (({"timezone": "Mars/Olympus"}, "timezone"), ({"start": "May"}, "start must be")):
        with pytest.raises(RecipeError, match=told):
            CamtrapDp(**options)
    with pytest.raises(RecipeError, match="name it with --output"), CamtrapDp().open(None, provenance):
        pass
    (tmp_path / "d.csv").write_text("site,latitude\na,1\n", "utf-8")
    with (
        pytest.raises(RecipeError, match="a column deploymentID, got site"),
        CamtrapDp(deployments=tmp_path / "d.csv").open(tmp_path / "p", provenance),
    ):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(BioclipXError, match="cannot be written"), CamtrapDp().open(tmp_path / "file", provenance):
        pass


def test_dates_of_frames_are_those_that_the_images_have(provenance: Provenance, tmp_path: Path) -> None:
    """Built by what makes them: a frame's date is that of its video and the seconds, a day without a time stays a day."""
    for date, frames, began in (
        ("2024-05-12T08:00:00", ["2024-05-12T08:00:00Z", "2024-05-12T08:00:03Z"], "2024-05-12T08:00:00Z"),
        ("2024-05-12T23:59:58+02:00", ["2024-05-12T23:59:58+02:00", "2024-05-13T00:00:01+02:00"], "2024-05-12T23:59:58+02:00"),
        ("2024-05-12", ["2024-05-12T00:00:00Z"] * 2, "2024-05-12T00:00:00Z"),
    ):  # fmt: skip
        results = [
            replace(make_result(f"clip.mp4#t={seconds}"), metadata=describe_frame({"date": date}, seconds))
            for seconds in (0.0, 3.5)
        ]
        for order in (results, results[::-1]):
            tables = written(tmp_path / "p", provenance, order, timezone="Z")
            assert sorted(row["eventStart"] for row in tables["observations"]) == [
                one.replace("Z", "+00:00") for one in frames
            ]
            assert [row["timestamp"] for row in tables["media"]] == [began.replace("Z", "+00:00")]
            assert tables["deployments"][0]["deploymentStart"] == began.replace("Z", "+00:00")


def test_deployments_without_images_are_survey_effort(provenance: Provenance, tmp_path: Path) -> None:
    table = tmp_path / "d.csv"
    table.write_text(
        "deploymentID;latitude;longitude;deploymentStart;deploymentEnd;cameraHeight;cameraTilt;locationName\n"
        "cam1;51,5;0,5;2024-05-01;2024-06-01T12:00;1,2;-10;by the pond\n"
        "cam9;52,5;1,5;2024-05-01 08:00;2024-06-01T12:00Z;;;\n",
        "utf-8",
    )
    image = replace(make_result("cam1/a.jpg"), metadata={"date": "2024-05-12T07:30:00"})
    rows = written(tmp_path / "p", provenance, [image], deployments=table, timezone="+02:00")["deployments"]
    assert [(row["deploymentID"], float(row["latitude"]), row["deploymentStart"]) for row in rows] == [
        ("cam1", 51.5, "2024-05-01T00:00:00+02:00"),
        ("cam9", 52.5, "2024-05-01T08:00:00+02:00"),
    ]
    assert (rows[0]["cameraHeight"], rows[0]["cameraTilt"], rows[0]["locationName"]) == ("1.2", "-10", "by the pond")
    assert rows[1]["deploymentEnd"] == "2024-06-01T12:00:00+00:00" and list_problems(tmp_path / "p") == []


@pytest.mark.parametrize(
    ("columns", "cells", "told"),
    [
        ("latitude", "95", "line 2: latitude must be a number between -90 and 90, got '95'"),
        ("longitude", "13°", "longitude must be a number between -180 and 180"),
        ("latitude", "nan", "latitude must be"),
        ("cameraHeight", "-1", "cameraHeight must be a number of at least 0"),
        ("cameraTilt", "1.5", "cameraTilt must be a whole number between -90 and 90"),
        ("coordinateUncertainty", "0", "coordinateUncertainty must be a whole number of at least 1"),
        ("deploymentStart", "12.5.2024", "deploymentStart must be a date and time in ISO 8601"),
        ("deploymentStart;deploymentEnd", "2024-05-02;2024-05-01", "is before"),
        ("habitat", "wood\na;field", "line 3: the deployment a is there twice"),
        ("habitat", '"wood', "never closed"),
    ],
)
def test_a_table_of_deployments_is_checked_before_the_first_image(
    columns: str, cells: str, told: str, provenance: Provenance, tmp_path: Path
) -> None:
    table = tmp_path / "d.csv"
    table.write_text(f"deploymentID;{columns}\na;{cells}\n", "utf-8")
    with (
        pytest.raises(RecipeError, match=re.escape(told)),
        CamtrapDp(deployments=table, timezone="Z").open(tmp_path / "p", provenance),
    ):
        pytest.fail("it began")
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("options", [{"latitude": 91}, {"longitude": "nan"}, {"latitude": "here"}, {"decimals": -1}])
def test_options_that_are_no_places(options: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match=next(iter(options))):
        create_registry().make("reports", "camtrap-dp", options)


@pytest.mark.parametrize("decimals", [0, 1, 3])
def test_places_are_blurred(decimals: int, provenance: Provenance, tmp_path: Path) -> None:
    """By no more than the uncertainty that is told, on the sphere; nothing in the folder has the place itself."""
    latitude, longitude = 52.54949, 13.34949
    place = {"date": "2024-05-12T07:30:00", "latitude": latitude, "longitude": longitude}
    table = tmp_path / "d.csv"
    table.write_text("deploymentID,latitude,longitude,coordinateUncertainty\ncam2,0.04949,0.04949,30\n", "utf-8")
    images = [replace(make_result(name), metadata=place) for name in ("cam1/a.jpg", "cam2/a.jpg")]
    rows = written(tmp_path / "p", provenance, images, deployments=table, decimals=decimals, timezone="Z")[
        "deployments"
    ]
    for row, true, known in zip(rows, ((latitude, longitude), (0.04949, 0.04949)), (0, 30)):
        told = math.radians(float(row["latitude"])), math.radians(float(row["longitude"]))
        phi, psi = map(math.radians, true)
        sine = (
            math.sin((phi - told[0]) / 2) ** 2 + math.cos(phi) * math.cos(told[0]) * math.sin((psi - told[1]) / 2) ** 2
        )
        assert 2 * 6_371_000 * math.asin(math.sqrt(sine)) + known <= float(row["coordinateUncertainty"])
        assert float(row["latitude"]) == round(true[0], decimals)
    assert blur({"latitude": 0.0, "longitude": 13.37}, 0)["longitude"] == 13.0  # on the equator
    assert blur({"latitude": None, "longitude": 13.37}, 0)["longitude"] == 13.0
    assert not [path for path in (tmp_path / "p").iterdir() if "4949" in path.read_text("utf-8")]
    assert list_problems(tmp_path / "p") == []


def test_several_organisms_of_an_event(provenance: Provenance, several: list[Result], tmp_path: Path) -> None:
    dated = [replace(one, metadata={"date": "2024-05-12T07:30:00"} if one.level == "image" else {}) for one in several]
    options = {"latitude": 1.0, "longitude": 2.0, "timezone": "Z"}
    rows = written(tmp_path / "p", provenance, dated, **options)["observations"]
    told = [(row["eventID"], row["scientificName"], row["eventStart"][:16]) for row in rows]
    assert told[2:] == [("e", "Parus major", "2024-05-12T07:30"), ("e", "Parus ater", "2024-05-12T07:30")]
    assert list_problems(tmp_path / "p") == []


def test_boxes_stay_within_the_image() -> None:
    assert make_box((-0.1, 0.5, 1.2, 0.5)) == {"bboxX": 0, "bboxY": 0.5, "bboxWidth": 1.0, "bboxHeight": 1e-6}


def test_times_are_fixed_by_the_environment(
    provenance: Provenance, results: list[Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    row = written(tmp_path / "p", provenance, results)["observations"][0]
    assert row["classificationTimestamp"] == "2023-11-14T22:13:20+00:00"
