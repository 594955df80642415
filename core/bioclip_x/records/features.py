"""Images on their way in: sources, decoded tensors, embeddings; and the card of the model that made them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class Source:
    """One image asked for: a path, or an image in memory. `name` is what outputs call it.

    error: why nothing can be read there (an empty folder, an array that is no image); such a source is a row with an
        error, since what was asked for must not vanish.
    """

    name: str
    path: Path | None = None
    image: Image | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A source after decoding: float32 pixels [3, H, W] as the model wants them, or the reason why not."""

    source: Source
    pixels: torch.Tensor | None = None
    error: str = ""
    width: int = 0
    height: int = 0
    thumbnail: bytes | None = None


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is known of a model, and what outputs must say of it.

    name: as asked for. revision: the commit or content hash of the weights. tokenizer, precision: part of bank keys.
    dim: D. logit_scale: exp of the trained temperature (CLIP: up to 100). logit_bias: 0 but for SigLIP.
    context_length: tokens a prompt may have.
    demo: non-empty for a model that must never be mistaken for one that knows photographs; printed with every output.
    descriptors: a file that comes with the model, used where the recipe names none.
    preprocessing: how an image is resized and normalised, as open_clip's `preprocess_cfg` tells it.
    """

    name: str
    revision: str
    tokenizer: str
    precision: str
    dim: int
    logit_scale: float
    logit_bias: float
    context_length: int
    demo: str = ""
    descriptors: Path | None = None
    preprocessing: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageFeatures:
    """The embeddings of a batch of images.

    embeddings_BD: float32 [B, D], rows L2-normalised (unless `embed` asked for them as the model gives them).
    refused_B: per image, "" or why the model declines to name it (outside what it was made for).
    names: what outputs call the images; for scorers that look up precomputed scores.
    """

    embeddings_BD: torch.Tensor
    refused_B: tuple[str, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PatchFeatures:
    """What each patch of a batch of images contributes to their unit embeddings.

    parts_BhwD: float32 [B, h, w, D], on the CPU, patches left to right and top to bottom, as the model saw the image. The
        product of a part with a unit text embedding is that patch's part of the cosine.
    method: how they were made, and its source.
    is_exact: whether the parts of an image sum to its unit embedding; else some of it is no patch's.
    """

    parts_BhwD: torch.Tensor
    method: str
    is_exact: bool
