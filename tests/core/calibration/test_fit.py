"""Calibration from end to end, on scores made to a known temperature, against loops over all of them at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bioclip_x import Classifier
from bioclip_x.calibration.fit import calibrate
from bioclip_x.errors import CalibrationError, RecipeError
from bioclip_x.evaluation.labelled_images import LabelledImages, embed_labelled_images, find_unlisted, split_in_halves
from bioclip_x.inference import calibration_store
from bioclip_x.records import Calibration
from bioclip_x_plugins.datasets.image_folder import ImageFolder
from bioclip_x_plugins.datasets.manifest import Manifest
from helpers import picture

SPECIES = ("Parus major", "Cyanistes caeruleus", "Turdus merula", "Emys orbicularis", "Quercus", "Quercus robur")
TRUE_TEMPERATURE = 2.0


class Made:
    """Logits of 240 listed images, labels drawn at temperature 2, and of 30 others whose best logits are lower."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(0)
        self.logits_nC = np.concatenate([rng.normal(size=(240, 6)) * 4 + 6, rng.normal(size=(30, 6)) - 4]).round(4)
        shares = np.exp(self.logits_nC / TRUE_TEMPERATURE)
        self.class_n = np.array([rng.choice(6, p=p / p.sum()) for p in shares])
        labels = [SPECIES[c] for c in self.class_n[:240]] + ["Sitta europaea"] * 30
        self.scores, self.labels = folder / "scores.csv", folder / "labels.csv"
        rows = [f"{i}.jpg,{','.join(map(str, row))}" for i, row in enumerate(self.logits_nC)]
        self.scores.write_text("\n".join([f"file_name,{','.join(SPECIES)}", *rows]))
        self.labels.write_text("\n".join(["path,label", *(f"{i}.jpg,{label}" for i, label in enumerate(labels))]))

    def classifier(self, birds_csv: Path, **fields: object) -> Classifier:
        scorer = {"name": "external", "file": str(self.scores), "kind": "logits"}
        return Classifier("no-such-model", taxonomy=birds_csv, scorer=scorer, **fields)

    def seen(self, classifier: Classifier) -> LabelledImages:
        dataset = Manifest(path=self.labels, off_list="keep")
        list(dataset.prepare(classifier.taxonomy))
        return embed_labelled_images(classifier, dataset)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


def test_images_labelled_above_the_classes_take_no_part(made: Made, birds_csv: Path) -> None:
    """They are neither of a listed class nor unlisted."""
    classifier = made.classifier(birds_csv)
    rows = made.labels.read_text().splitlines()
    inner = [i for i in range(1, 241) if "Parus major" in rows[i]][:5]
    made.labels.write_text("\n".join(row for i, row in enumerate(rows) if i not in inner))
    without = calibrate(classifier, made.seen(classifier), "made")
    made.labels.write_text(
        "\n".join(row.replace("Parus major", "Parus") if i in inner else row for i, row in enumerate(rows))
    )
    found = calibrate(classifier, made.seen(classifier), "made")
    assert "5 images labelled above the classes (genus 5) take no part" in found.notes
    assert replace(found, notes=without.notes) == without
    assert (found.refusal.off_list, found.refusal.chosen_on) == (15, 15)


def test_all_figures_are_those_of_the_held_out_half(made: Made, birds_csv: Path) -> None:
    classifier = made.classifier(birds_csv)
    seen = made.seen(classifier)
    found = calibrate(classifier, seen, "made", accept=0.9, accuracies=[0.6, 0.8], refuse_by="similarity")
    fitted, held = split_in_halves(seen.class_n, 0)
    assert (found.fitted, found.held_out, len(find_unlisted(seen))) == (120, 120, 30)

    def nll(rows: np.ndarray, temperature: float) -> float:
        logits = torch.from_numpy(made.logits_nC[rows]) / temperature
        return float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(made.class_n[rows])))

    grid = np.geomspace(0.1, 10, 2001)
    best = grid[np.argmin([nll(fitted, t) for t in grid])]
    assert found.temperature == pytest.approx(best, rel=3e-3) and 1.5 < best < 2.7
    assert found.before.nll == pytest.approx(nll(held, 1.0), abs=1e-5)
    assert (
        found.after.nll == pytest.approx(nll(held, found.temperature or 0), abs=1e-5)
        and found.after.nll < found.before.nll
    )
    assert found.after.ece < found.before.ece
    right = made.logits_nC[held].argmax(1) == made.class_n[held]
    assert found.accuracy == found.coverages[0].accuracy == pytest.approx(right.mean())
    top = made.logits_nC.max(1)
    assert found.refusal.threshold == pytest.approx(np.sort(top[fitted])[12], abs=1e-5)  # 108 of 120 reach it
    assert found.refusal.accepted == pytest.approx((top[held] >= np.sort(top[fitted])[12]).mean())
    pairs = [a > b for a in top[held] for b in top[240:]]
    assert found.refusal.auroc == pytest.approx(np.mean(pairs)) and found.refusal.off_list == 30
    assert any("only 240 images" in note for note in found.notes)


