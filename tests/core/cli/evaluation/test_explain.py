"""`bioclip-x explain` as a user runs it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import yaml

from bioclip_x.cli.main import main
from bioclip_x.cli.render.descriptor_files import COLUMNS
from bioclip_x.prompts import load_descriptors
from helpers import picture

SAID = {
    "Parus major": ["a black crown", "a yellow breast", "=cmd|' /C calc'!A0"],
    "great spotted dragon": ["scales"],
    "Cyanistes caeruleus": ["a blue crown", "a yellow breast"],
    "Turdus merula": ["a yellow bill\x1b[2J", "black feathers"],
    "Quercus robur": ["lobed leaves"],
}


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main([str(one) for one in arguments])
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


@pytest.fixture
def same(tiny_model: str, birds_csv: Path, tmp_path: Path) -> tuple[str | Path, ...]:
    """Photographs (noise) of three classes, one of which cannot be read, and descriptors; the common arguments."""
    for name, count in {"Parus_major": 6, "Cyanistes caeruleus": 5, "Turdus merula": 2, "Upupa epops": 1}.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(count):
            picture(len(name) * 100 + number).save(tmp_path / "photos" / name / f"{number}.png")
    (tmp_path / "photos" / "Turdus merula" / "torn.png").write_bytes(picture(1).tobytes()[:40])
    file = tmp_path / "said.yaml"
    file.write_text(yaml.safe_dump({"format": "bioclip-x/descriptors/1", "style": "bare", "classes": SAID}))
    return tmp_path / "photos", "--model", tiny_model, "--taxonomy", birds_csv, "--descriptors", file


def test_table(same: tuple[str | Path, ...], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "explain", *same)
    assert code == 0 and "photos: 13 images" in out and "7 descriptors; AUROC from siblings, 95% intervals" in out
    without = out.split("not measured, as there are no images: ")[1].splitlines()[0]
    assert set(without.split(", ")) == {"Emys orbicularis", "Quercus", "Quercus robur"}
    assert "1 of family" in out and "2 are based on fewer than 5 images of the class (*)" in out and "]*" in out
    assert "shared with 1 sibling" in out and "\x1b" not in out
    assert "great spotted dragon" in err and "torn.png" in err and "1 image of unlisted classes" in err


def test_one_class(same: tuple[str | Path, ...], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "explain", *same, "--class", "Amsel", "--quiet")
    assert (code, err) == (0, "") and "Turdus merula (common blackbird)" in out and "Parus major" not in out
    assert "a yellow bill\\x1b[2J" in out and "black feathers" in out
    code, _, err = run(capsys, "explain", *same, "--class", "Parus majr")
    assert code == 2 and "--class 'Parus majr' is no class of the taxonomy" in err and "Parus major" in err
    code, _, err = run(capsys, "explain", *same, "--class", "Quercus robur")
    assert code == 2 and "photos has no image of it; it has images of Parus major" in err


def test_one_class_alone(same: tuple[str | Path, ...], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "explain", *same, "--subset", "Turdus merula")
    assert code == 0 and "2 descriptors; no other class has images, so nothing can be separated" in out


def test_csv_and_json_hold_the_same(
    same: tuple[str | Path, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "explain", *same, "--format", "json")
    document = json.loads(out)
    assert code == 0 and document["format"] == "bioclip-x/descriptors-of-a-data-set/1"
    assert document["provenance"]["recipe"]["text"] == ["descriptors"] and document["pictures"] == 13
    assert len(document["skipped"]) == 1 and document["accuracy"]["of"] == 13 and document["pruning"] is None
    code, out, _ = run(capsys, "explain", *same, "--output", tmp_path / "report.csv")
    assert (code, out) == (0, "")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "report.csv").read_text("utf-8"))))
    assert tuple(rows[0]) == COLUMNS and len(rows) == 7
    uses = [(one, use) for one in document["classes"] for use in one["descriptors"]]
    for row, (one, use) in zip(rows, uses, strict=True):
        assert (row["class"], row["phrase"], int(row["pictures"])) == (one["name"], use["phrase"], one["pictures"])
        assert float(row["auroc_siblings"]) == use["from_siblings"]["value"]
        assert float(row["without_high"]) == use["left_out"]["high"]
        assert row["same_everywhere"] == str(use["is_same_everywhere"]).lower()
    beside = json.loads((tmp_path / "report.csv.provenance.json").read_text())
    assert beside["provenance"] == document["provenance"] and "classes" not in beside


def test_prune(same: tuple[str | Path, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pruned.yaml"
    code, out, err = run(capsys, "explain", *same, "--prune", file, "--least", "1", "--format", "csv")
    assert code == 0 and out.startswith("class,") and "pruned: " in err and "right before" in err
    kept = load_descriptors(file)
    assert set(kept.classes) == set(SAID) and kept.classes["great spotted dragon"]
    assert kept.provenance["data"] == "photos" and kept.provenance["judged"] == 0  # three deciding images are few
    code, _, err = run(capsys, "explain", *same, "--prune", tmp_path / "said.yaml" / "pruned.yaml")
    assert code == 2 and "cannot be written" in err


def test_what_cannot_be_explained(
    same: tuple[str | Path, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "explain", *same[:5])
    assert code == 2 and "none of the chosen texts has descriptors (taxonomic); add --plugin descriptors" in err
    code, _, err = run(capsys, "explain", tmp_path / "gone", *same[1:])
    assert code == 2 and "no such folder" in err
    (tmp_path / "scores.csv").write_text("file_name,Parus major,Turdus merula\n0.png,1,2\n")
    scorer = ("--scorer", f"external:file={tmp_path / 'scores.csv'},kind=logits")
    code, _, err = run(capsys, "explain", *same[:5], *scorer)
    assert code == 2 and "the scorer 'external' does not pool prompt similarities into logits" in err
