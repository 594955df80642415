"""Ties and few possible classes from the command line: every command names the same class, and says that it is tied."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bioclip_x.cli.main import main

N = 70
"""Classes, in 35 families of two each."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    file = tmp_path / "tree.csv"
    file.write_text("\n".join(["family,species", *(f"G{c // 2:02},s{c:02}" for c in range(N))]))
    return file


def write_scores(folder: Path, scores_nC: np.ndarray) -> Path:
    file = folder / "scores.csv"
    header = ",".join(["file_name", *(f"s{c:02}" for c in range(N))])
    file.write_text("\n".join([header, *(f"{i}.jpg,{','.join(map(str, row))}" for i, row in enumerate(scores_nC))]))
    return file


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as done:
        main([*map(str, arguments)])
    out, err = capsys.readouterr()
    assert not done.value.code, err
    return out


def classify(capsys: pytest.CaptureFixture[str], tree: Path, scores: Path, *more: object) -> list[dict[str, Any]]:
    scorer = f"external:{scores},kind=logits"
    out = run(capsys, "classify", "--taxonomy", tree, "--scorer", scorer, "--quiet", "--format", "json", *more)
    results: list[dict[str, Any]] = json.loads(out)["results"]
    return results


def name_first(results: list[dict[str, Any]]) -> list[str]:
    return [one["predictions"][0]["name"] for one in results]


@pytest.mark.parametrize("head", ["flat", "rollup", "crm"])
def test_the_winner_is_the_first_for_any_k_and_is_said_to_be_tied(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, tree: Path, head: str
) -> None:
    scores_nC = np.random.default_rng(1).integers(0, 3, (12, N)).astype(float)
    scores = write_scores(tmp_path, scores_nC)
    of_k = {k: classify(capsys, tree, scores, "--k", k, "--head", head) for k in (1, 5, 60)}
    winners = {k: name_first(results) for k, results in of_k.items()}
    assert winners[1] == winners[5] == winners[60]
    if head != "crm":
        assert winners[1] == [f"s{c:02}" for c in scores_nC.argmax(1)]
        for one, row in zip(of_k[60], scores_nC):
            n_others = int((row == row.max()).sum()) - 1
            assert one["predictions"][0]["note"] == f"tied with {n_others} others, first in the list"
            assert {other["note"] for other in one["predictions"][1:]} == {None}


def test_evaluate_has_the_accuracy_of_classify(capsys: pytest.CaptureFixture[str], tmp_path: Path, tree: Path) -> None:
    rng = np.random.default_rng(2)
    scores_nC, class_n = rng.integers(0, 3, (40, N)).astype(float), rng.integers(0, 20, 40)
    scores, labels = write_scores(tmp_path, scores_nC), tmp_path / "labels.csv"
    labels.write_text("\n".join(["path,label", *(f"{i}.jpg,s{c:02}" for i, c in enumerate(class_n))]))
    scorer = f"external:{scores},kind=logits"
    out = run(
        capsys, "evaluate", labels, "--taxonomy", tree, "--scorer", scorer, "--format", "json", "--batch-size", 7
    )  # fmt: skip
    document = json.loads(out)
    right = np.mean(scores_nC.argmax(1) == class_n)
    [text] = document["texts"]
    assert text["top1"]["value"] == pytest.approx(right)
    assert "40 of 40 images have tied best classes; the first in the list is taken" in text["notes"]


def test_with_few_possible_classes_each_is_listed_once(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, tree: Path
) -> None:
    """A hard list of three, class 0 among them, and scores of zero elsewhere: no class twice, the margin is finite."""
    scores_nC = np.random.default_rng(3).normal(size=(5, N))
    scores_nC[:, 0] = 9.0
    listed = tmp_path / "park.txt"
    listed.write_text("s00\ns03\ns66\n")
    results = classify(
        capsys, tree, write_scores(tmp_path, scores_nC), "--adjust", f"species-list:{listed},mode=hard", "--k", 20
    )
    for one, row in zip(results, scores_nC):
        expected = np.exp(row[[0, 3, 66]]) / np.exp(row[[0, 3, 66]]).sum()
        order = np.argsort(-expected)
        assert [p["name"] for p in one["predictions"]] == [("s00", "s03", "s66")[i] for i in order]
        assert [p["probability"] for p in one["predictions"]] == pytest.approx(expected[order].tolist(), abs=1e-6)
        assert one["explanation"]["margin"] == pytest.approx(np.diff(np.log(expected[order[:2]]))[0] * -1, abs=1e-4)
    zeros = np.zeros((2, N))
    zeros[0, [0, 5]] = 0.75, 0.25
    zeros[1, 1] = 1
    scorer = f"external:{write_scores(tmp_path, zeros)}"
    out = run(capsys, "classify", "--taxonomy", tree, "--scorer", scorer, "--quiet", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["file_name"], row["name"]) for row in rows] == [("0.jpg", "s00"), ("0.jpg", "s05"), ("1.jpg", "s01")]
