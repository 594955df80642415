"""Template sets and controls from the command line, with the embedded model; which species it names is not asserted."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.cli.main import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `bioclip-x classify` on a drawing; returns exit status, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as done:
            main(["classify", *map(str, arguments)])
        out, err = capsys.readouterr()
        return int(done.value.code or 0), out, err

    return run


@pytest.fixture
def drawing(request: pytest.FixtureRequest) -> str:
    return str(request.config.rootpath / "examples" / "drawings" / "amanita-muscaria.png")


def document(output: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The provenance, and the result of one image."""
    about, result = map(json.loads, output.splitlines())
    return about["provenance"], result


def test_openais_80_with_taxonomic_names(run: Run, drawing: str) -> None:
    code, output, _ = run(drawing, "--text", "templates:openai-80,name=taxonomic", "--format", "jsonl")
    about, result = document(output)
    assert code == 0 and about["recipe"]["pooling"] == "ensemble"
    assert about["recipe"]["text"] == [{"name": "templates", "options": {"set": "openai-80", "name": "taxonomic"}}]
    assert about["n_prompts"] == 80 * about["n_classes"]
    assert {one["kind"] for one in result["explanation"]["descriptors"]} == {"taxonomic"}
    why = result["explanation"]
    [mean_text] = why["remainders"]  # of ensembles the mean text does not cancel, and nothing else is left
    assert mean_text["kind"] == "mean text" and mean_text["contribution"] == why["rest"]
    assert why["margin"] == pytest.approx(
        sum(one["contribution"] for one in why["descriptors"]) + why["rest"], abs=1e-9
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("swapped", "swapped descriptor"),
        ("random-words", "random words"),
        ("random-characters:style=has,count=3", "random characters"),
    ],
)
def test_every_output_reports_a_control(run: Run, drawing: str, text: str, kind: str, tmp_path: Path) -> None:
    table, page = tmp_path / "table.csv", tmp_path / "report.html"
    code, output, notes = run(drawing, "--text", text, "--format", "jsonl", "--report", table, "--report", page)
    about, result = document(output)
    assert code == 0 and about["recipe"]["pooling"] == "mean"
    assert "note: a control: " in notes and any(note.startswith("a control: ") for note in about["notes"])
    contributions = result["explanation"]["descriptors"]
    assert {one["kind"] for one in contributions} <= {kind, "name"}  # a class without descriptors has its name as text
    with table.open() as rows:
        [row, *_] = csv.DictReader(rows)
    winner_class = result["explanation"]["winner_class"]
    winner = [
        one for one in contributions if one["class"] == winner_class and one["phrase"] and one["contribution"] > 0
    ]
    strongest = max(winner, key=lambda one: one["contribution"], default=None)
    assert row["top_descriptor"] == (f"{strongest['phrase']} ({kind})" if strongest else "")
    assert page.read_text("utf-8").count(f"<small><bdi>{kind}</bdi></small>") == len(
        {one["phrase"] for one in contributions} - {""}  # a phrase of both classes is listed once
    )


def test_errors_in_text_builders(run: Run, drawing: str) -> None:
    for text, message in (
        ("templates:openai", "no template set is called 'openai'; built in: bioclip, clip, openai-80"),
        ("swapped:set=x", "text builder 'swapped' has no option 'set'"),
        ("swapped:genus", "'genus' needs an option name"),
        ("swapped:within=tribe", "no class has a 'tribe' to swap within; ranks: kingdom"),
    ):
        code, output, error = run(drawing, "--text", text)
        assert (code, output) == (2, "") and message in error
