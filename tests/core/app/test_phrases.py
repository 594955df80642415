"""What a phrase adds to the logit of a class, under every pooling, against the scorer with one more text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from bioclip_x.app.known_image import KnownImage
from bioclip_x.app.loaded import Loaded
from bioclip_x.app.phrases import compute_change, measure_phrase, write_like
from bioclip_x.inference.classifier import Classifier
from bioclip_x.records import ImageFeatures, PatchFeatures, Prompt, Source, TextBank
from core.app.conftest import DRAWINGS

AGARIC = DRAWINGS / "amanita-muscaria.png"


@pytest.fixture(scope="module", params=["mean", "ensemble", "max"])
def classifier(loaded: Loaded, request: pytest.FixtureRequest) -> Classifier:
    given = loaded.classifier
    return Classifier.from_recipe(given.recipe, registry=given.registry, loaded=given.encoder, pooling=request.param)


def add_text(bank: TextBank, class_index: int, text_D: torch.Tensor) -> TextBank:
    """A bank with one more text at the end of a class."""
    stop = bank.of_class(class_index).stop
    return replace(
        bank,
        prompts=(*bank.prompts[:stop], Prompt("more", class_index, "descriptor"), *bank.prompts[stop:]),
        embeddings_PD=torch.cat([bank.embeddings_PD[:stop], text_D[None], bank.embeddings_PD[stop:]]),
        owner_P=np.insert(bank.owner_P, stop, class_index),
        weight_P=np.insert(bank.weight_P, stop, bank.weight_P[bank.of_class(class_index)].mean()),
    )


@pytest.mark.parametrize("class_index", [0, 7, 103])
def test_the_change_is_that_of_the_scorer(classifier: Classifier, class_index: int) -> None:
    [batch] = classifier.decode([Source("a", path=AGARIC)])
    [(_, x_D)] = classifier.batches.classify_embedded(batch)
    assert x_D is not None
    text_D = classifier.encoder.encode_texts(["white spots on the cap"])[0]
    features = ImageFeatures(x_D[None], ("",))
    scored = [
        classifier.score(features, [Source("a")], bank).logits.logits_BC[0, class_index]
        for bank in (classifier.bank, add_text(classifier.bank, class_index, text_D))
    ]
    change = classifier.encoder.card.logit_scale * compute_change(classifier.bank, class_index, text_D, x_D.double())
    assert change == pytest.approx(float(scored[1] - scored[0]), abs=2e-5)


def test_a_phrase_is_written_like_the_others_of_its_class() -> None:
    prompts = (
        Prompt("the red fox, which has a bushy tail", 0, "descriptor", "a bushy tail"),
        Prompt("gray wolf", 1, "name"),
    )
    bank = TextBank(prompts, torch.eye(2), np.arange(2), np.ones(2, np.float32), 2, "mean", "")
    assert write_like(bank, 0, "rounded ears") == "the red fox, which has rounded ears"
    assert write_like(bank, 1, "rounded ears") == "rounded ears"


def test_without_an_explanation_there_is_a_similarity_and_a_map(classifier: Classifier) -> None:
    [batch] = classifier.decode([Source("a", path=AGARIC)])
    [(result, x_D)] = classifier.batches.classify_embedded(batch)
    assert x_D is not None

    def read_patches() -> PatchFeatures:
        return classifier.encoder.encode_patches(batch[0].pixels[None])  # type: ignore[attr-defined, index, no-any-return]

    figures = measure_phrase(classifier, KnownImage(replace(result, explanation=None), x_D, read_patches), "a red cap")
    assert figures.added == () and figures.margin is None and figures.heat_map is not None
    assert figures.similarity == pytest.approx(float(np.sum(figures.heat_map.values_hw)), abs=1e-5)
    assert not figures.is_truncated
