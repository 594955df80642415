"""Scores that come from elsewhere than a model's embeddings: pictures are not looked at, and need not be there.

A scorer of such scores has `needs_encoder = False`; see `components.OwnScores`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import torch
from PIL.Image import Image

from bioclip_x.components import OwnScores
from bioclip_x.errors import ImageError, RecipeError
from bioclip_x.images.decoding import open_image, thumbnail
from bioclip_x.records import Decoded, ImageFeatures, ModelCard, Source, TextBank


class NoEncoder:
    """Stands where a loaded model would: it gives pictures no embeddings. Its card names what made the scores."""

    no_patches: Final = "its scores come from elsewhere, and no model looks at pictures"

    def __init__(self, scorer: OwnScores) -> None:
        self.card = ModelCard(
            name=scorer.model,
            revision=scorer.revision,
            tokenizer="",
            precision="",
            dim=0,
            logit_scale=1.0,
            logit_bias=0.0,
            context_length=0,
        )

    def preprocess(self, image: Image) -> torch.Tensor:
        return torch.empty(0)

    def encode_images(self, pixels_B3HW: torch.Tensor, *, normalise: bool = True) -> ImageFeatures:
        """No numbers: float32 [B, 0]."""
        return ImageFeatures(torch.empty(len(pixels_B3HW), 0), ("",) * len(pixels_B3HW))

    def encode_texts(self, texts: Sequence[str], *, normalise: bool = True) -> torch.Tensor:
        return torch.empty(len(texts), 0)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [0] * len(texts)


def no_texts(n_classes: int, pooling: str) -> TextBank:
    """A bank without texts."""
    return TextBank(
        prompts=(),
        embeddings_PD=torch.empty(0, 0),
        owner_P=np.empty(0, np.int64),
        weight_P=np.empty(0, np.float32),
        n_classes=n_classes,
        pooling=pooling,
        key="",
    )


def all_pictures(scorer: OwnScores | None, name: str) -> list[Source]:
    """What there are scores for. name: of the scorer, for the RecipeError where it has none of its own."""
    if scorer is None:
        raise RecipeError(f"expected pictures: the scorer {name!r} has no scores of its own")
    return [Source(picture, Path(picture)) for picture in scorer.pictures()]


def undecoded(
    sources: Iterable[Source], scorer: OwnScores, *, batch_size: int, with_thumbnail: bool
) -> Iterator[list[Decoded]]:
    """The pictures in order, not decoded but for their thumbnails; one without scores has an error."""
    remaining = iter(sources)
    while batch := list(islice(remaining, batch_size)):
        yield [_undecoded(source, scorer, with_thumbnail) for source in batch]


def _undecoded(source: Source, scorer: OwnScores, with_thumbnail: bool) -> Decoded:
    if problem := source.error or scorer.problem(source.name):
        return Decoded(source, error=problem)
    image = _opened(source) if with_thumbnail else None
    if image is None:
        return Decoded(source, torch.empty(0))
    return Decoded(source, torch.empty(0), width=image.width, height=image.height, thumbnail=thumbnail(image))


def _opened(source: Source) -> Image | None:
    """A picture that cannot be shown is named all the same."""
    try:
        return open_image(source.path) if source.path else source.image
    except ImageError:
        return None