def test_depths_reach_what_was_asked_for_on_the_fitted_half(made: Made, birds_csv: Path) -> None:
    classifier = made.classifier(birds_csv)
    found = calibrate(classifier, made.seen(classifier), "made", accuracies=[0.7, 0.9])
    modest, strict = found.hedges
    assert modest.lambda_ is not None and strict.lambda_ is not None and modest.lambda_ < strict.lambda_
    assert modest.reached == pytest.approx(0.7, abs=0.12) and strict.reached == pytest.approx(0.9, abs=0.1)
    assert strict.information < modest.information < 1


def kept(made: Made, birds_csv: Path) -> Calibration:
    classifier = made.classifier(birds_csv)
    found = calibrate(classifier, made.seen(classifier), "made", accuracies=[0.9], refuse_by="similarity")
    calibration_store.save_calibration(found)
    return found


def test_a_kept_calibration_is_at_work_where_it_is_asked_for(made: Made, birds_csv: Path) -> None:
    found = kept(made, birds_csv)
    plain, warm = made.classifier(birds_csv), made.classifier(birds_csv, calibration="auto")
    assert plain.provenance.probabilities == "share among the listed classes, not calibrated"
    assert warm.provenance.probabilities == found.about and "240 images of made" in found.about
    before, after = list(plain.classify(None)), list(warm.classify(None))
    assert found.temperature is not None and len(before) == len(after) == 270
    for row in range(0, 240, 40):
        if after[row].refused:
            continue
        expected = torch.softmax(torch.from_numpy(made.logits_nC[row]) / found.temperature, 0).max()
        assert after[row].predictions[0].probability == pytest.approx(float(expected), abs=1e-5)
        why, raw = after[row].explanation, before[row].explanation
        assert why is not None and raw is not None
        assert why.margin == pytest.approx(raw.margin / found.temperature, abs=1e-4)
    refused = [bool(result.refused) for result in after]
    assert refused == (made.logits_nC.max(1) < found.refusal.threshold - 1e-6).tolist() and any(refused[240:])
    assert "none of these: its best match has the score" in after[refused.index(True)].refused
    assert not any(result.predictions for result in after if result.refused)


def test_a_head_with_shares_of_its_own_is_not_called_calibrated(made: Made, birds_csv: Path) -> None:
    found = kept(made, birds_csv)
    for head in ("rollup", "hedge", "crm"):
        assert made.classifier(birds_csv, calibration="auto", head=head).provenance.probabilities == found.about
    other = made.classifier(birds_csv, calibration="auto", head="rollup:size_prior=family")
    assert "not calibrated" in other.provenance.probabilities
    assert any("no temperature; refuses below" in note for note in other.provenance.notes)
    assert any(result.refused for result in other.classify(None))


def test_depth_auto(made: Made, birds_csv: Path) -> None:
    found = kept(made, birds_csv)
    deep = made.classifier(birds_csv, calibration="auto", accuracy=0.9)
    assert deep.recipe.head.name == "hedge" and deep.head.lambda_ == found.hedges[0].lambda_  # type: ignore[attr-defined]
    ranks = {result.predictions[0].taxon.rank for result in deep.classify(None) if result.predictions}
    assert len(ranks) > 1
    with pytest.raises(CalibrationError, match=r"no depth for accuracy 0.95 \(it has 0.9\)"):
        made.classifier(birds_csv, calibration="auto", depth="auto")
    with pytest.raises(CalibrationError, match=r"there is no calibration for this model, class list and texts"):
        made.classifier(birds_csv, depth="auto")
    with pytest.raises(RecipeError, match="the head 'rollup' was given; leave out one of the two"):
        made.classifier(birds_csv, calibration="auto", depth="auto", head="rollup")
    with pytest.raises(RecipeError, match="leave out the rank"):
        made.classifier(birds_csv, calibration="auto", depth="auto", rank="family")


def test_another_list_has_no_calibration(made: Made, birds_csv: Path) -> None:
    kept(made, birds_csv)
    other = made.classifier(birds_csv, calibration="auto", subset=["Animalia"])
    assert "not calibrated" in other.provenance.probabilities


def test_few_images_are_refused(made: Made, birds_csv: Path) -> None:
    made.labels.write_text("\n".join(made.labels.read_text().splitlines()[:100]))
    classifier = made.classifier(birds_csv)
    with pytest.raises(CalibrationError, match="made has 99 usable images of listed classes; at least 100 are needed"):
        calibrate(classifier, made.seen(classifier), "made")


@pytest.mark.parametrize("all_right", [True, False])
def test_all_right_and_all_wrong_have_no_best_temperature(made: Made, birds_csv: Path, all_right: bool) -> None:
    classes = made.logits_nC.argmax(1) if all_right else made.logits_nC.argmin(1)
    rows = [f"{i}.jpg,{SPECIES[c]}" for i, c in enumerate(classes[:200])]
    made.labels.write_text("\n".join(["path,label", *rows]))
    classifier = made.classifier(birds_csv)
    found = calibrate(classifier, made.seen(classifier), "made")
    if all_right:
        assert found.temperature is None and found.before == found.after
        assert any("all images of the fitting half are classified correctly" in note for note in found.notes)
        calibration_store.save_calibration(found)
        about = made.classifier(birds_csv, calibration="auto").provenance
        assert "not calibrated" in about.probabilities
        assert any("no temperature; refuses below" in note for note in about.notes)
    else:
        assert found.temperature == 100 and any("reached its upper bound, 100" in note for note in found.notes)
        assert found.accuracy == 0 and found.refusal.auroc is None


