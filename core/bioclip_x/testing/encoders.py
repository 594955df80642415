"""Checks of encoders. They need the name of a model to load, as the example `model`. Legend: B images, D embedding."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from PIL import Image

from bioclip_x.records import ImageFeatures, ModelCard
from bioclip_x.testing.checks import Subject

TEXTS = ("a bird", "a photo of Parus major.", "")


def load(subject: Subject) -> Any:
    return subject.make().load(subject.need("model"), name="mine", device="cpu", precision="fp32", preprocess="model")


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
    pixels = torch.stack([loaded.preprocess(image) for image in make_images()])
    features = loaded.encode_images(pixels)
    assert isinstance(features, ImageFeatures), f"expected ImageFeatures, got {type(features).__name__}"
    assert len(features.refused_B) == 3, f"expected an entry of refused_B for each image, got {features.refused_B!r}"
    for what, x in (("images", features.embeddings_BD), ("texts", loaded.encode_texts(TEXTS))):
        assert x.dtype == torch.float32 and x.device.type == "cpu", (
            f"expected float32 on the CPU of {what}, got {x.dtype}"
        )
        length = x.norm(dim=1)
        assert (length - 1).abs().max() < 1e-4, f"expected unit rows of {what}, got lengths {length.tolist()}"


def check_images_do_not_affect_each_other(subject: Subject) -> None:
    """An image, and a text, has the same embedding alone and in a batch."""
    loaded = load(subject)
    pixels = torch.stack([loaded.preprocess(image) for image in make_images()])
    together, texts = loaded.encode_images(pixels).embeddings_BD, loaded.encode_texts(TEXTS)
    for row in range(3):
        alone = loaded.encode_images(pixels[row : row + 1]).embeddings_BD
        assert torch.allclose(alone, together[row : row + 1], atol=1e-4), (
            "expected the same embedding alone and in a batch"
        )
        alone = loaded.encode_texts(TEXTS[row : row + 1])
        assert torch.allclose(alone, texts[row : row + 1], atol=1e-4), (
            "expected the same embedding alone and in a batch"
        )


def check_it_is_deterministic(subject: Subject) -> None:
    """The same image has the same embedding twice; dropout is off."""
    loaded = load(subject)
    pixels = torch.stack([loaded.preprocess(image) for image in make_images()])
    first, second = (loaded.encode_images(pixels).embeddings_BD for _ in range(2))
    assert torch.equal(first, second), "expected equal embeddings twice; is the module in evaluation mode?"


def check_images_are_prepared_in_threads(subject: Subject) -> None:
    """`preprocess` gives the same from several threads as from one: float32 [3, H, W], of one size for all images."""
    loaded, images = load(subject), make_images() * 8
    alone = [loaded.preprocess(image) for image in images]
    assert len({tuple(x.shape) for x in alone}) == 1 and alone[0].ndim == 3, "expected [3, H, W] of one size"
    assert alone[0].dtype == torch.float32, f"expected float32, got {alone[0].dtype}"
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(loaded.preprocess, images))
    assert all(torch.equal(a, b) for a, b in zip(alone, together)), "expected the same pixels from several threads"


def check_tokens_are_counted(subject: Subject) -> None:
    """A longer text has more tokens, and one beyond the context is embedded nevertheless."""
    loaded = load(subject)
    short, long = loaded.count_tokens(["bird", "bird " * 500])
    assert 0 < short < long, f"expected more tokens of a longer text, got {short} and {long}"
    assert loaded.encode_texts(["bird " * 500]).isfinite().all(), "expected texts beyond the context to be truncated"


def check_no_texts_give_no_rows(subject: Subject) -> None:
    """No texts have an embedding of no rows."""
    loaded = load(subject)
    assert tuple(loaded.encode_texts([]).shape) == (0, loaded.card.dim), "expected shape [0, dim] for no texts"
