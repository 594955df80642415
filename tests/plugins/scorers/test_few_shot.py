"""Naming images by examples: logits against scikit-learn and loops, notes, explanations, and the cache of embeddings."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestCentroid

from bioclip_x import Classifier
from bioclip_x.errors import RecipeError, ScoresError
from bioclip_x.records import ImageFeatures, Source
from bioclip_x_plugins.reports.tables.json_documents import make_result_document
from bioclip_x_plugins.scorers.few_shot import FewShotScorer
from helpers import picture

LABELS = ("fox", "owl", "wolf", "bear")
COUNTS = {"fox": 3, "owl": 2, "wolf": 4}


@pytest.fixture(scope="module")
def support(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine examples of three of the four classes, one of another, and one that is no image."""
    folder = tmp_path_factory.mktemp("support")
    for i, (label, count) in enumerate({**COUNTS, "yeti": 1}.items()):
        (folder / label).mkdir()
        for j in range(count):
            picture(10 * i + j).save(folder / label / f"{j}.png")
    (folder / "owl" / "broken.png").write_bytes(b"not an image")
    return folder


def make(model: str, support: Path, **options: Any) -> Classifier:
    return Classifier(model, labels=LABELS, scorer={"name": "few-shot", "support": str(support), **options})


def embed(classifier: Classifier, numbers: list[int]) -> torch.Tensor:
    pixels = torch.stack([classifier.encoder.preprocess(picture(i)) for i in numbers])
    return classifier.encoder.encode_images(pixels).embeddings_BD


def read_examples(classifier: Classifier) -> tuple[np.ndarray, list[str]]:
    numbers = [10 * i + j for i, count in enumerate(COUNTS.values()) for j in range(count)]
    return embed(classifier, numbers).double().numpy(), [name for name, count in COUNTS.items() for _ in range(count)]


def score(classifier: Classifier, embeddings_BD: torch.Tensor) -> np.ndarray:
    features = ImageFeatures(embeddings_BD, ("",) * len(embeddings_BD))
    logits = classifier.score(features, [Source("x")] * len(embeddings_BD)).logits
    return np.asarray(torch.cat([logits.part(c, c + 1) for c in range(logits.n_classes)]).T.double())


def order(classifier: Classifier) -> list[str]:
    return [classifier.taxonomy.class_taxon(c).name for c in range(classifier.taxonomy.n_classes)]


def test_names_the_nearest_centroid_and_classes_without_examples_cannot_win(tiny_model: str, support: Path) -> None:
    classifier = make(tiny_model, support)
    names = order(classifier)
    query_BD = embed(classifier, list(range(50, 70)))
    logits_BC = score(classifier, query_BD)
    assert (logits_BC[:, names.index("bear")] == -np.inf).all() and classifier.provenance.n_prompts == 0
    support_nD, label_n = read_examples(classifier)
    mean_D = support_nD.mean(0)

    def centre(x: np.ndarray) -> np.ndarray:
        return np.asarray((x - mean_D) / np.linalg.norm(x - mean_D, axis=1)[:, None])

    reference = NearestCentroid().fit(centre(support_nD), label_n)
    assert [names[c] for c in logits_BC.argmax(1)] == list(reference.predict(centre(query_BD.double().numpy())))
    distance = np.linalg.norm(centre(query_BD.double().numpy())[3] - reference.centroids_, axis=1)
    scale = classifier.encoder.card.logit_scale
    expected = {name: scale * (1 - d**2) / 2 for name, d in zip(reference.classes_, distance)}
    for name in COUNTS:
        assert logits_BC[3, names.index(name)] == pytest.approx(expected[name], rel=1e-4, abs=1e-4)
    told = "; ".join(classifier.provenance.notes)
    assert "9 examples of 3 classes" in told and "1 of 4 classes have no example, among them bear" in told
    assert "yeti" in told and "1 example cannot be read or used" in told and "broken.png" in told


