"""The choice of a score for "none of these", its threshold and its figures; against scikit-learn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score, roc_curve

from bioclip_x import Classifier
from bioclip_x.calibration.fit import calibrate
from bioclip_x.calibration.refusal import (
    choose_method,
    compare,
    list_methods,
    score_images,
    split_off_list,
)
from bioclip_x.errors import CalibrationError
from bioclip_x.evaluation.labelled_images import LabelledImages, embed_labelled_images, find_unlisted, split_in_halves
from bioclip_x.evaluation.off_list import add_off_list_images
from bioclip_x.inference import calibration_store
from bioclip_x.inference.refusal_scores import METHODS
from bioclip_x.records.calibration import ACCEPTS
from bioclip_x.text_bank.random_texts import embed_random_texts
from bioclip_x_plugins.datasets.image_folder import ImageFolder
from helpers import picture

SPECIES = ("Parus major", "Cyanistes caeruleus", "Turdus merula", "Emys orbicularis", "Quercus", "Quercus robur")


def test_figures_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    listed, other = rng.normal(1, 1, 400).round(2), rng.normal(0, 1.2, 150).round(2)
    figures = compare("energy", listed, other)
    truth, score = np.r_[np.ones(400), np.zeros(150)], np.r_[listed, other]
    assert figures.auroc == pytest.approx(roc_auc_score(truth, score))
    false, true, _ = roc_curve(truth, score, drop_intermediate=False)
    for accept, found in zip(ACCEPTS, figures.false_accepts):
        assert found == pytest.approx(
            false[np.argmax(true >= accept - 1e-12)]
        )  # the first threshold that accepts as many
    low, high = figures.auroc_interval or (1, 0)
    assert low < figures.auroc < high and len(figures.false_accept_intervals) == len(ACCEPTS)
    for found, interval in zip(figures.false_accepts, figures.false_accept_intervals):
        assert interval and interval[0] < found < interval[1]


def test_the_best_score_is_chosen() -> None:
    rng = np.random.default_rng(1)
    listed = {"similarity": rng.normal(0.2, 1, 200), "mcm": rng.normal(2, 1, 200), "energy": rng.normal(1, 1, 200)}
    other = {name: rng.normal(0, 1, 100) for name in listed}
    assert choose_method(listed, other) == "mcm"  # type: ignore[arg-type]
    same = {name: np.ones(3) for name in listed}
    assert choose_method(same, same) == "similarity"  # type: ignore[arg-type]


def test_images_that_choose_are_not_those_that_measure() -> None:
    rows = np.arange(100, 121)
    one, other = split_off_list(rows, 0, chosen=True)
    assert (len(one), len(other)) == (10, 11) and sorted([*one, *other]) == rows.tolist()
    one, other = split_off_list(rows, 0, chosen=False)
    assert (len(one), other.tolist()) == (0, rows.tolist())
    assert [len(part) for part in split_off_list(rows[:1], 0, chosen=True)] == [0, 1]


@pytest.fixture
def embedded(tiny_model: str, birds_csv: Path, tmp_path: Path) -> tuple[Classifier, LabelledImages, Path]:
    """120 noisy images of listed species; a folder of 40 images of one colour each, which the tiny model embeds elsewhere."""
    folder, others = tmp_path / "labelled", tmp_path / "others"
    for number in range(120):
        place = folder / SPECIES[number % 6]
        place.mkdir(parents=True, exist_ok=True)
        picture(number, (8, 8)).save(place / f"{number}.png")
    others.mkdir()
    for number in range(40):
        Image.new("RGB", (8, 8), (6 * number, 255 - 6 * number, 3 * number)).save(others / f"{number:02}.png")
    (others / "broken.png").write_text("prose")
    classifier = Classifier(tiny_model, taxonomy=birds_csv)
    dataset = ImageFolder(path=folder)
    list(dataset.prepare(classifier.taxonomy))
    return classifier, embed_labelled_images(classifier, dataset), others


def test_images_without_labels_are_off_the_list(embedded: tuple[Classifier, LabelledImages, Path]) -> None:
    classifier, images, others = embedded
    both = add_off_list_images(images, classifier, [others])
    assert find_unlisted(both).tolist() == list(range(120, 160)) and both.class_n[120:].tolist() == [-1] * 40
    again = classifier.encoder.encode_images(
        classifier.encoder.preprocess(Image.open(both.sources[125].name).convert("RGB"))[None]
    ).embeddings_BD[0]
    assert float(both.features_nD[125] @ again) == pytest.approx(1, abs=1e-5)
    assert any("40 images of" in note and "count as off the list" in note for note in both.notes)
    assert any("1 off-list image cannot be used" in note and "broken.png" in note for note in both.notes)
    with pytest.raises(CalibrationError, match="has no usable image"):
        add_off_list_images(images, classifier, [others / "broken.png"])


def test_a_chosen_score_is_kept_and_refuses(
    embedded: tuple[Classifier, LabelledImages, Path], tiny_model: str, birds_csv: Path
) -> None:
    classifier, images, others = embedded
    images = add_off_list_images(images, classifier, [others])
    assert list_methods(classifier) == METHODS
    found = calibrate(classifier, images, "noise", accuracies=(), coverages=())
    refusal = found.refusal
    assert (refusal.off_list, refusal.chosen_on) == (20, 20) and [one.method for one in refusal.compared] == list(
        METHODS
    )
    random_D = embed_random_texts(classifier.encoder)
    scores = score_images(classifier, images, np.arange(160), METHODS, found.temperature or 1.0, random_D)
    fitted, held = split_in_halves(images.class_n, 0)
    to_choose, to_check = split_off_list(find_unlisted(images), 0, chosen=True)
    of = {
        one: roc_auc_score(np.r_[np.ones(60), np.zeros(20)], np.r_[scores[one][fitted], scores[one][to_choose]])
        for one in METHODS
    }
    assert of[refusal.method] == pytest.approx(max(of.values()))
    for one in refusal.compared:
        score_n = scores[one.method]
        expected = roc_auc_score(np.r_[np.ones(60), np.zeros(20)], np.r_[score_n[held], score_n[to_check]])
        assert one.auroc == pytest.approx(expected)
    score_n = scores[refusal.method]
    assert refusal.threshold == np.sort(score_n[fitted])[3]  # 57 of 60 reach it
    assert refusal.accepted == (score_n[held] >= refusal.threshold).mean()
    assert refusal.refused == (score_n[to_check] < refusal.threshold).mean()
    for method in METHODS:
        asked = calibrate(classifier, images, "noise", accuracies=(), coverages=(), refuse_by=method)
        assert (asked.refusal.method, asked.refusal.off_list, asked.refusal.chosen_on) == (method, 40, 0)
        calibration_store.save_calibration(asked)
        using = Classifier(tiny_model, taxonomy=birds_csv, calibration="auto")
        results = list(using.classify(sorted(str(source.name) for source in images.sources[120:])))
        expected_n = scores[method][120:] < asked.refusal.threshold
        near_n = np.abs(scores[method][120:] - asked.refusal.threshold) < 1e-6
        refused_n = np.array([one.refused.startswith("none of these") for one in results])
        assert (refused_n == expected_n)[~near_n].all()
    top_down = Classifier(tiny_model, taxonomy=birds_csv, calibration="auto", head="top-down")
    assert any("relative" in note for note in top_down.provenance.notes)  # the last method, whatever the head


def test_scores_of_another_classifier_have_no_random_texts(birds_csv: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [f"{i}.jpg,{','.join(map(str, rng.normal(size=6).round(3)))}" for i in range(130)]
    (tmp_path / "scores.csv").write_text("\n".join([f"file_name,{','.join(SPECIES)}", *rows]))
    scorer = {"name": "external", "file": str(tmp_path / "scores.csv"), "kind": "logits"}
    classifier = Classifier("none", taxonomy=birds_csv, scorer=scorer)
    assert "relative" not in list_methods(classifier)
    from bioclip_x_plugins.datasets.manifest import Manifest

    (tmp_path / "labels.csv").write_text("\n".join(["path,label", *(f"{i}.jpg,{SPECIES[i % 6]}" for i in range(120))]))
    dataset = Manifest(path=tmp_path / "labels.csv", off_list="keep")
    list(dataset.prepare(classifier.taxonomy))
    images = embed_labelled_images(classifier, dataset)
    with pytest.raises(
        CalibrationError, match="no score 'relative' for refusals; it has: similarity, probability, energy, mcm"
    ):
        calibrate(classifier, images, "made", refuse_by="relative")
    found = calibrate(classifier, images, "made", accuracies=(), coverages=())
    assert found.refusal.method == "similarity" and found.refusal.compared == ()
    assert json.dumps(found.refusal.accept) == "0.95"
