"""The csv report: pybioclip's columns, ours, and names that break careless writers."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from bioclip_x.errors import BioclipXError, RecipeError
from bioclip_x.records import Prediction, Provenance, Result, Step, Taxon
from bioclip_x_plugins.reports.tables.csv_report import CsvReport

OURS = "rank,name,note,margin,top_descriptor,refused,image_notes,error,demo,model,revision,version,metadata"
OURS += ",level,region_number,n_regions,box_left,box_top,box_right,box_bottom,detection,detection_confidence,individual,event"


def written(path: Path, provenance: Provenance, *results: Result) -> list[dict[str, str]]:
    with CsvReport().open(path, provenance) as writer:
        for result in results:
            writer.write(result)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def header(path: Path) -> str:
    return path.read_text("utf-8").splitlines()[0]


@pytest.mark.parametrize(
    "rank, ranks, theirs",
    [
        (None, "all", "kingdom,phylum,class,order,family,genus,species_epithet,species,common_name"),
        ("species", "all", "kingdom,phylum,class,order,family,genus,species_epithet,species,common_name"),
        ("genus", "all", "kingdom,phylum,class,order,family,genus"),
        ("family", "all", "kingdom,phylum,class,order,family"),
        ("kingdom", "all", "kingdom"),
        ("subfamily", "all", "kingdom,phylum,class,order,family,subfamily"),
        (None, "none", "classification"),
    ],
)
def test_pybioclips_columns_come_first(
    rank: str | None, ranks: str, theirs: str, provenance: Provenance, tmp_path: Path
) -> None:
    recipe = {**provenance.recipe, "rank": rank}
    about = replace(provenance, recipe=recipe, ranks=provenance.ranks if ranks == "all" else ())
    written(tmp_path / "o.csv", about)
    assert header(tmp_path / "o.csv") == f"file_name,{theirs},score,{OURS}"


def test_a_species_row(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    first, second = written(tmp_path / "o.csv", provenance, blue_tit)
    assert first["file_name"] == "photos/blue tit.jpg"
    assert [first[c] for c in ("kingdom", "family", "genus", "species_epithet", "species", "common_name")] == [
        "Animalia", "Paridae", "Cyanistes", "caeruleus", "Cyanistes caeruleus", "Eurasian blue tit",
    ]  # fmt: skip
    assert float(first["score"]) == 0.58
    assert (first["rank"], first["name"], first["top_descriptor"]) == ("species", "Cyanistes caeruleus", "a blue cap")
    assert float(first["margin"]) == blue_tit.explanation.margin
    assert (second["species"], second["margin"], second["top_descriptor"]) == ("Parus major", "", "")
    assert (first["model"], first["revision"], first["version"]) == ("field-guide", "3fa9c1", "0.1.0")


def test_the_top_descriptor_is_evidence_for_the_winner(
    provenance: Provenance, doubtful: Result, hopeless: Result, tmp_path: Path
) -> None:
    some, _, none, _ = written(tmp_path / "o.csv", provenance, doubtful, hopeless)
    assert some["top_descriptor"] == "a blue cap"
    assert none["top_descriptor"] == "" and none["margin"]


def test_names_are_no_descriptors(provenance: Provenance, goldfinch: Result, tmp_path: Path) -> None:
    (row,) = written(tmp_path / "o.csv", provenance, goldfinch)
    assert row["margin"] and not row["top_descriptor"]


def test_no_runner_up_no_margin(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    alone = replace(blue_tit, explanation=replace(blue_tit.explanation, runner_up=""))
    assert written(tmp_path / "o.csv", provenance, alone)[0]["margin"] == ""


def test_a_plain_label(provenance: Provenance, tmp_path: Path) -> None:
    cat = Prediction(Taxon("", "cat", (("", "cat"),), {"en": ("cat",)}), 0.7, (Step("", "cat", 0.7),))
    (row,) = written(tmp_path / "o.csv", replace(provenance, ranks=()), Result("a.jpg", predictions=(cat,)))
    assert (row["classification"], row["score"]) == ("cat", "0.7")


def test_pictures_without_a_name_have_a_row(
    provenance: Provenance, unreadable: Result, refused: Result, tmp_path: Path
) -> None:
    broken, car = written(tmp_path / "o.csv", provenance, unreadable, refused)
    assert (broken["file_name"], broken["error"], broken["score"]) == (unreadable.source, unreadable.error, "")
    assert (car["refused"], car["species"], car["score"]) == (refused.refused, "", "")


def test_hostile_names_survive(provenance: Provenance, hostile: list[Result], tmp_path: Path) -> None:
    rows = written(tmp_path / "o.csv", provenance, *hostile)
    # A file name's stray bytes have no place in UTF-8 and are spelt out; all else comes back as it was.
    names = [result.source.encode("utf-8", "backslashreplace").decode() for result in hostile for _ in range(2)]
    assert [row["file_name"] for row in rows] == names
    assert [row["species"] + ".jpg" for row in rows] == names
    assert not any(None in row or None in row.values() for row in rows)


def test_provenance_lies_beside(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    written(tmp_path / "o.csv", provenance, blue_tit)
    document = json.loads((tmp_path / "o.csv.provenance.json").read_text("utf-8"))
    assert document["recipe"] == provenance.recipe
    assert document["notes"] == list(provenance.notes)


def test_standard_output_has_rows_only(
    provenance: Provenance, blue_tit: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    with CsvReport().open(None, provenance) as writer:
        writer.write(blue_tit)
    assert len(list(csv.reader(io.StringIO(capsys.readouterr().out)))) == 3


def test_a_folder_that_cannot_be_written(provenance: Provenance, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    report = CsvReport().open(tmp_path / "file" / "o.csv", provenance)
    with pytest.raises(BioclipXError, match="cannot be written"), report:
        pass


def test_how_the_image_was_read(provenance: Provenance, blue_tit: Result, unreadable: Result, tmp_path: Path) -> None:
    noted = replace(blue_tit, notes=("first of 3 frames", "file truncated: 97% read"))
    rows = written(tmp_path / "o.csv", provenance, noted, replace(unreadable, notes=("x",)))
    assert {row["image_notes"] for row in rows[:-1]} == {"first of 3 frames; file truncated: 97% read"}
    assert rows[-1]["image_notes"] == "x" and rows[-1]["error"]


def test_regions_and_events(provenance: Provenance, two_boxes: list[Result], blue_tit: Result, tmp_path: Path) -> None:
    first, *_, second, nothing, event, whole, _ = written(tmp_path / "o.csv", provenance, *two_boxes, blue_tit)
    assert (first["level"], first["region_number"], first["n_regions"], first["event"]) == (
        "region",
        "0",
        "2",
        "burst 1",
    )
    assert [float(first[f"box_{edge}"]) for edge in ("left", "top", "right", "bottom")] == [0.1, 0.2, 0.5, 0.9]
    assert (first["detection"], float(first["detection_confidence"]), first["individual"]) == ("animal", 0.93, "M7")
    assert (second["detection"], second["detection_confidence"], second["individual"]) == ("person", "", "")
    assert second["refused"] == "a person" and second["region_number"] == "1"
    assert (nothing["level"], nothing["region_number"], nothing["n_regions"], nothing["box_left"]) == (
        "image",
        "",
        "",
        "",
    )
    assert (event["level"], event["event"], event["file_name"]) == ("event", "burst 1", "burst 1")
    assert (whole["level"], whole["event"]) == ("image", "")


def test_a_spreadsheets_separator_and_decimals(provenance: Provenance, blue_tit: Result, tmp_path: Path) -> None:
    report = CsvReport(separator="semicolon", decimal="comma", bom=True)
    with report.open(tmp_path / "o.csv", provenance) as writer:
        writer.write(blue_tit)
    raw = (tmp_path / "o.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbffile_name;kingdom;")
    first = next(csv.DictReader(io.StringIO(raw.decode("utf-8-sig")), delimiter=";"))
    assert first["score"] == "0,58" and first["file_name"] == "photos/blue tit.jpg" and first["version"] == "0.1.0"
    assert report.read_provenance(tmp_path / "o.csv")["model"] == provenance.model


def test_formulas_are_defused(provenance: Provenance, hostile: list[Result], tmp_path: Path) -> None:
    begins = ("=", "+", "-", "@", "\t", "\r", "'=")
    results = [replace(hostile[0], source=f"{begin}x", explanation=None) for begin in begins]
    cold = replace(results[0], source="a.jpg", explanation=replace(hostile[0].explanation, margin=-2.5))
    with CsvReport(safe=True).open(tmp_path / "o.csv", provenance) as writer:
        for result in (*results, cold):
            writer.write(result)
    with (tmp_path / "o.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file_name"] for row in rows[:-2:2]] == [f"'{begin}x" for begin in begins]
    assert rows[-2]["margin"] == "-2.5" and rows[-2]["species"] == hostile[0].predictions[0].taxon.name


@pytest.mark.parametrize(
    "options", [{"separator": ";;"}, {"separator": '"'}, {"separator": ""}, {"separator": "e"}, {"decimal": ","}]
)
def test_separators_that_cannot_be_read_again(options: dict[str, str]) -> None:
    with pytest.raises(RecipeError, match="separator"):
        CsvReport(**options)
