"""Checks of encoders. They need the name of a model to load, as the example `model`. See also `trainable_encoders`.

Legend: B images, h and w patches, D embedding.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's convention
from PIL import Image

from bioclip_x.errors import ModelError
from bioclip_x.hooks.capabilities import EncoderCapabilities, LoadedEncoderCapabilities, get_capabilities
from bioclip_x.records import ImageFeatures, KnownModel, ModelCard, OwnClasses, OwnRecipe, PatchFeatures
from bioclip_x.testing.checks import NotApplicable, Subject

TEXTS = ("a bird", "a photo of Parus major.", "")


def load(subject: Subject, preprocess: str = "model") -> Any:
    return subject.make().load(
        subject.need("model"), name="mine", device="cpu", precision="fp32", preprocess=preprocess
    )


def prepare(loaded: Any) -> torch.Tensor:
    """Returns the pixels of a batch of images."""
    return torch.stack([loaded.preprocess(image) for image in make_images()])


def make_images() -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (40, size, 3), dtype=np.uint8)) for size in (30, 40, 90)]


def check_the_card_describes_the_model(subject: Subject) -> None:
    """The card has the requested name, a revision, and the dimension of the embeddings."""
    loaded = load(subject)
    card = loaded.card
    assert isinstance(card, ModelCard), f"expected a ModelCard, got {type(card).__name__}"
    assert card.name == "mine" and card.revision, (
        f"expected the name 'mine' and a revision, got {card.name!r}, {card.revision!r}"
    )
    width = loaded.encode_texts(TEXTS).shape[1]
    assert card.dim == width, f"expected the card's dim to be that of the embeddings, {width}, got {card.dim}"


def check_embeddings_are_unit_rows(subject: Subject) -> None:
    """Embeddings of images and texts are float32 on the CPU, with rows of unit length."""
    loaded = load(subject)
    pixels = prepare(loaded)
    features = loaded.encode_images(pixels)
    assert isinstance(features, ImageFeatures), f"expected ImageFeatures, got {type(features).__name__}"
    assert len(features.refused_B) == 3, f"expected an entry of refused_B for each image, got {features.refused_B!r}"
    for what, x in (("images", features.embeddings_BD), ("texts", loaded.encode_texts(TEXTS))):
        assert x.dtype == torch.float32 and x.device.type == "cpu", (
            f"expected float32 on the CPU of {what}, got {x.dtype} on {x.device}"
        )
        assert not x.requires_grad, f"expected embeddings of {what} without gradients, got some that keep the graph"
        length = x.norm(dim=1)
        assert (length - 1).abs().max() < 1e-4, (
            f"expected unit rows of {what}, got lengths {[round(one, 3) for one in length.tolist()]}"
        )


def check_raw_embeddings_are_of_the_same_direction(subject: Subject) -> None:
    """An encoder that declares raw_embeddings gives, with normalise=False, the same embeddings but for their lengths."""
    if not get_capabilities(subject.make(), EncoderCapabilities).raw_embeddings:
        raise NotApplicable("it does not declare raw_embeddings")
    loaded = load(subject)
    pixels = prepare(loaded)
    pairs = {
        "images": [loaded.encode_images(pixels, normalise=on).embeddings_BD for on in (False, True)],
        "texts": [loaded.encode_texts(TEXTS, normalise=on) for on in (False, True)],
    }
    for what, (raw, unit) in pairs.items():
        assert torch.allclose(F.normalize(raw, dim=1), unit, atol=1e-4), (
            f"expected raw embeddings of {what} to have the direction of the normalised ones, got another"
        )
    lengths = pairs["images"][0].norm(dim=1)
    assert (lengths - 1).abs().max() > 1e-4, "expected raw embeddings of their own lengths, got unit rows"


def check_patches_sum_to_the_image(subject: Subject) -> None:
    """A model with encode_patches gives parts [B, h, w, D] that sum to the image's unit embedding, where it says is_exact."""
    loaded = load(subject)
    if reason := get_capabilities(loaded, LoadedEncoderCapabilities).no_patches:
        raise NotApplicable(reason)
    pixels = prepare(loaded)
    patches = loaded.encode_patches(pixels)
    assert isinstance(patches, PatchFeatures), f"expected PatchFeatures, got {type(patches).__name__}"
    parts = patches.parts_BhwD
    assert parts.ndim == 4 and (len(parts), parts.shape[3]) == (len(pixels), loaded.card.dim), (
        f"expected parts [{len(pixels)}, h, w, {loaded.card.dim}], got {tuple(parts.shape)}"
    )
    assert patches.method.strip(), "expected the method by which they are computed, got none"
    if patches.is_exact:
        off = float((parts.sum((1, 2)) - loaded.encode_images(pixels).embeddings_BD).abs().max())
        assert off < 1e-3, f"expected the parts to sum to the embedding (is_exact), got a difference of {off:.2g}"


