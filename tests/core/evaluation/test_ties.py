"""Classes with the same texts: `evaluate`, `explain`, `calibrate` and `classify` take the same one, the first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bioclip_x import Classifier
from bioclip_x.evaluation.descriptors.usefulness import SortedImages, find_best_two, measure_usefulness
from bioclip_x.evaluation.labelled_images import LabelledImages
from bioclip_x.evaluation.labelled_logits import LabelledLogits, find_top_logits
from bioclip_x.evaluation.predictions import predict_images
from bioclip_x.inference.scoring import ScoredBatch
from bioclip_x.records import Logits, Source

N = 24
"""Classes; each three in a row have the same texts."""


@pytest.fixture(params=["mean", "ensemble", "max"])
def classifier(request: pytest.FixtureRequest, tiny_model: str, tmp_path: Path) -> Classifier:
    phrases = {f"s{c:02}": [f"mark {c // 3} on the back", f"shape {c // 3}"][:: 1 if c % 2 else -1] for c in range(N)}
    file, tree = tmp_path / "d.yaml", tmp_path / "tree.csv"
    classes = ", ".join(f"{name}: [{', '.join(listed)}]" for name, listed in phrases.items())
    file.write_text(f"{{format: bioclip-x/descriptors/1, style: bare, classes: {{{classes}}}}}")
    tree.write_text("\n".join(["family,species", *(f"G{c // 3},s{c:02}" for c in range(N))]))
    return Classifier(
        tiny_model, taxonomy=tree, descriptors=file, text=["descriptors"], pooling=request.param, batch_size=5
    )


def make_images(classifier: Classifier, n: int = 83) -> LabelledImages:
    rng = torch.Generator().manual_seed(0)
    features_nD = torch.nn.functional.normalize(torch.randn(n, 32, generator=rng), dim=1)
    class_n = np.random.default_rng(0).integers(0, N, n)
    tree = classifier.taxonomy
    sources = tuple(Source(f"{i}.png") for i in range(n))
    return LabelledImages(features_nD, sources, tree.owner_N[tree.leaf_node_C[class_n]].astype(np.int64), class_n, ())


def test_every_command_takes_the_first(classifier: Classifier) -> None:
    images = make_images(classifier)
    rows = np.arange(len(images.class_n))
    predicted = predict_images(classifier, images, rows)
    best_n = classifier.taxonomy.class_of_N[classifier.taxonomy.owner_N[predicted.best_nk[:, 0]]]
    assert (best_n % 3 == 0).all() and len(set(best_n.tolist())) > 2 and predicted.n_tied == len(rows)
    parts = images.parts(classifier, rows)
    of_calibration = torch.cat([find_top_logits(part).best_B for part in parts])
    np.testing.assert_array_equal(of_calibration, best_n)
    listed = SortedImages.of(images)
    order = np.argsort(images.class_n, kind="stable")
    np.testing.assert_array_equal(find_best_two(listed.logits(classifier)).best_N, best_n[order])
    found = measure_usefulness(classifier, images, "made")
    assert found.accuracy.value == pytest.approx((best_n == images.class_n).mean())
    assert "83 of 83 images have tied best classes; the first in the list is taken" in found.notes


def test_an_image_without_a_possible_class_has_no_best_class() -> None:
    """Class 0 is no answer, and not right."""
    logits = Logits.of(torch.full((2, 3), -torch.inf))
    found = find_top_logits(LabelledLogits(ScoredBatch(logits, logits), torch.tensor([0, -1])))
    assert found.best_B.tolist() == [-1, -1] and found.right_B.tolist() == [False, False]


def test_the_best_class_is_that_of_the_exact_logits() -> None:
    exact, approximate = torch.tensor([[1.0, 1.01, 0.0]]), torch.tensor([[1.02, 1.0, 0.0]])
    logits = replace(Logits.of(approximate), exact=Logits.of(exact).part)
    found = find_top_logits(LabelledLogits(ScoredBatch(logits, logits), torch.tensor([1])))
    assert found.best_B.tolist() == [1] and found.right_B.tolist() == [True]
    assert found.top_B.tolist() == [1.0]  # as compared with the approximate logits of all classes
