"""Reads the shares of a run's JSON, and tells whether they are shares."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from hostile.case import Outcome

NEAR: Final = 1e-5


def read_shares(outcome: Outcome) -> dict[str, dict[str, float]]:
    """Returns image → class → its share, of a run of `inputs.classify`."""
    results: list[dict[str, Any]] = json.loads(outcome.stdout)["results"]
    return {one["source"]: {p["name"]: p["probability"] for p in one["predictions"]} for one in results}


def check_shares(outcome: Outcome) -> str:
    """Returns what is wrong with the shares of images that have any; all classes must be reported."""
    found = {image: of for image, of in read_shares(outcome).items() if of}
    if not found:
        return "no image has shares"
    for image, of in found.items():
        if not all(
            isinstance(share, float) and math.isfinite(share) and -NEAR <= share <= 1 + NEAR for share in of.values()
        ):
            return f"{image}: {of}"
        if abs(sum(of.values()) - 1) > NEAR:
            return f"{image}: the shares sum to {sum(of.values())}: {of}"
    return ""


def expect_shares(expected: Mapping[str, float], outcome: Outcome) -> str:
    """Returns what differs from the expected shares of the first image; a class that is excluded has none."""
    if problem := check_shares(outcome):
        return problem
    found = next(iter(read_shares(outcome).values()))
    differing = {name: found.get(name) for name, share in expected.items() if abs(found.get(name, 0) - share) > NEAR}
    return f"expected {dict(expected)}, got {found}" if differing else ""
