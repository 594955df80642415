"""Embeddings against plain calls of open_clip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from bioclip_x.embed.embedder import Embedded, Embedder
from bioclip_x.errors import ImageError, ModelError, RecipeError, TaxonomyError
from bioclip_x.hooks.capabilities import EncoderCapabilities
from bioclip_x.hooks.registry import Registry, create_registry
from bioclip_x.recipe_resolution import resolve_recipe
from bioclip_x_plugins.encoders.open_clip import OpenClip
from helpers import picture

PHRASES = ("a photo of a red fox", "a red cap", "a photo of a red fox")


@pytest.fixture(scope="module")
def registry() -> Registry:
    return create_registry()


@pytest.fixture
def embedder(registry: Registry, tiny_model: str) -> Any:
    def make(*, normalise: bool = True, **fields: Any) -> Embedder:
        return Embedder(resolve_recipe(registry, flags={"model": tiny_model, **fields}), registry, normalise=normalise)

    return make


def matrix(embedded: Embedded) -> np.ndarray:
    return np.stack([row.vector_D for row in embedded.rows if row.vector_D is not None])


@torch.no_grad()
def naive(tiny_model: str, files: list[Path], texts: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """As the model gives them: one image and one text at a time."""
    model, preprocess = open_clip.create_model_from_pretrained(tiny_model)
    tokenizer = open_clip.get_tokenizer(tiny_model)
    images = [model.encode_image(preprocess(Image.open(file).convert("RGB"))[None])[0] for file in files]
    return torch.stack(images).numpy(), torch.stack([model.encode_text(tokenizer([t]))[0] for t in texts]).numpy()


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_images_and_texts_are_open_clips(embedder: Any, tiny_model: str, pictures: Path) -> None:
    files = [pictures / name for name in ("a.png", "b.jpg", "below/c.png")]
    image_ND, text_PD = naive(tiny_model, files, PHRASES)
    for normalise, wanted in [(True, unit), (False, lambda rows: rows)]:
        made = embedder(normalise=normalise, batch_size=2)
        np.testing.assert_allclose(matrix(made.images([str(pictures)])), wanted(image_ND), atol=2e-5)
        np.testing.assert_allclose(matrix(made.texts(PHRASES)), wanted(text_PD), atol=2e-5)
    assert np.abs(np.linalg.norm(image_ND, axis=1) - 1).min() > 0.01, "the raw ones are no unit vectors"


def test_provenance_says_what_was_done(embedder: Any, pictures: Path, tiny_model: str) -> None:
    made = embedder(normalise=False, batch_size=2)
    about = made.images([str(pictures)]).provenance
    assert (about.of, about.normalised, about.dim, about.model) == ("pictures", False, 32, tiny_model)
    assert about.revision.startswith("sha256:") and about.preprocessing["size"] and about.recipe["batch_size"] == 2
    about = made.texts(PHRASES).provenance
    assert (about.of, about.preprocessing, "batch_size" in about.recipe) == ("texts", None, False)


def test_bad_images_are_rows_in_their_place(embedder: Any, pictures: Path) -> None:
    (pictures / "bad.png").write_text("no")
    rows = list(embedder(batch_size=1).images([str(pictures), str(pictures / "gone.png")]).rows)
    names = [Path(row.about["file_name"]).name for row in rows]
    assert names == ["a.png", "b.jpg", "bad.png", "c.png", "gone.png"]
    assert [row.vector_D is None for row in rows] == [False, False, True, False, True]
    assert [bool(row.about["error"]) for row in rows] == [row.vector_D is None for row in rows]
    with pytest.raises(ImageError, match="no such file or folder"):
        embedder().images([str(pictures / "gone")])


def test_numbers_that_are_not_finite_are_an_error(
    embedder: Any, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = embedder()
    real = made.encoder.encode_images

    def broken(pixels: torch.Tensor) -> Any:
        features = real(pixels)
        features.embeddings_BD[1, 0] = torch.inf
        return features

    monkeypatch.setattr(made.encoder, "encode_images", broken)
    rows = list(made.images([str(pictures)]).rows)
    assert [row.vector_D is None for row in rows] == [False, True, False]
    assert "not finite" in rows[1].about["error"]
    monkeypatch.setattr(made.encoder, "encode_texts", lambda texts: torch.full((len(texts), 32), torch.nan))
    with pytest.raises(ModelError, match="the embedding of a text is not finite"):
        list(made.texts(PHRASES).rows)


def test_classes_are_embedded_by_their_texts(embedder: Any, birds_csv: Path) -> None:
    made = embedder(taxonomy=birds_csv, text=["common", "scientific"])
    embedded = made.classes()
    rows = list(embedded.rows)
    tit = [row.about for row in rows if row.about["name"] == "Cyanistes caeruleus"]
    assert [about["text"] for about in tit] == ["a photo of Eurasian blue tit.", "a photo of Cyanistes caeruleus."]
    assert [about["kind"] for about in tit] == ["common", "scientific"]
    assert tit[0]["lineage"].startswith("Animalia; Chordata; Aves") and tit[0]["rank"] == "species"
    assert len(rows) == 2 * 6
    again = matrix(made.texts([row.about["text"] for row in rows]))
    assert np.array_equal(np.stack([row.vector_D for row in rows]), again)
    assert "birds.csv" in embedded.provenance.taxonomy and embedded.provenance.recipe["text"] == [
        "common",
        "scientific",
    ]


def test_a_request_that_is_wrong_is_told_before_the_model_is_loaded(registry: Registry, tmp_path: Path) -> None:
    recipe = resolve_recipe(registry, flags={"model": "no-such-model", "taxonomy": tmp_path / "gone.csv"})
    with pytest.raises(TaxonomyError, match="does not exist"):
        Embedder(recipe, registry).classes()


def test_a_model_without_classes(embedder: Any) -> None:
    with pytest.raises(RecipeError, match="brings no list of classes"):
        embedder().classes()


def test_texts_that_are_cut_are_counted(embedder: Any) -> None:
    [note] = embedder().texts(["short", "word " * 100]).provenance.notes
    assert note == "1 of 2 texts are longer than the model's 77 tokens and were cut"


def test_an_encoder_that_knows_unit_vectors_only(embedder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpenClip, "capabilities", EncoderCapabilities())
    monkeypatch.setattr(
        OpenClip, "load", lambda *args, **kwargs: pytest.fail("loaded")
    )  # told before the model is loaded
    made = embedder(normalise=False)
    with pytest.raises(ModelError, match="computes normalised embeddings only; leave out --no-normalise"):
        made.texts(PHRASES)


def test_images_from_memory(embedder: Any) -> None:
    rows = list(embedder().images([picture(0), np.zeros((4, 4, 3), np.uint8)]).rows)
    assert [row.about["file_name"] for row in rows] == ["image 0", "image 1"]
