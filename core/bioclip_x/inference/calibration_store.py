"""Calibrations on disk: JSON files, in the user's data folder by what they hold for, or wherever asked."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from bioclip_x.errors import CalibrationError
from bioclip_x.io.files import open_replacement, read_yaml
from bioclip_x.records import Calibration, Conditions
from bioclip_x.settings import find_data_folder
from bioclip_x.validation import find_first_error


def find_default_file(conditions: Conditions) -> Path:
    """Where a calibration is kept that no file is named for."""
    text = json.dumps(asdict(conditions), sort_keys=True)
    return find_data_folder() / "calibrations" / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"


def save_calibration(calibration: Calibration, file: Path | None = None) -> Path:
    """Writes it to `file`, or to where `choose_calibration` looks; returns the path. Raises CalibrationError if it cannot."""
    file = file or find_default_file(calibration.conditions)
    try:
        with open_replacement(file) as stream:
            stream.write(json.dumps(asdict(calibration), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    except OSError as problem:
        raise CalibrationError(f"{file} cannot be written: {problem.strerror or problem}") from problem
    return file


def load_calibration(file: Path) -> Calibration:
    """Raises CalibrationError for a file that is not there or is none."""
    document = read_yaml(file, CalibrationError)
    try:
        found = TypeAdapter(Calibration).validate_python(document)
    except ValidationError as problem:
        raise CalibrationError(
            f"{file} is no calibration that `bioclip-x calibrate` wrote: {find_first_error(problem)}; run it again"
        ) from None
    if found.temperature is not None and not 0 < found.temperature < math.inf:
        raise CalibrationError(f"{file}: the temperature must be a number above 0, got {found.temperature}")
    return found


def choose_calibration(which: Literal["none", "auto"] | Path, conditions: Conditions) -> Calibration | None:
    """The file named, or with "auto" the one kept for just these conditions, if there is one.

    Raises CalibrationError for a file that was made under other conditions, naming what differs.
    """
    if which == "none":
        return None
    file = find_default_file(conditions) if which == "auto" else which
    assert isinstance(file, Path)
    if which == "auto" and not file.exists():
        return None
    found = load_calibration(file)
    if differing := found.conditions.differences(conditions):
        told = "; ".join(
            f"{name}: {getattr(found.conditions, name)} there, {getattr(conditions, name)} here" for name in differing
        )
        raise CalibrationError(
            f"{file} was made for something else ({told}); calibrate this once more, or leave it out"
        )
    return found


def find_lambda(calibration: Calibration | None, accuracy: float) -> float:
    """The λ that it has for an accuracy. Raises CalibrationError saying what to run where it has none."""
    command = f"`bioclip-x calibrate LABELLED_PICTURES --accuracy {accuracy:g}`"
    if calibration is None:
        raise CalibrationError(
            f"how deep to go for {accuracy:.4g} accuracy is found out on labelled images, and there is no calibration for "
            f"this model, list and texts: run {command} with the same options once, or give --calibration FILE"
        )
    for hedge in calibration.hedges:
        if math.isclose(hedge.accuracy, accuracy):
            if hedge.lambda_ is None:
                raise CalibrationError(
                    f"no depth made {accuracy:.4g} of the {calibration.fitted} images right that it was calibrated on; "
                    "ask for less"
                )
            return hedge.lambda_
    known = ", ".join(f"{hedge.accuracy:g}" for hedge in calibration.hedges) or "none"
    raise CalibrationError(f"the calibration has no depth for accuracy {accuracy:g} (it has {known}): run {command}")
