"""Reads and writes calibrations: JSON files, in the user's data folder by their conditions, or at a given path."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from bioclip_x.errors import CalibrationError
from bioclip_x.faults import abbreviate
from bioclip_x.hooks.capabilities import CalibratedSets
from bioclip_x.io.files import read_yaml
from bioclip_x.io.storage.replacement import open_replacement
from bioclip_x.limits import COUNT, NUMBER, SMALLEST_WEIGHT, TEMPERATURES
from bioclip_x.records import Calibration, Conditions
from bioclip_x.settings import find_data_folder
from bioclip_x.taxonomy.scoring.conformal import find_fewest
from bioclip_x.validation import find_first_error


def find_default_file(conditions: Conditions) -> Path:
    """Returns the path of the calibration of these conditions in the user's data folder."""
    text = json.dumps(asdict(conditions), sort_keys=True)
    return find_data_folder() / "calibrations" / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"


def save_calibration(calibration: Calibration, file: Path | None = None) -> Path:
    """Writes a calibration to `file`, by default where `choose_calibration` looks for it, and returns the path.

    Raises CalibrationError if the file cannot be written.
    """
    file = file or find_default_file(calibration.conditions)
    try:
        with open_replacement(file) as stream:
            stream.write(json.dumps(asdict(calibration), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    except OSError as problem:
        raise CalibrationError(f"{file} cannot be written: {problem.strerror or problem}") from problem
    return file


def load_calibration(file: Path) -> Calibration:
    """Reads a calibration. Raises CalibrationError for a file that is missing or not a calibration."""
    document = read_yaml(file, CalibrationError)
    strict = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
    try:
        # As JSON, whose lists are tuples where nothing else is converted; in a tuple, since a dataclass takes no configuration.
        text = json.dumps([document], default=str)
        [calibration] = TypeAdapter(tuple[Calibration], config=strict).validate_json(text)
    except ValidationError as problem:
        raise CalibrationError(
            f"{file} is not a calibration of `bioclip-x calibrate`: {_describe(problem)}; run it again"
        ) from None
    for field, value, lowest, highest in _list_bounded(calibration):
        if value is not None and not lowest <= value <= highest:
            raise CalibrationError(
                f"{file}: {field}: expected a number from {lowest:g} to {highest:g}, got {abbreviate(value)}; run `bioclip-x "
                "calibrate` again"
            )
    return calibration


def _describe(problem: ValidationError) -> str:
    """Returns the first error, without its place in the tuple."""
    return str(find_first_error(problem)).removeprefix("0.").replace("'0.", "'", 1)


def _list_bounded(one: Calibration) -> Iterator[tuple[str, float | None, float, float]]:
    """Yields what decides on predictions: its field, value, and bounds."""
    yield "temperature", one.temperature, *TEMPERATURES
    yield "fitted", one.fitted, 0, COUNT
    yield "held_out", one.held_out, 0, COUNT
    yield "refusal.accept", one.refusal.accept, SMALLEST_WEIGHT, 1
    for number, hedge in enumerate(one.hedges):
        yield f"hedges.{number}.accuracy", hedge.accuracy, SMALLEST_WEIGHT, 1
        yield f"hedges.{number}.lambda_", hedge.lambda_, 0, NUMBER
    for number, of_set in enumerate(one.sets):
        yield f"sets.{number}.coverage", of_set.coverage, SMALLEST_WEIGHT, 1
        yield f"sets.{number}.threshold", of_set.threshold, 0, NUMBER


def choose_calibration(which: Literal["none", "auto"] | Path, conditions: Conditions) -> Calibration | None:
    """Reads the calibration of a file or, with "auto", the stored one of these conditions, if any.

    Raises CalibrationError, naming the differences, for a file that was made under other conditions.
    """
    if which == "none":
        return None
    file = find_default_file(conditions) if which == "auto" else which
    assert isinstance(file, Path)
    if which == "auto" and not file.exists():
        return None
    calibration = load_calibration(file)
    if differing := calibration.conditions.differences(conditions):
        differences = "; ".join(
            f"{name}: {getattr(calibration.conditions, name)} there, {getattr(conditions, name)} here"
            for name in differing
        )
        raise CalibrationError(
            f"{file} was made under other conditions ({differences}); calibrate again, or leave it out"
        )
    return calibration


def find_lambda(calibration: Calibration | None, accuracy: float) -> float:
    """Returns the calibration's λ for an accuracy. Raises CalibrationError, with the command to run, if it has none."""
    command = f"`bioclip-x calibrate LABELLED_IMAGES --accuracy {accuracy:g}`"
    if calibration is None:
        raise CalibrationError(
            f"the depth for {accuracy:.4g} accuracy must be calibrated on labelled images, and there is no calibration for "
            f"this model, class list and texts: run {command} with the same options once, or give --calibration FILE"
        )
    for hedge in calibration.hedges:
        if math.isclose(hedge.accuracy, accuracy):
            if hedge.lambda_ is None:
                raise CalibrationError(
                    f"no depth reached an accuracy of {accuracy:.4g} on the {calibration.fitted} calibration images; "
                    "lower the accuracy"
                )
            return hedge.lambda_
    known = ", ".join(f"{hedge.accuracy:g}" for hedge in calibration.hedges) or "none"
    raise CalibrationError(f"the calibration has no depth for accuracy {accuracy:g} (it has {known}): run {command}")


def find_set_threshold(calibration: Calibration | None, sets: CalibratedSets) -> float:
    """Returns the calibration's threshold for a head's sets. Raises CalibrationError, with the command to run, if it has none."""
    command = f"`bioclip-x calibrate LABELLED_IMAGES --coverage {sets.coverage:g}`"
    if calibration is None:
        raise CalibrationError(
            f"sets with a coverage of {sets.coverage:g} must be calibrated on labelled images, and there is no calibration for "
            f"this model, class list and texts: run {command} with the same options once, or give --calibration FILE"
        )
    of_score = [one for one in calibration.sets if one.score == sets.score]
    for one in of_score:
        if not math.isclose(one.coverage, sets.coverage):
            continue
        if one.threshold is None:
            raise CalibrationError(
                f"a coverage of {sets.coverage:g} needs sets of all classes: the {one.of} calibration images are too few for it "
                "(or the true classes of too many of them are excluded); calibrate on at least "
                f"{2 * find_fewest(sets.coverage)} images, half of which are for the temperature, or lower the coverage"
            )
        return one.threshold
    known = ", ".join(f"{one.coverage:g}" for one in of_score) or "none"
    raise CalibrationError(
        f"the calibration has no sets for coverage {sets.coverage:g} (it has {known}): run {command}"
    )
