"""`bioclip-x calibrate`, and `classify` after it, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bioclip_x.cli.main import main
from helpers import picture

SPECIES = ("Parus major", "Cyanistes caeruleus", "Turdus merula", "Emys orbicularis", "Quercus", "Quercus robur")


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main([str(one) for one in arguments])
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    """Scores of 120 images, right at three of four; labels.csv beside."""
    rng = np.random.default_rng(1)
    rows, labels = [], []
    for number in range(120):
        logits = rng.normal(size=6) * 3
        rows.append(f"{number}.jpg,{','.join(f'{z:.4f}' for z in logits)}")
        labels.append(f"{number}.jpg,{SPECIES[int(logits.argmax() if number % 4 else logits.argmin())]}")
    (tmp_path / "labels.csv").write_text("\n".join(["path,label", *labels]))
    file = tmp_path / "scores.csv"
    file.write_text("\n".join([f"file_name,{','.join(SPECIES)}", *rows]))
    return file


def test_calibrate_and_classify(
    scores: Path, birds_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = ("--taxonomy", birds_csv, "--scorer", f"external:file={scores},kind=logits")
    code, out, err = run(capsys, "classify", *same, "--depth", "auto")
    assert code == 2 and "run `bioclip-x calibrate LABELLED_IMAGES --accuracy 0.95`" in err and out == ""
    code, out, err = run(capsys, "calibrate", tmp_path / "labels.csv", *same)
    assert code == 0 and Path(out.strip()).is_file() and "calibrations" in out
    for told in (
        "temperature",
        "negative log-likelihood",
        "expected calibration error",
        "coverage",
        "none of these",
        "seed 0",
    ):
        assert told in err
    code, out, err = run(capsys, "classify", *same, "--depth", "auto", "--format", "json")
    document = json.loads(out)
    assert code == 0 and len(document["results"]) == 120
    assert "calibrated on 120 images of labels.csv" in document["provenance"]["probabilities"]
    assert "note: calibration of" in err
    code, out, err = run(capsys, "classify", *same, "--calibration", "none", "--format", "json")
    assert code == 0 and "not calibrated" in json.loads(out)["provenance"]["probabilities"]


def test_a_file_of_its_own(scores: Path, birds_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    same = ("--taxonomy", birds_csv, "--scorer", f"external:file={scores},kind=logits")
    file = tmp_path / "mine.json"
    code, out, err = run(
        capsys, "calibrate", tmp_path / "labels.csv", *same, "--output", file, "--quiet", "--accuracy", "0.6"
    )
    assert (code, out.strip(), err) == (0, str(file), "")
    assert [hedge["accuracy"] for hedge in json.loads(file.read_text())["hedges"]] == [0.6]
    _, out, _ = run(capsys, "classify", *same, "--format", "json")
    assert "not calibrated" in json.loads(out)["provenance"]["probabilities"]
    _, out, _ = run(capsys, "classify", *same, "--calibration", file, "--format", "json")
    assert "calibrated on 120 images" in json.loads(out)["provenance"]["probabilities"]
    code, _, err = run(capsys, "classify", *same, "--calibration", file, "--subset", "Animalia")
    assert code == 2 and "mine.json was made under other conditions (taxonomy:" in err


def test_what_cannot_be_calibrated(
    scores: Path, birds_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = ("--taxonomy", birds_csv, "--scorer", f"external:file={scores},kind=logits")
    code, _, err = run(capsys, "calibrate", tmp_path / "gone", *same)
    assert code == 2 and "no such folder; expected a folder of folders named by class, a table" in err
    code, _, err = run(capsys, "calibrate", tmp_path / "gone.csv", *same)
    assert code == 2 and "gone.csv does not exist" in err
    (tmp_path / "few.csv").write_text("path,label\n0.jpg,Parus major\n")
    code, _, err = run(capsys, "calibrate", tmp_path / "few.csv", *same)
    assert code == 2 and "1 usable images of listed classes; at least 100 are needed" in err


def test_classify_takes_no_model_for_scores_of_its_own(
    scores: Path, birds_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a model nor images need be there; images that are named are looked up, and shown where they are."""
    same = ("--model", "unicorn", "--taxonomy", birds_csv, "--scorer", f"external:file={scores},kind=logits,model=mine")
    picture(0).save(tmp_path / "7.jpg")
    picture(0).save(tmp_path / "strange.jpg")
    code, out, err = run(capsys, "classify", tmp_path, *same, "--format", "json", "--report", tmp_path / "r.html")
    document = json.loads(out)
    assert code == 1 and "1 image failed; the output has the reasons" in err
    found = {Path(one["source"]).name: one for one in document["results"]}
    assert found["strange.jpg"]["error"] == "no row in scores.csv" and not found["strange.jpg"]["predictions"]
    assert found["7.jpg"]["predictions"] and found["7.jpg"]["explanation"]["descriptors"] == []
    assert (document["provenance"]["model"], document["provenance"]["n_prompts"]) == ("mine", 0)
    page = (tmp_path / "r.html").read_text()
    assert page.count("data:image/jpeg") >= 1 and "The texts compared are names" not in page
    code, out, _ = run(capsys, "classify", *same)
    assert code == 0 and "120 images: 120 named" in out and "texts compared" not in out
    code, _, err = run(capsys, "classify", *same[4:])
    assert code == 2 and "the scorer 'external' brings no list of classes: give --taxonomy FILE or --labels" in err
    code, _, err = run(capsys, "classify", "--taxonomy", birds_csv, "--scorer", f"external:{tmp_path}")
    assert code == 2 and "does not exist; expected a .csv, .tsv, .parquet, .npz or .json file" in err
    code, _, err = run(capsys, "classify", "--taxonomy", birds_csv)
    assert code == 2 and "Missing argument 'IMAGES...'" in err


