"""`bioclip-x evaluate`, and the flags --background and --inherit, as a user runs them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.cli.main import main
from helpers import picture

DESCRIPTORS = """
format: bioclip-x/descriptors/1
style: bare
classes:
  Parus major: {descriptor: [a black cap], background: [in a garden]}
  Turdus merula: [black plumage]
  Quercus robur: [lobed leaves]
  Paridae: [a short bill]
"""


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main([str(one) for one in arguments])
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


@pytest.fixture
def request_of(tiny_model: str, birds_csv: Path, tmp_path: Path) -> tuple[str | Path, ...]:
    """Images and the recipe: nine images of three classes, one folder that is no class, descriptors."""
    for name in ("Parus_major", "Turdus_merula", "Quercus_robur", "Sitta_europaea"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(3):
            picture(number + len(name)).save(tmp_path / "photos" / name / f"{number}.png")
    (tmp_path / "d.yaml").write_text(DESCRIPTORS)
    same = ("--model", tiny_model, "--taxonomy", birds_csv, "--descriptors", tmp_path / "d.yaml")
    return (tmp_path / "photos", *same)


def test_texts_side_by_side(request_of: tuple[str | Path, ...], capsys: pytest.CaptureFixture[str]) -> None:
    compared = ("--compare", "descriptors", "--compare", "taxonomic", "--compare", "swapped")
    code, out, err = run(capsys, "evaluate", *request_of, *compared, "--seeds", "2")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("photos: 9 images of 3 classes, among the 6 of ")
    assert "2 seeds, mean ± sd" in out and "descriptors" in out and "taxonomic" in out
    rows = (
        "top-1",
        "top-5",
        "mean per class",
        "kingdom",
        "family",
        "species",
        "mistake severity",
        "difference in top-1",
    )
    assert [row for row in rows if any(line.startswith(row) for line in lines)] == list(rows)
    assert "note: 3 images of unlisted classes skipped" in err
    assert "note: swapped: a control: the descriptors are those of other classes" in err
    assert max(map(len, lines[1:])) <= 100


def test_json_and_csv_say_the_same(
    request_of: tuple[str | Path, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compared = ("--compare", "random-words:seed=3", "--seeds", "2", "--text", "common")
    code, out, err = run(capsys, "evaluate", *request_of, *compared, "--format", "json", "--quiet")
    document = json.loads(out)
    assert (code, err, document["format"]) == (0, "", "bioclip-x/evaluation/1")
    assert [one["text"] for one in document["texts"]] == ["common", "random-words:seed=3"]
    assert [one["seeds"] for one in document["texts"]] == [[], [3, 4]]
    assert document["texts"][1]["recipe"]["text"] == [{"name": "random-words", "seed": 3}]
    file = tmp_path / "e.csv"
    code, out, _ = run(capsys, "evaluate", *request_of, *compared, "--output", file)
    assert (code, out) == (0, "")
    rows = list(csv.DictReader(file.read_text().splitlines()))
    for one in document["texts"]:
        own = {row["measure"]: row for row in rows if row["text"] == one["text"]}
        assert float(own["top-1"]["value"]) == one["top1"]["value"] and own["top-1"]["of"] == "9"
        assert float(own["family"]["low"]) == one["ranks"]["family"]["low"]
        assert own["top-1"]["seeds"] == " ".join(map(str, one["seeds"]))
    assert ("difference in top-1" in {row["measure"] for row in rows if row["text"] == "common"}) is False


def test_the_recipes_own_texts_come_first_where_they_are_chosen(
    request_of: tuple[str | Path, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    def texts(*more: str) -> list[str]:
        code, out, _ = run(capsys, "evaluate", *request_of[:5], *more, "--format", "json", "--quiet", "--seeds", "1")
        assert code == 0
        return [one["text"] for one in json.loads(out)["texts"]]

    assert texts() == ["taxonomic"]
    assert texts("--compare", "common", "--compare", "scientific") == ["common", "scientific"]
    assert texts("--text", "taxonomic", "--compare", "common", "--compare", "taxonomic") == ["taxonomic", "common"]
    waffle = ("--plugin", "bioclip_x_plugins.waffle", "--compare", "common")
    assert texts(*waffle) == ["shared-random", "common"]


def test_background_and_inheritance_are_options_of_the_texts_that_read_descriptors(
    request_of: tuple[str | Path, ...], pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked(*more: str) -> tuple[dict[str, Any], int]:
        """The text as the recipe has it, and how many prompts it makes."""
        code, out, err = run(capsys, "classify", pictures, *request_of[1:], *more, "--format", "json")
        assert code == 0, err
        provenance = json.loads(out)["provenance"]
        [text] = provenance["recipe"]["text"]
        return text, provenance["n_prompts"]

    assert asked() == ("descriptors", 6)  # one of each of three classes, and three names
    assert asked("--background", "on") == ({"name": "descriptors", "kinds": "all"}, 7)
    assert asked("--background", "only") == ({"name": "descriptors", "kinds": "background"}, 6)
    assert asked("--inherit") == (
        {"name": "descriptors", "inherit": 0.5},
        7,
    )  # both tits; one has it in place of its name
    assert asked("--background", "on", "--inherit") == ({"name": "descriptors", "kinds": "all", "inherit": 0.5}, 8)
    code, _, err = run(capsys, "classify", pictures, *request_of[1:5], "--inherit", "--background", "off")
    assert code == 2 and "--background and --inherit: none of the chosen texts reads descriptors (taxonomic)" in err
    compared = ("--compare", "taxonomic", "--compare", "descriptors", "--inherit", "--format", "json", "--quiet")
    code, out, _ = run(capsys, "evaluate", *request_of, *compared)
    assert [one["text"] for one in json.loads(out)["texts"]] == ["taxonomic", "descriptors:inherit=0.5"]


def test_what_cannot_be_asked(
    request_of: tuple[str | Path, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "evaluate", *request_of, "--text", "common", "--compare", "common")
    assert code == 2 and "there is nothing to compare common with" in err
    code, _, err = run(capsys, "evaluate", *request_of, "--compare", "unicorn")
    assert code == 2 and "unicorn" in err
    code, _, err = run(capsys, "evaluate", *request_of, "--inherit", "--text", "common")
    assert code == 2 and "--inherit: none of the chosen texts reads descriptors (common)" in err
    code, _, err = run(capsys, "evaluate", tmp_path / "gone", *request_of[1:])
    assert code == 2 and "no such folder" in err
    code, _, err = run(capsys, "evaluate", *request_of, "--output", tmp_path / "gone" / "e.json")
    assert code == 2 and "there is no folder" in err
