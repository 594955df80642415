"""Goes on with smaller batches where the memory of a device is too small.

Legend: B images.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import torch
from PIL.Image import Image

from bioclip_x.errors import ModelError
from bioclip_x.hooks.capabilities import LoadedEncoderCapabilities, get_capabilities
from bioclip_x.hooks.components import LoadedEncoder, PatchEncoder
from bioclip_x.hooks.returned import check_counts, check_features, check_tensor, check_type
from bioclip_x.messages import pluralise
from bioclip_x.records import ImageFeatures, PatchFeatures
from bioclip_x.shortages import Memory, find_memory_shortage

Part = TypeVar("Part")

_logger = logging.getLogger(__name__)


class FittingEncoder:
    """A loaded model that, where its device runs out of memory, embeds in smaller batches, and says so once.

    loaded: the model itself. Methods raise ModelError where even a batch of one does not fit, and where the main memory is
    exhausted.
    """

    def __init__(self, loaded: LoadedEncoder) -> None:
        self.loaded, self.card = loaded, loaded.card
        self._most: dict[str, int] = {}

    @property
    def capabilities(self) -> LoadedEncoderCapabilities:
        return get_capabilities(self.loaded, LoadedEncoderCapabilities)

    def preprocess(self, image: Image) -> torch.Tensor:
        return check_tensor(self, "preprocess", self.loaded.preprocess(image), (3, None, None), finite=False)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return check_counts(self, self.loaded.count_tokens(texts), len(texts))

    def encode_images(self, pixels_B3HW: torch.Tensor, **options: Any) -> ImageFeatures:
        parts = self._encode(pixels_B3HW, "image", lambda part: self._embed_images(part, options))
        if len(parts) == 1:
            return parts[0]
        return ImageFeatures(
            torch.cat([part.embeddings_BD for part in parts]),
            tuple(reason for part in parts for reason in part.refused_B),
            tuple(name for part in parts for name in part.names),
        )

    def encode_patches(self, pixels_B3HW: torch.Tensor) -> PatchFeatures:
        encoder = cast(PatchEncoder, self.loaded)
        parts = self._encode(pixels_B3HW, "heat map", encoder.encode_patches)
        for part in parts:
            check_type(self, "encode_patches", part, PatchFeatures)
        joined = torch.cat([part.parts_BhwD for part in parts])
        return PatchFeatures(joined, parts[0].method, parts[0].is_exact)

    def encode_texts(self, texts: Sequence[str], **options: Any) -> torch.Tensor:
        return torch.cat(self._encode(texts, "text", lambda part: self._embed_texts(part, options)))

    def _embed_images(self, pixels_B3HW: torch.Tensor, options: Mapping[str, Any]) -> ImageFeatures:
        features = self.loaded.encode_images(pixels_B3HW, **options)
        return check_features(self, features, len(pixels_B3HW), self.card.dim or None)  # 0 for an image classifier

    def _embed_texts(self, texts: Sequence[str], options: Mapping[str, Any]) -> torch.Tensor:
        embeddings_PD = self.loaded.encode_texts(texts, **options)
        return check_tensor(self, "encode_texts", embeddings_PD, (len(texts), self.card.dim), finite=False)

    def _encode(self, inputs: Any, noun: str, encode: Callable[[Any], Part]) -> list[Part]:
        """Encodes all inputs, as many at a time as fit."""
        parts: list[Part] = []
        start = 0
        while start < len(inputs) or not parts:
            size = min(self._most.get(noun, len(inputs)), len(inputs) - start)
            part, shortage = _try(encode, inputs[start : start + size])
            if part is None:
                self._shrink(noun, size, shortage)
            else:
                parts.append(part)
                start += size
        return parts

    def _shrink(self, noun: str, size: int, shortage: Memory) -> None:
        """Halves the batches. Raises ModelError where that is no help."""
        name, tried = self.card.name, f"{pluralise(size, noun)} at once"
        if shortage == "cpu":
            advice = (
                "close other programs, or use a smaller model (--batch-size sets the number of images only)"
                if noun == "text"
                else "give a smaller --batch-size"
            )
            raise ModelError(f"{name}: the machine's memory is too small for {tried}; {advice}")
        if size <= 1:
            raise ModelError(
                f"{name}: the device's memory is too small for one {noun}; use --device cpu, --precision fp16 or a smaller model"
            )
        _free_device_memory()
        if not self._most:
            _logger.warning(
                "%s: the device's memory is too small for %s; the batches are halved until they fit (--batch-size)",
                name,
                tried,
            )
        self._most[noun] = size // 2


def _try(encode: Callable[[Any], Part], inputs: Any) -> tuple[Part | None, Memory]:
    """Encodes, or returns which memory is too small. The exception, which keeps tensors alive, is dropped."""
    try:
        return encode(inputs), ""
    except (RuntimeError, MemoryError) as problem:
        if shortage := find_memory_shortage(problem):
            return None, shortage
        raise


def _free_device_memory() -> None:
    """Returns what the allocator keeps for itself, which may be in pieces that are too small."""
    torch.cuda.empty_cache()  # does nothing where CUDA is not in use
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
