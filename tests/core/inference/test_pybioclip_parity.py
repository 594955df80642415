"""The same probabilities as pybioclip's classifiers, on the same weights, images and labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bioclip_x import Classifier
from helpers import picture
from tree_of_life import embeddings, lay, names

LABELS = ("great tit", "Parus major", "oak", "common blackbird")


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    paths = [tmp_path / f"{i}.png" for i in range(5)]
    for i, path in enumerate(paths):
        picture(i, (50 + 7 * i, 44)).save(path)
    return list(map(str, paths))


@pytest.fixture
def peer() -> Any:
    return pytest.importorskip("bioclip", reason="the peer is pybioclip: pip install 'bioclip-x[bench]'")


@pytest.mark.filterwarnings("ignore")
def test_custom_labels(peer: Any, tiny_model: str, photos: list[str]) -> None:
    """pybioclip averages OpenAI's 80 templates of each label, and prepares images as the model says."""
    theirs = peer.CustomLabelsClassifier(list(LABELS), model_str=tiny_model, device="cpu").predict(photos, k=4)
    expected = {(row["file_name"], row["classification"]): row["score"] for row in theirs}
    classifier = Classifier(
        tiny_model, labels=LABELS, text="templates:openai-80", pooling="ensemble", k=4, full_decoding=True
    )
    found = {
        (result.source, one.taxon.name): one.probability
        for result in classifier.classify(photos)
        for one in result.predictions
    }
    assert found.keys() == expected.keys() and len(found) == 20
    assert max(abs(found[key] - expected[key]) for key in found) < 1e-5


@pytest.mark.filterwarnings("ignore")
def test_the_tree_of_life(
    peer: Any, tiny_model: str, photos: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same embeddings of names; `preprocess: pybioclip` squashes images to 224 px as it does for these models."""
    from bioclip.predict import BaseClassifier, preprocess_img

    from bioclip_x_plugins.encoders.open_clip import OpenClip

    rows = names(200)
    model = Path(tiny_model.removeprefix("local-dir:"))
    columns_DR = embeddings(OpenClip().load(tiny_model, device="cpu"), rows)
    cache = lay(tmp_path / "home", model, rows, columns_DR)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))

    class WithEmbeddings(peer.TreeOfLifeClassifier):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            BaseClassifier.__init__(self, model_str=tiny_model, device="cpu")
            small = type(preprocess_img)([*preprocess_img.transforms])
            small.transforms[1] = type(small.transforms[1])((32, 32), antialias=True)  # the size of this model
            self.preprocess = small
            self.txt_embeddings, self.txt_names = torch.from_numpy(columns_DR), rows
            self._subset_txt_embeddings = self._subset_txt_names = None

    theirs = WithEmbeddings().predict(photos, peer.Rank.SPECIES, k=5)
    expected = {(row["file_name"], row["kingdom"], row["species"]): row["score"] for row in theirs}
    classifier = Classifier("bioclip-2", preprocess="pybioclip", k=5)
    found = {
        (result.source, dict(one.taxon.lineage)["kingdom"], one.taxon.name): one.probability
        for result in classifier.classify(photos)
        for one in result.predictions
    }
    assert len(found) == 25 and found.keys() == expected.keys()
    assert max(abs(found[key] - expected[key]) for key in found) < 1e-5