def check_images_do_not_affect_each_other(subject: Subject) -> None:
    """An image, and a text, has the same embedding alone and in a batch."""
    loaded = load(subject)
    pixels = prepare(loaded)
    together, texts = loaded.encode_images(pixels).embeddings_BD, loaded.encode_texts(TEXTS)
    for row in range(3):
        alone = loaded.encode_images(pixels[row : row + 1]).embeddings_BD
        assert torch.allclose(alone, together[row : row + 1], atol=1e-4), (
            "expected the same embedding of an image alone and in a batch, got another"
        )
        alone = loaded.encode_texts(TEXTS[row : row + 1])
        assert torch.allclose(alone, texts[row : row + 1], atol=1e-4), (
            "expected the same embedding of a text alone and in a batch, got another"
        )


def check_it_is_deterministic(subject: Subject) -> None:
    """The same image has the same embedding twice; dropout is off."""
    loaded = load(subject)
    pixels = prepare(loaded)
    first, second = (loaded.encode_images(pixels).embeddings_BD for _ in range(2))
    assert torch.equal(first, second), "expected equal embeddings twice, got others; is it in evaluation mode?"


def check_images_are_prepared_in_threads(subject: Subject) -> None:
    """`preprocess` gives the same from several threads as from one: float32 [3, H, W], of one size for all images."""
    loaded, images = load(subject), make_images() * 8
    alone = [loaded.preprocess(image) for image in images]
    shapes = sorted({tuple(x.shape) for x in alone})
    assert len(shapes) == 1 and len(shapes[0]) == 3 and shapes[0][0] == 3, (
        f"expected [3, H, W] of one size, got {shapes}"
    )
    assert alone[0].dtype == torch.float32, f"expected float32, got {alone[0].dtype}"
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(loaded.preprocess, images))
    is_same = all(torch.equal(a, b) for a, b in zip(alone, together))
    assert is_same, "expected the same pixels from several threads as from one, got others"


def check_every_declared_preprocessing_works(subject: Subject) -> None:
    """It loads with every value of `preprocess` that it declares, `model` among them."""
    declared = get_capabilities(subject.make(), EncoderCapabilities).preprocess
    assert "model" in declared, f"expected 'model' among the values of preprocess, got {declared}"
    for preprocess in declared:
        pixels = load(subject, preprocess).preprocess(make_images()[0])
        assert pixels.ndim == 3, f"expected [3, H, W] with preprocess={preprocess!r}, got {tuple(pixels.shape)}"


def check_unknown_models_are_told(subject: Subject) -> None:
    """A model that does not exist is a ModelError that names it."""
    subject.need("model")
    unknown = "there-is-no-such-model"
    try:
        subject.make().load(unknown, name=unknown, device="cpu", precision="fp32", preprocess="model")
    except ModelError as problem:
        assert unknown in str(problem), f"expected an error that names {unknown}, got {problem}"
        return
    except Exception as problem:
        raise AssertionError(f"expected a ModelError for an unknown model, got {problem!r}") from problem
    raise AssertionError("expected a ModelError for an unknown model, got a model")


def check_known_models_have_names(subject: Subject) -> None:
    """An encoder that declares lists_models lists KnownModels of different names."""
    encoder = subject.make()
    if not get_capabilities(encoder, EncoderCapabilities).lists_models:
        raise NotApplicable("it does not declare lists_models")
    models = encoder.known_models()
    assert all(isinstance(one, KnownModel) for one in models), f"expected KnownModels, got {models!r:.100}"
    names = [one.name for one in models]
    assert names and len(set(names)) == len(names), f"expected models of different names, got {sorted(names)}"


def check_what_models_bring_is_told(subject: Subject) -> None:
    """What it says that the model brings, classes or fields of a recipe, is a record, or None."""
    encoder, model = subject.make(), subject.need("model")
    declared = get_capabilities(encoder, EncoderCapabilities)
    if not declared.brings_classes and not declared.brings_recipe:
        raise NotApplicable("it declares neither brings_classes nor brings_recipe")
    if declared.brings_classes:
        own = encoder.own_classes(model, name="mine", embeddings=False)
        assert own is None or isinstance(own, OwnClasses), f"expected OwnClasses or None, got {type(own).__name__}"
    if declared.brings_recipe:
        recipe = encoder.own_recipe(model, name="mine")
        assert recipe is None or isinstance(recipe, OwnRecipe), (
            f"expected OwnRecipe or None, got {type(recipe).__name__}"
        )


def check_tokens_are_counted(subject: Subject) -> None:
    """A longer text has more tokens, and one beyond the context is embedded nevertheless."""
    loaded = load(subject)
    short, long = loaded.count_tokens(["bird", "bird " * 500])
    assert 0 < short < long, f"expected more tokens of a longer text, got {short} and {long}"
    embedded = loaded.encode_texts(["bird " * 500])
    assert embedded.isfinite().all(), (
        "expected texts beyond the context to be truncated, got embeddings that are not finite"
    )


def check_no_texts_give_no_rows(subject: Subject) -> None:
    """No texts have an embedding of no rows."""
    loaded = load(subject)
    shape = tuple(loaded.encode_texts([]).shape)
    assert shape == (0, loaded.card.dim), f"expected {(0, loaded.card.dim)} for no texts, got {shape}"
