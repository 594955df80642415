"""Few-shot evaluation from end to end on the tiny model, against scikit-learn and loops; and its command."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestCentroid

from bioclip_x.cli.main import main
from bioclip_x.cli.render.few_shot import write
from bioclip_x.errors import EvaluationError
from bioclip_x.evaluation.few_shot.evaluate import evaluate_few_shot
from bioclip_x.evaluation.few_shot.methods import parse_method
from bioclip_x.evaluation.few_shot.summary import FoldOutcome, summarise
from bioclip_x.hooks.registry import create_registry
from bioclip_x.inference.classifier import Classifier
from bioclip_x.recipe_resolution import resolve_recipe
from bioclip_x.records import FewShotEvaluation
from bioclip_x_plugins.datasets.image_folder import ImageFolder
from helpers import picture

COUNTS = {"Parus major": 4, "Cyanistes caeruleus": 3, "Turdus merula": 5, "Quercus robur": 1}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    for i, (name, count) in enumerate(COUNTS.items()):
        (folder / name).mkdir(parents=True)
        for j in range(count):
            picture(10 * i + j).save(folder / name / f"{j}.png")
    (folder / "Paridae").mkdir()
    picture(90).save(folder / "Paridae" / "0.png")
    return folder


def evaluate(model: str, taxonomy: Path, images: Path, *methods: str, **options: Any) -> FewShotEvaluation:
    registry = create_registry()
    recipe = resolve_recipe(registry, flags={"model": model, "taxonomy": taxonomy})
    dataset = ImageFolder(path=images)
    return evaluate_few_shot(registry, recipe, dataset, "made", [parse_method(one) for one in methods], **options)


def run(arguments: list[str]) -> object:
    """Runs the command; returns its exit status, 0 or None for success."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code


def embed(model: str, taxonomy: Path, name: str) -> np.ndarray:
    encoder = Classifier(model, taxonomy=taxonomy).encoder
    numbers = [10 * list(COUNTS).index(name) + j for j in range(COUNTS[name])]
    return (
        encoder.encode_images(torch.stack([encoder.preprocess(picture(i)) for i in numbers]))
        .embeddings_BD.double()
        .numpy()
    )


def test_figures_are_those_of_a_loop_over_folds(tiny_model: str, birds_csv: Path, images: Path) -> None:
    found = evaluate(tiny_model, birds_csv, images, "simpleshot", "zero-shot", shots=(2,), folds=3)
    one, zero = found.results
    assert one.classes == (3, 3, 3) and one.queries == (6, 6, 6) and found.images == 13
    assert any("1 class with fewer than 2 images left out" in note for note in found.notes)
    assert any("1 image whose label is no class" in note for note in found.notes)
    features = {name: embed(tiny_model, birds_csv, name) for name in COUNTS}
    accuracies, means, families = [], [], []
    family = {"Parus major": "Paridae", "Cyanistes caeruleus": "Paridae", "Turdus merula": "Turdidae"}
    for fold in found.folds["folds"]:
        chosen: dict[str, list[int]] = {}
        for image in fold["support"]:
            chosen.setdefault(image["class"], []).append(int(Path(image["image"]).stem))
        train = [(name, features[name][j]) for name, rows in chosen.items() for j in rows]
        test = [(name, features[name][j]) for name in chosen for j in range(COUNTS[name]) if j not in chosen[name]]
        mean_D = np.mean([x for _, x in train], 0)
        fitted = NearestCentroid().fit(
            [(x - mean_D) / np.linalg.norm(x - mean_D) for _, x in train], [name for name, _ in train]
        )
        predicted = fitted.predict([(x - mean_D) / np.linalg.norm(x - mean_D) for _, x in test])
        right = [p == name for p, (name, _) in zip(predicted, test)]
        accuracies.append(np.mean(right))
        means.append(np.mean([np.mean([r for r, (name, _) in zip(right, test) if name == c]) for c in chosen]))
        families.append(np.mean([family[p] == family[name] for p, (name, _) in zip(predicted, test)]))
    assert one.of_folds == pytest.approx(accuracies) and one.top1.value == pytest.approx(np.mean(accuracies))
    assert one.top1.sd == pytest.approx(np.std(accuracies, ddof=1))
    assert one.mean_per_class.value == pytest.approx(np.mean(means))
    assert one.ranks["family"].value == pytest.approx(np.mean(families))
    assert zero.difference is not None and one.difference is None
    assert zero.difference.value == pytest.approx((zero.top1.value or 0) - (one.top1.value or 0))


