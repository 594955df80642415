"""The example of an ONNX classifier: its script makes one, and every command works on it."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from bioclip_x.cli.main import main

pytest.importorskip("onnx", reason="onnx is not installed: pip install onnx onnxruntime")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'bioclip-x[onnx]'")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> str:
    folder = tmp_path_factory.mktemp("onnx")
    script = request.config.rootpath / "examples" / "make_onnx_classifier.py"
    subprocess.run([sys.executable, script, folder], check=True, timeout=200)
    assert (folder / "drawings.onnx").stat().st_size < 100_000
    return f"onnx:{folder / 'drawings.onnx'}"


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main([str(one) for one in arguments])
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


@pytest.fixture
def species(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The demonstration model's own tree."""
    file = tmp_path / "species.csv"
    assert run(capsys, "taxonomy", "list", "--output", file)[0] == 0
    return file


def name_of(drawing: str) -> str:
    return Path(drawing).stem.replace("-", " ").capitalize()


def test_the_drawings_are_named_at_every_rank_or_refused(
    model: str, species: Path, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    drawings = request.config.rootpath / "examples" / "drawings"
    Image.new("RGB", (64, 64), "white").save(tmp_path / "white.png")
    same = ("--model", model, "--taxonomy", species, "--report", tmp_path / "r.html", "--quiet")
    for head in ("rollup", "hedge", "crm"):
        code, out, err = run(
            capsys, "classify", drawings, tmp_path / "white.png", *same, "--head", head, "--format", "json"
        )
        assert code == 0, err
        *named, white = json.loads(out)["results"]
        assert len(named) == 10 and white["refused"] == "the model says 'blank'"
        best = {name_of(one["source"]): one["predictions"][0] for one in named}
        assert [name for name, taxon in best.items() if taxon["rank"] == "species" and taxon["name"] != name] == []
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "Cyanistes caeruleus" in page and "drawings.onnx" in page


def test_it_is_evaluated(
    model: str, species: Path, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    for drawing in sorted((request.config.rootpath / "examples" / "drawings").glob("*.png")):
        (tmp_path / "labelled" / name_of(drawing.name)).mkdir(parents=True)
        shutil.copy(drawing, tmp_path / "labelled" / name_of(drawing.name))
    same = ("--model", model, "--taxonomy", species)
    table = tmp_path / "predictions.csv"
    code, out, err = run(
        capsys, "evaluate", tmp_path / "labelled", *same, "--format", "json", "--predictions", table
    )  # fmt: skip
    assert code == 0, err
    [found] = json.loads(out)["texts"]
    assert found["top1"]["of"] == 10 and found["top1"]["value"] == 1
    assert len(list(csv.DictReader(table.read_text("utf-8").splitlines()))) == 10
