"""A family of models with only the required methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bioclip_x import Classifier
from bioclip_x.errors import ModelError, RecipeError
from bioclip_x.hooks.capabilities import EncoderCapabilities
from bioclip_x.hooks.registry import Registry, create_registry
from bioclip_x.models import list_known_models
from bioclip_x.records import OwnClasses
from bioclip_x_plugins.encoders.open_clip import OpenClip
from helpers import picture


class Bare:
    def load(self, model: str, *, name: str, device: str, precision: str, preprocess: str) -> Any:
        return OpenClip().load(model, name=name, device=device, precision=precision)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.setattr("bioclip_x_plugins.encoders.open_clip.OpenClip", Bare)
    return create_registry()


def test_load_is_enough(registry: Registry, tiny_model: str) -> None:
    [result] = Classifier(tiny_model, registry=registry, labels=("a", "b")).classify(picture())
    assert result.predictions and [model.name for model in list_known_models(registry)] == ["field-guide"]
    with pytest.raises(RecipeError, match="brings no list of classes"):
        Classifier(tiny_model, registry=registry)


def test_missing_capabilities_are_refused(registry: Registry, tiny_model: str) -> None:
    with pytest.raises(ModelError, match="the encoder 'open_clip' preprocesses images only as model"):
        Classifier(tiny_model, registry=registry, labels=("a", "b"), preprocess="pybioclip")


def test_a_class_list_without_embeddings_is_embedded(
    registry: Registry, tiny_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "names.csv").write_text("family,species\nParidae,Parus major\nCorvidae,Corvus corax\n")
    own = OwnClasses(tmp_path / "names.csv", "here", text="an image of {lineage}.")
    monkeypatch.setattr(Bare, "own_classes", lambda self, model, *, name, embeddings: own, raising=False)
    monkeypatch.setattr(Bare, "capabilities", EncoderCapabilities(brings_classes=True), raising=False)
    bank = Classifier(tiny_model, registry=registry).bank
    assert sorted(prompt.text for prompt in bank.prompts) == [
        "a photo of Corvidae Corvus corax.", "a photo of Paridae Parus major.",
    ]  # fmt: skip