def test_zero_shot_of_the_same_queries_is_that_of_the_classifier(
    tiny_model: str, birds_csv: Path, images: Path
) -> None:
    [one] = evaluate(tiny_model, birds_csv, images, "zero-shot", shots=(2,), folds=1).results
    found = evaluate(tiny_model, birds_csv, images, "zero-shot", shots=(2,), folds=1)
    taken = {image["image"] for image in found.folds["folds"][0]["support"]}
    classifier = Classifier(tiny_model, taxonomy=birds_csv, subset=None)
    texts = {p.class_index: t for p, t in zip(classifier.bank.prompts, classifier.bank.embeddings_PD)}
    names = {classifier.taxonomy.class_taxon(c).name: c for c in texts}
    right = []
    for name in list(COUNTS)[:3]:
        for j, x in enumerate(embed(tiny_model, birds_csv, name)):
            if f"{name}/{j}.png" not in taken:
                cosines = {other: float(texts[names[other]].double().numpy() @ x) for other in list(COUNTS)[:3]}
                right.append(max(cosines, key=cosines.__getitem__) == name)
    assert one.top1.value == pytest.approx(np.mean(right))


def test_the_command_writes_folds_that_it_can_repeat(
    tiny_model: str, birds_csv: Path, images: Path, tmp_path: Path
) -> None:
    base = ["evaluate", str(images), "--model", tiny_model, "--taxonomy", str(birds_csv), "--quiet"]
    saved, first, second = tmp_path / "folds.json", tmp_path / "a.json", tmp_path / "b.csv"
    more = ["--few-shot", "1,2", "--folds", "2", "--few-shot-method", "blend:0.5", "--few-shot-method", "tip-adapter"]
    assert not run([*base, *more, "--save-folds", str(saved), "--output", str(first)])
    document = json.loads(first.read_text())
    assert document["format"] == "bioclip-x/few-shot/1" and document["folds"] == json.loads(saved.read_text())
    again = ["--folds", str(saved), "--few-shot-method", "blend:0.5", "--output", str(second)]
    assert not run([*base, *again])
    rows = list(csv.DictReader(io.StringIO(second.read_text())))
    for shots, expected in zip((1, 2), document["results"][::2]):
        [row] = [row for row in rows if row["measure"] == "top-1" and row["shots"] == str(shots)]
        assert float(row["value"]) == expected["top1"]["value"] and expected["shots"] == shots


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--folds", "3"], "need --few-shot"),
        (["--few-shot", "0"], "expected numbers of images from 1"),
        (["--few-shot", "1", "--folds", "x.json"], "has its own numbers of shots"),
        (["--few-shot", "1", "--probe", "word-order"], "choose one"),
        (["--few-shot", "9"], "9 shots leave no image to classify"),
        (["--few-shot", "1", "--compare", "common", "--compare", "scientific"], "cannot be combined"),
    ],
)
def test_contradictions_are_refused(
    options: list[str],
    message: str,
    tiny_model: str,
    birds_csv: Path,
    images: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    base = ["evaluate", str(images), "--model", tiny_model, "--taxonomy", str(birds_csv), "--quiet"]
    assert run([*base, *options])
    assert message in " ".join(capsys.readouterr().err.split())


def test_precomputed_scores_are_refused(tmp_path: Path, birds_csv: Path, images: Path) -> None:
    (tmp_path / "scores.csv").write_text("file_name,Parus major\na.png,1\n")
    registry = create_registry()
    scorer = {"name": "external", "file": str(tmp_path / "scores.csv")}
    recipe = resolve_recipe(registry, flags={"taxonomy": birds_csv, "scorer": scorer})
    with pytest.raises(EvaluationError, match="need embeddings"):
        evaluate_few_shot(registry, recipe, ImageFolder(path=images), "made", [parse_method("simpleshot")])


def test_the_table_has_a_row_for_each_measure(birds_csv: Path) -> None:
    from bioclip_x.classes.taxonomy_files import read_taxonomy

    tree = read_taxonomy(create_registry(), birds_csv)
    outcomes = [FoldOutcome(np.array([0, 1, 2]), np.tile([[c], [1], [2]], 5), 3) for c in (0, 1)]
    result = summarise("simpleshot", 1, outcomes, None, np.array([0, 1, 2]), tree)
    assert result.of_folds == pytest.approx((1, 2 / 3)) and result.top1.value == pytest.approx(5 / 6)
    evaluation = FewShotEvaluation("made", "", "", "m", "r", "", "t", 3, 3, (result,), {})
    stream = io.StringIO()
    write(evaluation, "table", stream)
    assert "1-shot, 2 folds: 3 images of 3 classes in each" in stream.getvalue()
    assert all(f"\n{name} " in stream.getvalue() for name in ("top-1", "top-5", "family", "family, mean per taxon"))
