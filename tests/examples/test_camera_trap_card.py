"""A memory card goes to a valid Camtrap DP in one command, with every file accounted for, interrupted and resumed."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from examples.camera_trap_card import make_card

from camtrap_package import list_problems

pytest.importorskip("av", reason="needs the extra video")
pytest.importorskip("frictionless", reason="needs frictionless")

COMMAND = [
    "classify",
    "card",
    "--boxes",
    "card/detections.json",
    "--event-by",
    "60s",
    "--frames",
    "1/s",
    "--no-explain",
]


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "BIOCLIP_X_CACHE": str(folder.parent / "cache")}
    return subprocess.Popen(
        [sys.executable, "-m", "bioclip_x", *COMMAND, "--batch-size", "2", "--output", "names.csv", *options],
        cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def read(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[str]]]:
    """A folder with the card and what an unbroken run wrote, and the species of each file."""
    folder = tmp_path_factory.mktemp("card") / "whole"
    truth = make_card(folder / "card")
    process = start(folder, "--report", "camtrap-dp:package", "--report", "names.html")
    _, err = process.communicate(timeout=240)
    assert process.returncode == 1 and "1 image failed" in err, err
    return folder, truth


def test_every_file_is_accounted_for(whole: tuple[Path, dict[str, list[str]]]) -> None:
    folder, truth = whole
    assert list_problems(folder / "package") == []
    media = {Path(row["filePath"]).name: row for row in read(folder / "package" / "media.csv")}
    assert set(media) == set(truth)
    named: dict[str, Counter[str]] = {name: Counter() for name in truth}
    kinds: dict[str, set[str]] = {name: set() for name in truth}
    file_of = {row["mediaID"]: name for name, row in media.items()}
    observations = read(folder / "package" / "observations.csv")
    for row in observations:
        if row["observationLevel"] == "media":
            named[file_of[row["mediaID"]]][row["scientificName"]] += 1
            kinds[file_of[row["mediaID"]]].add(row["observationType"])
    assert kinds.pop("IMG_0001.JPG") == {"human"} and kinds.pop("IMG_0099.JPG") == {"unclassified"}
    for name, found in kinds.items():
        species = truth[name]
        assert found == {"blank"} if not species else set(named[name]) == set(species)
    assert named["VID_0001.AVI"]["Alcedo atthis"] == 3, "a frame each second"


def test_events_have_a_decision_for_each_of_their_species(whole: tuple[Path, dict[str, list[str]]]) -> None:
    folder, _ = whole
    observations = read(folder / "package" / "observations.csv")
    events = Counter(
        (row["eventStart"][11:16], row["scientificName"]) for row in observations if row["observationLevel"] == "event"
    )
    assert sorted(events) == sorted([
        ("06:30", ""), ("07:00", "Parus major"), ("07:00", "Erithacus rubecula"), ("07:30", "Alcedo atthis"),
        ("08:00", "Amanita muscaria"), ("08:00", "Papaver rhoeas"), ("08:00", "Alcedo atthis"), ("09:30", "Alcedo atthis"),
    ])  # fmt: skip
    assert set(events.values()) == {1}


def test_the_place_is_that_of_the_exif_data(whole: tuple[Path, dict[str, list[str]]]) -> None:
    [deployment] = read(whole[0] / "package" / "deployments.csv")
    assert float(deployment["latitude"]) == pytest.approx(52.5163, abs=1e-4)
    assert float(deployment["longitude"]) == pytest.approx(13.3777, abs=1e-4)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
def test_an_interrupted_run_is_resumed_to_the_same_results(whole: tuple[Path, dict[str, list[str]]]) -> None:
    folder, _ = whole
    other = folder.parent / "interrupted"
    make_card(other / "card")
    process = start(other, "--report", "camtrap-dp:package")
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if any(count_records(journal) >= 3 for journal in other.glob("*.journal")):
            process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it was over too soon"
    process = start(other, "--report", "camtrap-dp:package", "--resume")
    _, err = process.communicate(timeout=240)
    assert process.returncode == 1, err
    assert read_rounded(other / "names.csv") == read_rounded(folder / "names.csv")
    for name in ("media.csv", "deployments.csv"):
        assert (other / "package" / name).read_bytes() == (folder / "package" / name).read_bytes()


def read_rounded(file: Path) -> list[dict[str, str]]:
    """Rows with shorter numbers: the last bits of a lone image's depend on where it lies in memory."""
    return [{name: re.sub(r"(\d\.\d{5})\d+", r"\1", cell) for name, cell in row.items()} for row in read(file)]


def count_records(journal: Path) -> int:
    return journal.read_bytes().count(b'["image"') + journal.read_bytes().count(b'["event"')


def test_the_boxes_file_is_what_megadetector_writes(whole: tuple[Path, dict[str, list[str]]]) -> None:
    document = json.loads((whole[0] / "card" / "detections.json").read_text("utf-8"))
    assert {"info", "detection_categories", "images"} == set(document) and len(document["images"]) == len(whole[1])
