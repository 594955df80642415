"""Classification from precomputed class scores: no model is loaded, images are not decoded and need not exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL.Image import Image

from bioclip_x.errors import ComponentError, ImageError, RecipeError
from bioclip_x.faults import log_row, naming
from bioclip_x.hooks.capabilities import LoadedEncoderCapabilities
from bioclip_x.hooks.components import PrecomputedScorer
from bioclip_x.hooks.returned import check_texts
from bioclip_x.images.decoding import make_thumbnail
from bioclip_x.images.files import ImageFiles
from bioclip_x.records import Decoded, ImageFeatures, ModelCard, Source, TextBank


class NoEncoder:
    """Replaces the loaded model and computes no embeddings. Its card names the classifier that computed the scores."""

    capabilities = LoadedEncoderCapabilities(no_patches="its scores are precomputed, without a model of the images")

    def __init__(self, scorer: PrecomputedScorer) -> None:
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
        """Returns embeddings of dimension 0: float32 [B, 0]."""
        return ImageFeatures(torch.empty(len(pixels_B3HW), 0), ("",) * len(pixels_B3HW))

    def encode_texts(self, texts: Sequence[str], *, normalise: bool = True) -> torch.Tensor:
        return torch.empty(len(texts), 0)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [0] * len(texts)


def make_empty_bank(n_classes: int, pooling: str, *, key: str = "", dim: int = 0) -> TextBank:
    """Makes a bank without prompts. key: of the scorer that needs none, for calibrations. dim: D."""
    return TextBank(
        prompts=(),
        embeddings_PD=torch.empty(0, dim),
        owner_P=np.empty(0, np.int64),
        weight_P=np.empty(0, np.float32),
        n_classes=n_classes,
        pooling=pooling,
        key=key,
    )


def list_scored_images(scorer: PrecomputedScorer | None, name: str) -> list[Source]:
    """Lists the images that have scores. Raises RecipeError if there is no precomputed scorer.

    name: the recipe's scorer, for the error.
    """
    if scorer is None:
        raise RecipeError(f"expected images: the scorer {name!r} has no precomputed scores")
    with naming(scorer, "image_names"):
        names = scorer.image_names()
    return [Source(image, Path(image)) for image in check_texts(scorer, "image_names", names, "names")]


def skip_decoding(
    sources: Iterable[Source], scorer: PrecomputedScorer, files: ImageFiles, *, batch_size: int, with_thumbnail: bool
) -> Iterator[list[Decoded]]:
    """Yields the images in order, decoded only for thumbnails; those without scores have an error."""
    remaining = iter(sources)
    while batch := list(islice(remaining, batch_size)):
        yield [_skip_decoding(source, scorer, files if with_thumbnail else None) for source in batch]


def _skip_decoding(source: Source, scorer: PrecomputedScorer, files: ImageFiles | None) -> Decoded:
    try:
        with naming(scorer, "problem", source.name):
            problem = source.error or scorer.problem(source.name)
    except ComponentError as failure:
        log_row(failure)
        problem = str(failure)
    if problem:
        return Decoded(source, error=problem)
    try:
        opened = files.read(source) if files else None
    except ImageError:  # it is classified nevertheless
        opened = None
    if opened is None:
        return Decoded(source, torch.empty(0))
    small, (width, height) = make_thumbnail(opened.image), opened.size
    return Decoded(source, torch.empty(0), width=width, height=height, thumbnail=small, notes=opened.notes)
