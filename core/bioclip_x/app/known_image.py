"""An image whose embedding is known, in place of the model: what is decided again needs no pixels.

Legend: B images, D embedding, h·w patches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from PIL.Image import Image

from bioclip_x.hooks.capabilities import LoadedEncoderCapabilities, get_capabilities
from bioclip_x.hooks.components import LoadedEncoder
from bioclip_x.records import Decoded, ImageFeatures, PatchFeatures, Result, Source


@dataclass(frozen=True, slots=True, eq=False)
class KnownImage:
    """A classified image. embedding_D: float32 [D], L2-normalised. read_patches: computes its patches, of a batch of one."""

    result: Result
    embedding_D: torch.Tensor
    read_patches: Callable[[], PatchFeatures]

    def decode(self) -> Decoded:
        """Returns it as a decoded image; the pixels are a placeholder, which `KnownEncoder` does not read."""
        result = self.result
        decoded = Decoded(
            Source(result.source, metadata=result.metadata),
            torch.zeros(1),
            width=result.width,
            height=result.height,
            thumbnail=result.thumbnail,
        )
        region = {name: getattr(result, name) for name in ("region", "region_number", "n_regions")}
        return replace(decoded, **region)


class KnownEncoder:
    """The model of one image that it has embedded already."""

    def __init__(self, encoder: LoadedEncoder, image: KnownImage) -> None:
        self._encoder, self._image, self.card = encoder, image, encoder.card

    @property
    def capabilities(self) -> LoadedEncoderCapabilities:
        return get_capabilities(self._encoder, LoadedEncoderCapabilities)

    def preprocess(self, image: Image) -> torch.Tensor:
        return self._encoder.preprocess(image)

    def encode_images(self, pixels_B3HW: torch.Tensor, **options: Any) -> ImageFeatures:
        return ImageFeatures(self._image.embedding_D[None], ("",))

    def encode_patches(self, pixels_B3HW: torch.Tensor) -> PatchFeatures:
        return self._image.read_patches()

    def encode_texts(self, texts: Sequence[str], **options: Any) -> torch.Tensor:
        return self._encoder.encode_texts(texts, **options)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._encoder.count_tokens(texts)