def test_sets_are_calibrated_used_and_measured(
    scores: Path, birds_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = ("--taxonomy", birds_csv, "--scorer", f"external:file={scores},kind=logits")
    code, out, err = run(capsys, "classify", *same, "--head", "conformal:coverage=0.85")
    assert code == 2 and "run `bioclip-x calibrate LABELLED_IMAGES --coverage 0.85`" in err and out == ""
    code, out, err = run(capsys, "classify", *same, "--head", "conformal", "--calibration", "none")
    assert code == 2 and "needs a calibration" in err
    code, _, err = run(capsys, "calibrate", tmp_path / "labels.csv", *same, "--coverage", "0.85", "--coverage", "0.999")
    assert code == 0 and "lac" in err and "too few images" in err
    code, out, err = run(capsys, "classify", *same, "--head", "conformal:coverage=0.85", "--format", "json", "--k", "1")
    document = json.loads(out)
    assert code == 0 and "contains the true class for 85% of images" in err
    sizes = [len(one["predictions"]) for one in document["results"] if not one["refused"]]
    assert min(sizes) >= 1 and len(set(sizes)) > 1  # whole sets, whatever --k
    code, out, err = run(
        capsys, "evaluate", tmp_path / "labels.csv", *same, "--head", "conformal:coverage=0.85", "--format", "json"
    )
    [text] = json.loads(out)["texts"]
    labels = [line.split(",") for line in (tmp_path / "labels.csv").read_text().splitlines()[1:]]
    of = {one["source"]: {p["name"] for p in one["predictions"]} for one in document["results"]}
    named = [(label in of[path], len(of[path])) for path, label in labels if of[path]]
    assert code == 0 and text["sets"]["coverage of sets"]["of"] == 120
    assert text["sets"]["coverage of sets"]["value"] > 0.6 and len(named) > 90
    assert text["sets"]["classes per set"]["value"] == pytest.approx(np.mean([n for _, n in named]), abs=0.5)
    code, out, _ = run(capsys, "evaluate", tmp_path / "labels.csv", *same, "--head", "conformal:0.85,sets=clade")
    assert code == 0 and "coverage of sets" in out and "classes per set" in out
    code, _, err = run(
        capsys, "evaluate", tmp_path / "labels.csv", *same, "--head", "conformal:0.85", "--calibration", "none"
    )
    assert code == 2 and "needs a calibration" in err


def test_images_off_the_list(
    tiny_model: str, birds_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(110):
        place = tmp_path / "labelled" / SPECIES[number % 6]
        place.mkdir(parents=True, exist_ok=True)
        picture(number, (8, 8)).save(place / f"{number}.png")
    others = tmp_path / "others"
    others.mkdir()
    for number in range(20):
        picture(500 + number, (40, 40)).save(others / f"{number}.png")
    same = ("--model", tiny_model, "--taxonomy", birds_csv)
    code, _, err = run(capsys, "calibrate", tmp_path / "labelled", *same, "--off-list", others)
    assert (
        code == 0 and "chosen on 10 other off-list images" in " ".join(err.split()) and "AUROC" in err and "mcm" in err
    )
    code, out, err = run(
        capsys,
        "calibrate",
        tmp_path / "labelled",
        *same,
        "--off-list",
        others,
        "--refuse-by",
        "energy",
        "--accept",
        "0.5",
    )
    refusal = json.loads(Path(out.strip()).read_text())["refusal"]
    assert code == 0 and (refusal["method"], refusal["off_list"], refusal["accept"]) == ("energy", 20, 0.5)
    code, out, err = run(capsys, "classify", tmp_path / "labelled", others, *same, "--format", "json")
    results = json.loads(out)["results"]
    refused = [one["refused"] for one in results if one["refused"]]
    assert refused and all("none of these: all classes together have the similarity" in one for one in refused)
    assert "by energy" in err
    code, _, err = run(capsys, "calibrate", tmp_path / "labelled", *same, "--off-list", tmp_path / "gone")
    assert code == 2 and "has no usable image" in err


def test_off_list_images_by_the_lowest_listed_rank(
    tiny_model: str, birds_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--subset leaves out species that the taxonomy has, so that their lineages are known."""
    for number in range(240):
        place = tmp_path / "labelled" / SPECIES[number % 6]
        place.mkdir(parents=True, exist_ok=True)
        picture(number, (8, 8)).save(place / f"{number}.png")
    same = ("--model", tiny_model, "--taxonomy", birds_csv, "--subset", "order=Passeriformes")
    code, out, err = run(capsys, "calibrate", tmp_path / "labelled", *same, "--refuse-by", "similarity")
    assert code == 0 and "unlisted, but listed is its" in err
    refusal = json.loads(Path(out.strip()).read_text())["refusal"]
    ranks = {one["rank"]: one["images"] for one in refusal["ranks"]}
    assert sum(ranks.values()) == refusal["off_list"] == 120 and ranks["nothing"] == 80
    pooled = sum(one["refused"] * one["images"] for one in refusal["ranks"]) / 120
    assert pooled == pytest.approx(refusal["refused"])