def test_images_are_read_and_those_that_cannot_be_are_told(tiny_model: str, birds_csv: Path, tmp_path: Path) -> None:
    folder = tmp_path / "labelled"
    for number in range(110):
        place = folder / SPECIES[number % 6]
        place.mkdir(parents=True, exist_ok=True)
        picture(number, (8, 8)).save(place / f"{number}.png")
    (folder / "Parus major" / "bad.png").write_text("prose")
    classifier = Classifier(tiny_model, taxonomy=birds_csv)
    dataset = ImageFolder(path=folder)
    list(dataset.prepare(classifier.taxonomy))
    seen = embed_labelled_images(classifier, dataset)
    assert len(seen.sources) == 110 and "1 image cannot be used" in seen.notes[0] and "bad.png" in seen.notes[0]
    found = calibrate(classifier, seen, "noise", accuracies=())
    assert found.fitted + found.held_out == 110 and found.hedges == ()
    fitted, _ = split_in_halves(seen.class_n, 0)
    cosines = (seen.features_nD[fitted] @ classifier.bank.embeddings_PD.T).amax(1).sort(descending=True).values
    assert found.refusal.threshold == pytest.approx(float(cosines[52]), abs=1e-5)  # the 53rd of 55: ⌈0.95 · 55⌉


def test_halves_share_each_class_out() -> None:
    class_n = np.array([0] * 11 + [1] * 4 + [2] + [-1] * 5)
    one, other = split_in_halves(class_n, seed=3)
    assert sorted([*one, *other]) == list(range(16))
    for c in range(3):
        assert abs(int((class_n[one] == c).sum()) - int((class_n[other] == c).sum())) <= 1
    again, _ = split_in_halves(class_n, seed=3)
    different, _ = split_in_halves(class_n, seed=4)
    assert one.tolist() == again.tolist() != different.tolist()


def test_sets_contain_the_true_class_as_often_as_asked(made: Made, birds_csv: Path) -> None:
    classifier = made.classifier(birds_csv)
    seen = made.seen(classifier)
    found = calibrate(classifier, seen, "made", coverages=[0.8, 0.9, 0.999])
    fitted, held = split_in_halves(seen.class_n, 0)
    of = {(one.score, one.coverage): one for one in found.sets}
    assert found.temperature is not None and len(of) == 9
    p = torch.softmax(torch.from_numpy(made.logits_nC[:240]) / found.temperature, 1).numpy()
    score = np.where(p.argmax(1) == made.class_n[:240], 0, -np.log(p[np.arange(240), made.class_n[:240]]))
    lac = of["lac", 0.9]
    assert lac.of == 120 and lac.threshold == pytest.approx(np.sort(score[held])[108], abs=1e-5)  # ⌈121 · 0.9⌉ = 109
    sets = (-np.log(p[fitted]) <= np.sort(score[held])[108] + 1e-7) | (p[fitted] == p[fitted].max(1, keepdims=True))
    assert lac.covered == pytest.approx(sets[np.arange(120), made.class_n[fitted]].mean())
    assert lac.classes == pytest.approx(sets.sum(1).mean()) and lac.single == pytest.approx((sets.sum(1) == 1).mean())
    assert lac.covered_low is not None and lac.covered_high is not None and lac.covered_low < 0.9 < lac.covered_high
    for score_name in ("lac", "aps", "clade"):
        none = of[score_name, 0.999]  # type: ignore[index]
        assert none.threshold is None and none.of == 120 and none.covered is None
    calibration_store.save_calibration(found)
    assert calibration_store.load_calibration(calibration_store.find_default_file(classifier.conditions)) == found
    sized = made.classifier(birds_csv, calibration="auto", head="conformal:coverage=0.9", k=1)
    results = list(sized.classify(None))
    for row in fitted[:20]:
        if not results[row].refused:
            expected = np.argsort(-p[row])[: int(sets[fitted.tolist().index(row)].sum())]
            assert [one.taxon.name for one in results[row].predictions] == [SPECIES[c] for c in expected]
    assert any("90% of images" in note for note in sized.provenance.notes)
    with pytest.raises(CalibrationError, match=r"the 120 calibration images are too few .* at least 1998"):
        made.classifier(birds_csv, calibration="auto", head="conformal:coverage=0.999")
    with pytest.raises(
        CalibrationError, match=r"no sets for coverage 0.7 \(it has 0.8, 0.9, 0.999\): run `bioclip-x calibrate"
    ):
        made.classifier(birds_csv, calibration="auto", head="conformal:coverage=0.7")
    with pytest.raises(CalibrationError, match=r"there is no calibration for .* --coverage 0.9`"):
        made.classifier(birds_csv, calibration="auto", head="conformal", subset=["Animalia"])
