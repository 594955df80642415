"""Calibrations on disk: stored by their conditions, and refused under others."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

from bioclip_x.errors import CalibrationError
from bioclip_x.inference.calibration_store import (
    choose_calibration,
    find_default_file,
    find_lambda,
    load_calibration,
    save_calibration,
)
from bioclip_x.records import Calibration, Conditions
from bioclip_x.records.calibration import Coverage, Hedge, Refusal, Reliability
from bioclip_x.settings import find_data_folder

HERE = Conditions("m", "r1", "fp32", "p", "t", "x", "mean", "text")
FOUND = Calibration(
    conditions=HERE,
    source="photos",
    date="2026-01-31",
    version="0",
    fitted=60,
    held_out=59,
    seed=0,
    accuracy=0.9,
    temperature=1.5,
    before=Reliability(0.5, 0.1, 0.11),
    after=Reliability(0.4, 0.05, 0.06),
    aurc=0.01,
    coverages=(Coverage(1.0, 0.9, 0.2),),
    refusal=Refusal(0.21, 0.95, 0.94),
    hedges=(Hedge(0.9, 0.25, 0.91, 0.8), Hedge(0.99, None)),
    notes=("few",),
)


def test_a_saved_calibration_is_loaded_unchanged() -> None:
    file = save_calibration(FOUND)
    assert file == find_default_file(HERE) and file.parent == find_data_folder() / "calibrations"
    assert load_calibration(file) == FOUND == choose_calibration("auto", HERE) == choose_calibration(file, HERE)
    assert choose_calibration("none", HERE) is None
    assert FOUND.about == "share among the listed classes, calibrated on 119 images of photos (2026-01-31)"


@pytest.mark.parametrize("field", [field.name for field in fields(Conditions)])
def test_a_calibration_is_valid_only_under_its_conditions(field: str, tmp_path: Path) -> None:
    save_calibration(FOUND)
    other_conditions = replace(HERE, **{field: "other"})
    assert choose_calibration("auto", other_conditions) is None
    file = save_calibration(FOUND, tmp_path / "c.json")
    with pytest.raises(
        CalibrationError, match=rf"c.json was made under other conditions \({field}: .* there, other here\)"
    ):
        choose_calibration(file, other_conditions)


def test_invalid_files(tmp_path: Path) -> None:
    file = save_calibration(FOUND, tmp_path / "c.json")
    whole = json.loads(file.read_text())
    for document, message in [
        ([], "is not a calibration of"),
        ({**whole, "temperature": "warm"}, "temperature"),
        ({**whole, "temperature": -1.0}, "temperature: expected a number from 0.01 to 100"),
        ({k: v for k, v in whole.items() if k != "refusal"}, "refusal"),
    ]:
        file.write_text(json.dumps(document))
        with pytest.raises(CalibrationError, match=message):
            load_calibration(file)
    with pytest.raises(CalibrationError, match="does not exist"):
        choose_calibration(tmp_path / "gone.json", HERE)
    (tmp_path / "file").write_text("")
    with pytest.raises(CalibrationError, match="cannot be written"):
        save_calibration(FOUND, tmp_path / "file" / "c.json")


def test_depths() -> None:
    assert find_lambda(FOUND, 0.9) == 0.25
    for calibration, accuracy, message in [
        (None, 0.95, r"there is no calibration .* run `bioclip-x calibrate LABELLED_IMAGES --accuracy 0.95`"),
        (FOUND, 0.95, r"no depth for accuracy 0.95 \(it has 0.9, 0.99\): run"),
        (FOUND, 0.99, "no depth reached an accuracy of 0.99 on the 60 calibration images"),
    ]:
        with pytest.raises(CalibrationError, match=message):
            find_lambda(calibration, accuracy)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("temperature",), 1e308),
        (("temperature",), True),
        (("temperature",), "0.5"),
        (("fitted",), 10**400),
        (("refusal", "threshold"), float("nan")),
        (("refusal", "accept"), 1.5),
        (("refusal", "extra"), 1),
        (("hedges", 0, "lambda_"), -1),
        (("hedges", 0, "accuracy"), 0),
    ],
)
def test_values_that_none_has(tmp_path: Path, place: tuple[str | int, ...], value: object) -> None:
    file = save_calibration(FOUND, tmp_path / "c.json")
    document = above = json.loads(file.read_text())
    for key in place[:-1]:
        above = above[key]
    above[place[-1]] = value
    file.write_text(json.dumps(document))
    with pytest.raises(CalibrationError, match=rf"c\.json.*{place[-1]}"):
        load_calibration(file)
