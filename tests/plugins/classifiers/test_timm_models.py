"""timm's models, from a tiny checkpoint with random weights: nothing is downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch

from bioclip_x import Classifier
from bioclip_x.errors import ModelError
from bioclip_x_plugins.classifiers.timm_models import TimmClassifier
from helpers import picture

NAME = "test_vit"  # timm's own tiny model, 160 px
LABELS = ("Parus major", "Turdus merula", "blank")


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(0)
    return timm.create_model(NAME, num_classes=3).eval()


@pytest.fixture
def weights(model: Any, tmp_path: Path) -> Path:
    """A checkpoint, with its labels beside."""
    path = tmp_path / "weights.pth"
    torch.save(model.state_dict(), path)
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    return path


@pytest.fixture
def folder(model: Any, tmp_path: Path) -> Path:
    """As timm publishes a model, with the labels in its configuration."""
    timm.models.save_for_hf(model, tmp_path / "model", model_config={"label_names": list(LABELS)})
    return tmp_path / "model"


def compute(classifier: TimmClassifier, seed: int = 0) -> np.ndarray:
    with torch.inference_mode():
        logits: np.ndarray = classifier.logits(classifier.preprocess(picture(seed, (200, 180)))[None]).numpy()
    return logits


def test_scores_are_those_of_the_model(model: Any, weights: Path) -> None:
    classifier = TimmClassifier(f"{NAME}@{weights.parent / 'labels.txt'}", weights=weights)
    assert classifier.labels() == LABELS
    classifier.load("cpu")
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    with torch.inference_mode():
        expected = model(transform(picture(0, (200, 180)))[None]).numpy()
    np.testing.assert_allclose(compute(classifier), expected, atol=1e-5)


def test_a_published_folder_brings_its_labels(folder: Path, model: Any) -> None:
    classifier = TimmClassifier(f"local-dir:{folder}")
    assert classifier.labels() == LABELS
    classifier.load("cpu")
    pixels = classifier.preprocess(picture(0, (200, 180)))[None]
    with torch.inference_mode():
        np.testing.assert_allclose(compute(classifier), model(pixels).numpy(), atol=1e-5)


def test_the_labels_may_be_an_option(folder: Path, weights: Path) -> None:
    """Then an @ belongs to the name, as that before the revision of a model on the hub."""
    (folder.parent / "mine.csv").write_text("label,note\nA a,1\nB b,2\nC c,3\n")
    assert TimmClassifier(f"local-dir:{folder}", labels=folder.parent / "mine.csv").labels() == ("A a", "B b", "C c")
    assert TimmClassifier("hf-hub:a/b@main", labels=weights.parent / "labels.txt").labels() == LABELS


def test_a_revision_is_of_weights_and_labels(folder: Path, weights: Path) -> None:
    def revision(**options: Any) -> str:
        classifier = TimmClassifier(f"local-dir:{folder}", **options)
        classifier.load("cpu")
        return classifier.revision

    other = folder.parent / "other.txt"
    other.write_text("a\nb\nc\n")
    state = torch.load(weights)
    state["head.bias"] += 1e-3
    torch.save(state, folder.parent / "changed.pth")
    assert revision() == revision()
    assert len({revision(), revision(labels=other), revision(weights=folder.parent / "changed.pth")}) == 3


def test_it_classifies(folder: Path, birds_csv: Path) -> None:
    classifier = Classifier(f"timm:local-dir:{folder}", taxonomy=birds_csv, head="rollup", device="cpu")
    results = list(classifier.classify([picture(seed, (60, 60)) for seed in range(4)]))
    assert classifier.provenance.model == f"timm:local-dir:{folder}"
    assert all(result.predictions or result.refused == "the model says 'blank'" for result in results)


def test_what_cannot_be_loaded(folder: Path, weights: Path) -> None:
    with pytest.raises(ModelError, match="timm cannot load no_such_model"):
        TimmClassifier("no_such_model").labels()
    with pytest.raises(
        ModelError, match=r"timm's test_vit names no labels; give a file of them, timm:test_vit@labels.txt"
    ):
        TimmClassifier(NAME).labels()
    with pytest.raises(ModelError, match=r"gone.txt: no such file"):
        TimmClassifier(f"{NAME}@gone.txt").labels()
    two = folder.parent / "two.txt"
    two.write_text("a\nb\n")
    with pytest.raises(ModelError, match="has 3 scores and 2 labels"):
        TimmClassifier(f"local-dir:{folder}@{two}").load("cpu")
    with pytest.raises(ModelError, match="refuse: cup is none of its 3 labels"):
        TimmClassifier(f"local-dir:{folder}", refuse=("cup",)).labels()
    with pytest.raises(ModelError, match="--device nowhere: not available on this machine"):
        TimmClassifier(f"local-dir:{folder}").load("nowhere")
