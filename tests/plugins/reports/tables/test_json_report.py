"""The json and jsonl reports."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.records import HeatMap, Provenance, Remainder, Result
from bioclip_x_plugins.reports.tables.json_report import JsonlReport, JsonReport


def written(report: Any, path: Path, provenance: Provenance, *results: Result) -> str:
    with report.open(path, provenance) as writer:
        for result in results:
            writer.write(result)
    return path.read_bytes().decode("utf-8")


def strict(text: str) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_the_document(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    document = strict(written(JsonReport(), tmp_path / "o.json", provenance, blue_tit))
    assert set(document) == {"provenance", "results"}
    assert document["provenance"]["recipe"] == provenance.recipe
    (result,) = document["results"]
    assert set(result) == {
        "source", "error", "refused", "notes", "width", "height", "predictions", "ranks", "explanation",
        "metadata", "level", "region", "event", "images",
    }  # fmt: skip
    best = result["predictions"][0]
    assert (best["rank"], best["name"], best["common_name"]) == ("species", "Cyanistes caeruleus", "Eurasian blue tit")
    assert best["path"][4] == {"rank": "family", "name": "Paridae", "probability": 0.62}
    assert result["ranks"][1] == {"rank": "family", "name": "Fringillidae", "probability": 0.63, "on_path": False}
    why = result["explanation"]
    assert why["margin"] == pytest.approx(sum(d["contribution"] for d in why["descriptors"]) + why["rest"])
    assert [d["class"] for d in why["descriptors"]] == ["Cyanistes caeruleus"] * 3 + ["Parus major"] * 3
    assert set(why["descriptors"][0]) == {
        "phrase", "text", "kind", "source", "class", "taxon", "rank", "similarity", "contribution", "n_classes", "net", "heat_map"
    }  # fmt: skip


def test_the_explanation(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    """As docs/explanations.md has it."""
    first, *others = blue_tit.explanation.contributions
    heat_map = HeatMap(((0.1, 0.2), (0.3, 0.4)), (0.0, 0.1, 1.0, 0.9), "patches", True)
    shared = replace(first, taxon="Parus", rank="genus", n_classes=7, net=0.5, heat_map=heat_map)
    remainders = (Remainder("other classes of Paridae", 0.25, "classes"), Remainder("list", math.inf, "adjustment"))
    why = replace(blue_tit.explanation, contributions=(shared, *others), remainders=remainders, is_asked_for=True)
    document = strict(written(JsonReport(), tmp_path / "o.json", provenance, replace(blue_tit, explanation=why)))
    told = document["results"][0]["explanation"]
    assert set(told) == {
        "format", "winner", "runner_up", "is_asked_for", "winner_class", "runner_up_class", "margin", "baseline", "rest",
        "remainders", "examples", "descriptors",
    }  # fmt: skip
    assert told["format"] == "bioclip-x/explanation/2" and told["is_asked_for"] is True
    assert told["remainders"] == [
        {"label": "other classes of Paridae", "kind": "classes", "contribution": 0.25},
        {"label": "list", "kind": "adjustment", "contribution": None},
    ]
    one = told["descriptors"][0]
    assert (one["taxon"], one["rank"], one["n_classes"], one["net"]) == ("Parus", "genus", 7, 0.5)
    assert one["heat_map"] == {
        "values": [[0.1, 0.2], [0.3, 0.4]], "box": [0.0, 0.1, 1.0, 0.9], "method": "patches", "is_exact": True,
    }  # fmt: skip
    assert told["descriptors"][1]["taxon"] is None and told["descriptors"][1]["heat_map"] is None
    page = (Path(__file__).parents[4] / "docs" / "explanations.md").read_text("utf-8")
    assert f"`{told['format']}`" in page
    for field in (*told, *one, *told["remainders"][0], *one["heat_map"]):
        assert f"`{field}`" in page, f"{field} is not documented"


def test_contributions_are_relative_to_the_baseline(
    provenance: Provenance, doubtful: Result, blue_tit: Result, tmp_path: Path
) -> None:
    document = strict(written(JsonReport(), tmp_path / "o.json", provenance, doubtful, blue_tit))
    told, unknown = (result["explanation"] for result in document["results"])
    assert told["baseline"] == 0.2 and unknown["baseline"] is None
    assert [one["similarity"] for one in told["descriptors"]] == [0.34, 0.31, 0.17, 0.29, 0.25, 0.12]
    expected = [2.8, 2.2, -0.6, -1.8, -1.0, 1.6]
    assert [one["contribution"] for one in told["descriptors"]] == pytest.approx(expected)
    assert told["remainders"] == [{"label": "the mean text of the list", "kind": "mean text", "contribution": 0.4}]
    assert told["margin"] == pytest.approx(sum(expected) + 0.4)


def test_errors_and_refusals(provenance: Provenance, unreadable: Result, refused: Result, tmp_path: Path) -> None:
    one, two = strict(written(JsonReport(), tmp_path / "o.json", provenance, unreadable, refused))["results"]
    assert (one["error"], one["refused"], one["predictions"]) == (unreadable.error, None, [])
    assert (two["error"], two["refused"], two["explanation"]) == (None, refused.refused, None)


def test_no_picture_at_all(provenance: Provenance, tmp_path: Path) -> None:
    assert strict(written(JsonReport(), tmp_path / "o.json", provenance))["results"] == []


@pytest.mark.parametrize("report", [JsonReport(), JsonlReport()])
def test_hostile_names_survive(report: Any, provenance: Provenance, hostile: list[Result], tmp_path: Path) -> None:
    text = written(report, tmp_path / "o", provenance, *hostile)
    lines = isinstance(report, JsonlReport)
    results = [strict(line) for line in text.splitlines()[1:]] if lines else strict(text)["results"]
    assert [r["source"] for r in results] == [r.source for r in hostile]
    assert [r["explanation"]["winner"] + ".jpg" for r in results] == [r.source for r in hostile]


def test_every_line_is_a_document(provenance: Provenance, blue_tit: Result, unreadable: Result, tmp_path: Path) -> None:
    first, *rest = written(JsonlReport(), tmp_path / "o.jsonl", provenance, blue_tit, unreadable).splitlines()
    assert set(strict(first)) == {"provenance"}
    assert [strict(line)["source"] for line in rest] == [blue_tit.source, unreadable.source]


def test_numbers_that_are_none(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    odd = replace(blue_tit, explanation=replace(blue_tit.explanation, margin=float("nan"), rest=float("inf")))
    about = replace(provenance, recipe={**provenance.recipe, "threshold": float("nan")})
    document = strict(written(JsonReport(), tmp_path / "o.json", about, odd))
    assert document["results"][0]["explanation"]["margin"] is None
    assert document["provenance"]["recipe"]["threshold"] is None


def test_a_line_is_out_before_the_next_is_asked_for(
    provenance: Provenance, blue_tit: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    with JsonlReport().open(None, provenance) as writer:
        assert "provenance" in capsys.readouterr().out
        writer.write(blue_tit)
        assert strict(capsys.readouterr().out)["source"] == blue_tit.source


def test_how_the_image_was_read(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    noted = replace(blue_tit, notes=("first of 3 frames",))
    document = strict(written(JsonReport(), tmp_path / "o.json", provenance, noted, blue_tit))
    assert [result["notes"] for result in document["results"]] == [["first of 3 frames"], []]


def test_regions_and_events(provenance: Provenance, two_boxes: list[Result], blue_tit: Result, tmp_path: Path) -> None:
    results = [*two_boxes, blue_tit]
    bird, person, nothing, event, whole = strict(written(JsonReport(), tmp_path / "o.json", provenance, *results))[
        "results"
    ]
    assert bird["region"] == {
        "number": 0, "n_regions": 2, "box": [0.1, 0.2, 0.5, 0.9], "detection": "animal", "confidence": 0.93,
        "mask": {"size": [3, 4], "counts": "04"}, "name": "d1", "individual": "M7",
    }  # fmt: skip
    assert person["region"]["confidence"] is None and person["region"]["mask"] is None and person["event"] == "burst 1"
    assert nothing["region"] is None and nothing["level"] == "image" and nothing["images"] == []
    assert (event["level"], event["event"], event["region"]) == ("event", "burst 1", None)
    assert event["images"][:2] == [
        {"source": "cam1/a.jpg", "region": 0, "probability": 0.58, "contribution": 1.4, "left_out": None},
        {"source": "cam1/a.jpg", "region": 1, "probability": None, "contribution": None, "left_out": "a person"},
    ]
    assert (whole["level"], whole["event"], whole["region"], whole["images"]) == ("image", None, None, [])
