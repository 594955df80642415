"""Darwin Core: occurrences as a table and as an archive."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bioclip_x.errors import RecipeError
from bioclip_x.records import Provenance, Result
from bioclip_x_plugins.reports.exchange.darwin_core import TERMS, DarwinCore


def written(path: Path, provenance: Provenance, results: list[Result], **options: Any) -> Path:
    with DarwinCore(**options).open(path, provenance) as writer:
        for result in results:
            writer.write(result)
    return path


def read(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


def test_an_occurrence(provenance: Provenance, results: list[Result], tmp_path: Path) -> None:
    rows = read(written(tmp_path / "o.csv", provenance, results, timezone="Z", sure=0.95).read_text("utf-8"))
    assert len(rows) == 3  # the box of a fox, and two frames
    box, _, boxed_frame = rows
    assert box["basisOfRecord"] == "MachineObservation" and box["occurrenceStatus"] == "present"
    assert (box["scientificName"], box["taxonRank"], box["family"]) == ("Parus major", "species", "Paridae")
    assert (box["specificEpithet"], box["vernacularName"]) == ("major", "great tit")
    assert (box["identificationQualifier"], box["organismID"], box["eventID"]) == ("cf.", "F3", "burst 1")
    assert box["identificationVerificationStatus"] == "unverified (machine)"
    assert "revision 3fa9c1" in box["identificationReferences"] and "recipe sha256 " in box["identificationReferences"]
    assert box["eventDate"] == "2024-05-12T07:30:00+00:00" and box["geodeticDatum"] == "WGS84"
    assert (float(box["decimalLatitude"]), float(box["decimalLongitude"])) == (52.5, 13.25)
    assert box["associatedMedia"] == "cam1/a.jpg" and "box 0.1000, 0.2000, 0.5000, 0.9000" in box["occurrenceRemarks"]
    assert boxed_frame["associatedMedia"] == "cam2/clip.mp4" and boxed_frame["eventDate"] == "2024-05-12T08:00:03+00:00"
    assert len({row["occurrenceID"] for row in rows}) == 3


def test_images_without_a_name_are_told_beside(provenance: Provenance, results: list[Result], tmp_path: Path) -> None:
    written(tmp_path / "o.csv", provenance, results)
    rows = read((tmp_path / "o.csv.not-named.txt").read_text("utf-8"), "\t")
    assert [(row["associatedMedia"], row["kind"]) for row in rows] == [
        ("cam1/a.jpg", "human"), ("cam1/b.jpg", "blank"), ("cam2/broken.jpg", "unclassified"), ("cam2/off list.jpg", "unknown"),
        ("cam2/model.jpg", "vehicle"),
    ]  # fmt: skip


def test_events_in_place_of_their_images(provenance: Provenance, results: list[Result], tmp_path: Path) -> None:
    rows = read(written(tmp_path / "o.csv", provenance, results, events=True).read_text("utf-8"))
    assert [row["eventID"] for row in rows] == ["burst 1", "", ""]
    assert rows[0]["associatedMedia"] == "cam1/a.jpg | cam1/b.jpg" and not rows[0]["identificationQualifier"]


def test_the_archive(
    provenance: Provenance,
    results: list[Result],
    hostile: list[Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    path = written(tmp_path / "o.zip", provenance, [*hostile, *results], decimals=1)
    with zipfile.ZipFile(path) as archive:
        meta = ElementTree.fromstring(archive.read("meta.xml"))
        rows = read(archive.read("occurrence.txt").decode(), "\t")
        unnamed = read(archive.read("not-named.txt").decode(), "\t")
    fields = [one.get("term", "").rpartition("/")[2] for one in meta.iter("{http://rs.tdwg.org/dwc/text/}field")]
    assert fields == list(TERMS) == list(rows[0]) and len(rows) == len(hostile) + 3 and len(unnamed) == 5
    assert rows[-1]["decimalLatitude"] == "52.5" and rows[-1]["coordinatePrecision"] == "0.1"
    again = written(tmp_path / "p.zip", provenance, [*hostile, *results], decimals=1)
    assert again.read_bytes() == path.read_bytes()


def test_identifiers_are_of_one_occurrence_each(
    provenance: Provenance, results: list[Result], several: list[Result], tmp_path: Path
) -> None:
    """The same in every run, of the data set, and none twice, also for an image that was asked for twice."""

    def list_ids(results: list[Result], **options: Any) -> list[str]:
        rows = read(written(tmp_path / "o.csv", provenance, results, **options).read_text("utf-8"))
        return [row["occurrenceID"] for row in rows]

    once = list_ids([*results, *several])
    assert len(set(once)) == len(once) == 5
    assert once == list_ids([*results, *several, *results]) == list_ids([*results, *several], dataset="")
    unnamed = read((tmp_path / "o.csv.not-named.txt").read_text("utf-8"), "\t")
    assert len(unnamed) == 5
    of_a = list_ids(results, dataset="Foxes 2024")
    assert of_a == list_ids(results, dataset="Foxes 2024") and not set(of_a) & set(once)


def test_several_organisms_of_an_event(provenance: Provenance, several: list[Result], tmp_path: Path) -> None:
    rows = read(written(tmp_path / "o.csv", provenance, several, events=True).read_text("utf-8"))
    assert [(row["scientificName"], row["eventID"]) for row in rows] == [("Parus major", "e"), ("Parus ater", "e")]
    assert len({row["occurrenceID"] for row in rows}) == 2


def test_a_table_for_standard_output_is_refused(provenance: Provenance) -> None:
    with pytest.raises(RecipeError, match="name one with --output"), DarwinCore().open(None, provenance):
        pass