@pytest.mark.parametrize("options", [{"blend": 0.4}, {"mode": "tip-adapter", "alpha": 3.0, "beta": 2.0}])
def test_texts_take_part_with_their_weight(options: dict[str, Any], tiny_model: str, support: Path) -> None:
    classifier, alone, texts = (
        make(tiny_model, support, **options),
        make(tiny_model, support),
        Classifier(tiny_model, labels=LABELS),
    )
    query_BD, names = embed(classifier, [50, 51, 52]), order(classifier)
    text_BC = score(texts, query_BD)
    if "blend" in options:
        few_BC = score(alone, query_BD)
        bear = names.index("bear")
        few_BC[:, bear] = np.delete(few_BC, bear, 1).mean(1)
        expected = 0.4 * text_BC + 0.6 * few_BC
    else:
        support_nD, label_n = read_examples(classifier)
        expected = text_BC.copy()
        for b, query in enumerate(query_BD.double().numpy()):
            for image, label in zip(support_nD, label_n):
                expected[b, names.index(label)] += 3 * math.exp(-2 * (1 - query @ image))
    np.testing.assert_allclose(score(classifier, query_BD), expected, atol=2e-4)
    assert any("only their texts count" in note for note in classifier.provenance.notes)


def test_the_nearest_examples_explain_a_name(tiny_model: str, support: Path) -> None:
    for options in ({}, {"blend": 0.5}):
        classifier = make(tiny_model, support, **options)
        [result] = classifier.classify(picture(55))
        explanation = result.explanation
        assert explanation is not None
        x = embed(classifier, [55])[0].double().numpy()
        support_nD, label_n = read_examples(classifier)
        for name in (explanation.winner_class, explanation.runner_up_class):
            cosines = sorted((float(s @ x) for s, label in zip(support_nD, label_n) if label == name), reverse=True)
            found = [one for one in explanation.examples if one.class_name == name]
            assert [one.cosine for one in found] == pytest.approx(cosines[:3], abs=1e-5)
            assert all(Path(one.name).parent.name == name for one in found)
        total = sum(one.contribution for one in explanation.contributions) + explanation.rest
        assert total == pytest.approx(explanation.margin, abs=1e-3)
        document = make_result_document(result, "en")["explanation"]["examples"]
        assert document[0] == {
            "image": explanation.examples[0].name,
            "class": explanation.examples[0].class_name,
            "cosine": explanation.examples[0].cosine,
        }
        json.dumps(document)


def test_embeddings_of_examples_are_cached(
    tiny_model: str, support: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_cached(tiny_model, support, tmp_path)
    query_BD = embed(first, [60])
    [stored] = tmp_path.glob("*.npy")
    loaded = first.encoder
    monkeypatch.setattr(loaded, "encode_images", None)  # a second run embeds nothing
    again = make_cached(tiny_model, support, tmp_path, loaded=loaded)
    np.testing.assert_array_equal(score(first, query_BD), score(again, query_BD))
    assert [*tmp_path.glob("*.npy")] == [stored] and first.conditions == again.conditions


def make_cached(model: str, support: Path, cache: Path, **others: Any) -> Classifier:
    scorer = {"name": "few-shot", "support": str(support)}
    return Classifier(model, labels=LABELS, scorer=scorer, cache=cache, **others)


def test_what_cannot_be_done_is_said(tiny_model: str, support: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="does not exist; expected a folder of folders"):
        make(tiny_model, tmp_path / "missing")
    (tmp_path / "yeti").mkdir()
    picture(1).save(tmp_path / "yeti" / "1.png")
    with pytest.raises(RecipeError, match="has no image of a class of"):
        make(tiny_model, tmp_path)
    (tmp_path / "fox").mkdir()
    picture(1).save(tmp_path / "fox" / "1.png")
    with pytest.raises(ScoresError, match="examples of one class only"):
        make(tiny_model, tmp_path)
    with pytest.raises(RecipeError, match="needs logits of inner taxa"):
        Classifier(
            tiny_model,
            labels=LABELS,
            scorer={"name": "few-shot", "support": str(support), "blend": 0.5},
            head="top-down",
        )
    with pytest.raises(ScoresError, match="from 0 to 1; got 2"):
        FewShotScorer(support, blend=2)
    with pytest.raises(ScoresError, match="leave out blend"):
        FewShotScorer(support, mode="tip-adapter", blend=0.5)
