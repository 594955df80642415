"""`bioclip-x soup`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file, save_file

from bioclip_x.cli.soup import command
from bioclip_x.errors import TrainingError
from bioclip_x.hooks.registry import create_registry
from helpers import BIRDS, picture, write_model

WEIGHTS = "open_clip_model.safetensors"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, list(map(str, arguments)), obj=create_registry(), catch_exceptions=False)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_model(tmp_path / "good", seed=0)
    write_model(tmp_path / "other", seed=1)
    (tmp_path / "birds.csv").write_text(BIRDS, "utf-8")
    for i, name in enumerate(("Parus major", "Turdus merula", "Emys orbicularis")):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for j in range(3):
            picture(10 * i + j).save(folder / f"{j}.png")
    return tmp_path


def test_a_uniform_soup(place: Path) -> None:
    result = run(place / "good", place / "other", "--output", place / "soup")
    assert result.stdout.strip() == str(place / "soup")
    good, other, soup = (load_file(place / name / WEIGHTS)["visual.proj"] for name in ("good", "other", "soup"))
    torch.testing.assert_close(soup, (good + other) / 2)
    assert json.loads((place / "soup" / "bioclip_x.json").read_text("utf-8"))["soup"]["kind"] == "uniform"


def test_a_greedy_soup_leaves_out_what_makes_it_worse(place: Path) -> None:
    """The second model sees everything upside down, and dominates the mean."""
    broken = load_file(place / "other" / WEIGHTS)
    save_file(
        {**broken, "visual.proj": -1e4 * load_file(place / "good" / WEIGHTS)["visual.proj"]}, place / "other" / WEIGHTS
    )
    arguments = [
        "--data",
        place / "photos",
        "--taxonomy",
        place / "birds.csv",
        "--device",
        "cpu",
        "--output",
        place / "soup",
    ]
    result = run(place / "good", place / "other", *arguments)
    assert result.exit_code == 0
    scores = dict(line.rsplit(": ", 1) for line in result.stderr.splitlines() if ": 0" in line or ": 1" in line)
    assert len(scores) == 3
    made = json.loads((place / "soup" / "bioclip_x.json").read_text("utf-8"))["soup"]
    together = next(float(value) for names, value in scores.items() if " + " in names)
    alone = max(float(value) for names, value in scores.items() if " + " not in names)
    assert len(made["of"]) == (2 if together >= alone else 1)
    assert (made["kind"], made["metric"], made["images"]) == ("greedy", "top-1", "photos")
    assert len(made["of"]) + len(made["left_out"]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("good", "--output", "good"), "--output: .*good is one of the models"),
        (("good", "--output", "photos"), "--output: the folder .*photos is not empty"),
        (("photos", "--output", "soup"), "expected the folder of a model or of a training run"),
        (
            ("good", "--output", "soup", "--data", "photos", "--taxonomy", "birds.csv", "--metric", "lustre"),
            "--metric: lustre is not measured on these images; known: top-1, top-5",
        ),
    ],
)
def test_bad_requests(place: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str) -> None:
    monkeypatch.chdir(place)
    with pytest.raises(TrainingError, match=message):
        run(*arguments)
    assert not (place / "soup").exists()
