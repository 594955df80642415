"""Every example by the commands that stand in it, from the root of a checkout."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from example_commands import ROOT, Checkout, read_commands

ELSEWHERE = {
    "make_drawings.py",
    "make_dated_images.py",
    "make_onnx_classifier.py",
    "camera_trap_card.py",
    "train.yaml",
    "own-descriptors.yaml",
    "small_tree_sources.py",
    "small_tree_photos.py",
}
"""Run by other tests, or by the examples that need them."""


def test_every_example_is_in_the_index() -> None:
    index = (ROOT / "examples" / "README.md").read_text("utf-8")
    for path in (ROOT / "examples").iterdir():
        shown = path.name in index or path.suffix in (".csv", ".md") or path.name in ("packages", "__pycache__")
        assert shown, f"expected {path.name} in the index"


def test_every_example_has_a_command() -> None:
    for path in sorted((ROOT / "examples").glob("*")):
        if path.suffix in (".py", ".yaml", ".ipynb") and path.name not in ELSEWHERE:
            assert read_commands(path.name), f"expected a command in {path.name}"


def test_own_plugin(checkout: Checkout) -> None:
    first, second = checkout.run_all("own_plugin.py")
    assert "drawing-of" in first and "watercolour" in second


def test_own_taxonomy(checkout: Checkout) -> None:
    [said] = checkout.run_all("own_taxonomy.py")
    assert "cyanistes-caeruleus.png: Cyanistes caeruleus" in said


def test_crosswalk(checkout: Checkout) -> None:
    differences, before, _ = checkout.run_all("crosswalk/README.md")
    assert "Cyanistes" in differences and "Parus caeruleus" in before
    rows = list(csv.DictReader((checkout.folder / "names.csv").read_text("utf-8").splitlines()))
    best = {Path(row["file_name"]).stem: row for row in reversed(rows)}
    assert best["cyanistes-caeruleus"]["species"] == "Cyanistes caeruleus"
    assert best["aglais-io"]["genus"] == "Aglais" and best["aglais-io"]["kingdom"] == "Animalia"
    assert best["amphiprion-ocellaris"]["note"] == "not in checklist.csv"


def test_own_loss(checkout: Checkout) -> None:
    checkout.run_all("own_loss.py")
    assert (checkout.folder / "runs" / "own-loss" / "model").is_dir()
    assert read_commands("own_loss.yaml") == read_commands("own_loss.py")[:1]


def test_own_average(checkout: Checkout) -> None:
    """The command, cut to a few drawings."""
    [command] = read_commands("own_average.py")
    fewer = "--set epochs=1 --set batch_size=16 --set 'data={name: field-guide, count: 32, seed: 7, size: 64}'"
    checkout.run(f"{command} {fewer}")
    assert json.loads((checkout.folder / "runs" / "example" / "average" / "metrics.json").read_text()) is not None


def test_own_prior(checkout: Checkout) -> None:
    checkout.run_all("own_prior.py")
    same = "bioclip-x classify dated --plugin examples/own_prior.py --format json"
    results = json.loads(checkout.run(f"{same} --adjust season:examples/own-seasons.csv"))["results"]
    share = {Path(one["source"]).stem: one["predictions"][0]["probability"] for one in results}
    notes = {Path(one["source"]).stem: one["notes"] for one in results}
    assert share["winter"] < share["papaver-rhoeas"]
    assert notes["winter"] == ["season: month 1 and latitude 52.5"]
    assert notes["nowhere"] == ["season: neither date nor place known"]


def test_own_language_model(checkout: Checkout) -> None:
    *_, said = checkout.run_all("own_language_model.py")
    written = yaml.safe_load((checkout.folder / "my-descriptors.yaml").read_text("utf-8"))
    assert "a yellow bill" in str(written) and "a red cap" in said


def test_own_report(checkout: Checkout) -> None:
    checkout.run_all("own_report.py")
    with zipfile.ZipFile(checkout.folder / "occurrences.zip") as archive:
        assert archive.testzip() is None
        meta = ElementTree.fromstring(archive.read("meta.xml"))
        rows = list(csv.DictReader(io.StringIO(archive.read("occurrence.txt").decode()), delimiter="\t"))
    space = "{http://rs.tdwg.org/dwc/text/}"
    terms = [field.get("term", "").rpartition("/")[2] for field in meta.iter(f"{space}field")]
    assert terms == list(rows[0])
    assert [one.text for one in meta.iter(f"{space}location")] == ["occurrence.txt"]
    tit, nowhere = (next(row for row in rows if name in row["associatedMedia"]) for name in ("cyanistes", "nowhere"))
    assert (tit["scientificName"], tit["taxonRank"], tit["family"]) == ("Cyanistes caeruleus", "species", "Paridae")
    assert (tit["eventDate"], tit["decimalLatitude"]) == ("2024-06-01T12:00:00", "52.5")
    assert tit["basisOfRecord"] == "MachineObservation"
    assert "drawings" in tit["identificationRemarks"], "expected what the demonstration model knows"
    assert (nowhere["eventDate"], nowhere["decimalLatitude"], nowhere["geodeticDatum"]) == ("", "", "")


def test_package(checkout: Checkout) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install 'bioclip-x[evaluate]'")
    said = checkout.run_all("packages/bioclip-x-colours/README.md")
    assert "classifiers" in said[0] and "heads" in said[0]
    assert " 0 failed" in said[-1]
    checkout.run("python -m pytest -q -p no:cacheprovider --import-mode=importlib examples/packages/bioclip-x-colours")


def test_notebook(checkout: Checkout) -> None:
    pytest.importorskip("nbclient", reason="nbclient is not installed: pip install nbclient ipykernel")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: pip install ipykernel")
    [command] = read_commands("notebook.ipynb")
    checkout.run(f"{command} --inplace")
    cells = json.loads((checkout.folder / "examples" / "notebook.ipynb").read_text("utf-8"))["cells"]
    outputs = ["".join(str(one.get("data", one.get("text"))) for one in cell.get("outputs", ())) for cell in cells]
    assert "data:image/jpeg" in "".join(outputs) and "Papaver rhoeas" in outputs[-1]


def test_the_notebook_is_kept_without_outputs() -> None:
    cells = json.loads((ROOT / "examples" / "notebook.ipynb").read_text("utf-8"))["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
