"""Validates Camera Trap Data Packages by the published schemas."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SCHEMAS = Path(__file__).parent / "plugins" / "reports" / "exchange" / "camtrap-dp-1.0.1"


def list_problems(folder: Path) -> list[str]:
    """What frictionless finds wrong with the tables, by the published schemas, and jsonschema with the descriptor."""
    frictionless, jsonschema = pytest.importorskip("frictionless"), pytest.importorskip("jsonschema")
    document = json.loads((folder / "datapackage.json").read_text("utf-8"))
    profile = json.loads((SCHEMAS / "camtrap-dp-profile.json").read_text("utf-8"))
    own = profile["allOf"][1]
    own["properties"]["spatial"].pop("$ref")  # schemas of other hosts
    wrong = [
        error.message for error in jsonschema.Draft4Validator({**own, "$defs": profile["$defs"]}).iter_errors(document)
    ]
    for resource in document["resources"]:
        name = resource["schema"].rpartition("/")[2]
        resource["schema"] = json.loads((SCHEMAS / name).read_text("utf-8"))
    package = {"resources": document["resources"]}
    (folder / "local.json").write_text(json.dumps(package), "utf-8")
    report = frictionless.validate(str(folder / "local.json"))
    return (
        wrong + [error.message for task in report.tasks for error in task.errors] + [str(one) for one in report.errors]
    )
