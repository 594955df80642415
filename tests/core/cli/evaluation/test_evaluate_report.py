"""`bioclip-x evaluate --report`: the page, and the numbers beside it, as a user gets them."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from bioclip_x.cli.main import main
from bioclip_x.cli.render.figure_files import list_figure_files
from helpers import picture, write_model


@pytest.fixture
def request_of(tiny_model: str, birds_csv: Path, tmp_path: Path) -> tuple[str | Path, ...]:
    """Nine images of three classes, and the recipe."""
    for name in ("Parus_major", "Turdus_merula", "Quercus_robur"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(3):
            picture(number + len(name)).save(tmp_path / "photos" / name / f"{number}.png")
    return ("evaluate", tmp_path / "photos", "--model", tiny_model, "--taxonomy", birds_csv, "--format", "json")


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as done:
        main([str(one) for one in arguments])
    return int(done.value.code or 0)


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_page_files_and_table_agree(
    request_of: tuple[str | Path, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "o" / "evaluation.html"
    page.parent.mkdir()
    assert run(*request_of, "--text", "scientific", "--compare", "taxonomic", "--report", page) == 0
    table = json.loads(capsys.readouterr().out)
    assert sorted(page.parent.iterdir()) == sorted([page, *list_figure_files(page)])
    html = page.read_text(encoding="utf-8")
    assert "9</b> images" in html and all(path.name in html for path in list_figure_files(page))

    document = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    assert document["format"] == "bioclip-x/evaluation-figures/1"
    assert [one["name"] for one in document["runs"]] == ["scientific", "taxonomic"]
    confusions = read_rows(page.with_suffix(".confusions.csv"))
    for text, run_ in zip(table["texts"], document["runs"]):
        assert run_["measures"]["top-1"] == text["top1"]
        species = [row for row in confusions if row["run"] == text["text"] and row["rank"] == "species"]
        assert sum(int(row["count"]) for row in species) == 9
        right = sum(int(row["count"]) for row in species if row["true"] == row["predicted"])
        assert right == round(9 * text["top1"]["value"])
    assert Counter(row["true"] for row in confusions if row["rank"] == "kingdom")  # folded to every rank

    embeddings = read_rows(page.with_suffix(".embeddings.csv"))
    assert len(embeddings) == 9 and {row["species"] for row in embeddings} >= {"Parus major", "Quercus robur"}
    curves = read_rows(page.with_suffix(".curves.csv"))
    assert {row["curve"] for row in curves} == {"accuracy at rank", "accuracy against depth", "reliability"}
    reliability = [row for row in curves if row["curve"] == "reliability" and row["run"] == "scientific"]
    assert sum(int(row["of"]) for row in reliability) == 9
    best_class = next(row for row in curves if row["curve"] == "accuracy against depth")
    assert float(best_class["value"]) == pytest.approx(table["texts"][0]["top1"]["value"])
    examples = read_rows(page.with_suffix(".examples.csv"))
    assert len(examples) % 2 == 0 and all(row["right"] in "01" for row in examples)


def test_models_of_one_name_are_kept_apart(
    request_of: tuple[str | Path, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_model(tmp_path / "tiny", seed=5)  # the first is in a folder of the same name
    page = tmp_path / "evaluation.html"
    assert run(*request_of, "--compare-model", f"local-dir:{other}", "--report", page) == 0
    table = json.loads(capsys.readouterr().out)
    document = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    first, second = document["runs"]
    assert first["name"] != second["name"] and len(document["models"]) == 2
    assert [run_["measures"]["top-1"] for run_ in (first, second)] == [text["top1"] for text in table["texts"]]
    assert [len(one["sources"]) for one in document["maps"]] == [9, 9]
    assert document["maps"][0]["xy_m2"] != document["maps"][1]["xy_m2"]
    first_right, second_right = document["examples"]
    difference = table["texts"][0]["top1"]["value"] - table["texts"][1]["top1"]["value"]
    assert first_right["of"] - second_right["of"] == round(9 * difference)
    assert first_right["title"] == f"{first['name']} right, {second['name']} wrong"


def test_without_scikit_learn_the_map_is_left_out_and_said(
    request_of: tuple[str | Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    page = tmp_path / "evaluation.html"
    assert run(*request_of, "--report", page, "--quiet") == 0
    html = page.read_text(encoding="utf-8")
    assert "bioclip-x[evaluate]" in html and ">Embeddings<" not in html and ">Confusions<" in html


def test_other_formats_and_overwritten_inputs_are_refused(
    request_of: tuple[str | Path, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*request_of, "--report", tmp_path / "evaluation.md") != 0
    assert "evaluations have pages (.html)" in capsys.readouterr().err
    assert run(*request_of, "--report", tmp_path / "o.html", "--output", tmp_path / "o.json") != 0
    assert "o.json" in capsys.readouterr().err
    assert not (tmp_path / "o.html").exists()
