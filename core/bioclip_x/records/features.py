"""Image inputs: sources, decoded tensors, embeddings; and the card of the model that embeds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bioclip_x.records.region import Region

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch
    from PIL.Image import Image

Metadata = Mapping[str, str | float]
"""What is known of an image besides its pixels, by name; see `Source`."""


@dataclass(frozen=True, slots=True)
class Source:
    """One requested image: a path, a URL, the bytes of a file, or an image in memory. name: in outputs.

    error: why it cannot be read (an empty folder, an array that is not an image); such a source becomes a row with an
        error, so that no request is silently dropped.
    metadata: what is known of it: `date` (ISO 8601, local time), `latitude` and `longitude` (decimal degrees, WGS 84),
        `altitude` (metres), `camera_make`, `camera_model` and `camera_serial` from its EXIF data, which are added when it is
        read; the further columns of the table that it is from, and of a table of metadata (`countryCode`, `region`, …), which
        precede EXIF data of the same name; what a plugin that makes sources adds.
    event: name of the event that it belongs to, "" for none. last_of_event: whether no image of that event follows.
    seconds: of a frame, its time from the beginning of the video at `path`; None for a file that is an image itself.
    first_region: number of the first region that is wanted; those before it are known from an interrupted run.
    """

    name: str
    path: Path | None = None
    image: Image | None = None
    error: str = ""
    url: str = ""
    data: bytes | None = None
    metadata: Metadata = field(default_factory=dict, hash=False)
    event: str = ""
    last_of_event: bool = False
    seconds: float | None = None
    first_region: int = 0


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """An image that was read. notes: what a user must know of it: that it is one of several frames, that its range is a
    guess, that the file is truncated. metadata: what the file says of it, see `Source`. whole_size: width and height of the
    upright image, if it was decoded smaller.
    """

    image: Image
    notes: tuple[str, ...] = ()
    metadata: Metadata = field(default_factory=dict, hash=False)
    whole_size: tuple[int, int] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole image, upright."""
        return self.whole_size or self.image.size


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded source, or one region of it: float32 pixels [3, H, W], preprocessed for the model, or the error.

    source: with the metadata of the file, if it could be read. width, height: of the whole upright image, in pixels.
    refused: why there is nothing to classify ("no animal in the image"); then there are no pixels, and no error.
    notes: see `OpenedImage`. region: the part of the image that `pixels` show; None for the whole.
    region_number, n_regions: its number, from 0, among the image's regions, and how many these are; 0 of 1 for the whole.
    mask_HW: bool [H, W], which pixels of what was cut out show the organism, for models that pool the patches within a mask.
    """

    source: Source
    pixels: torch.Tensor | None = None
    error: str = ""
    width: int = 0
    height: int = 0
    thumbnail: bytes | None = None
    notes: tuple[str, ...] = ()
    refused: str = ""
    region: Region | None = None
    region_number: int = 0
    n_regions: int = 1
    mask_HW: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model's properties, some of which every output reports.

    name: as requested. revision: commit or content hash of the weights. tokenizer, precision: part of bank keys.
    dim: D. logit_scale: exp of the learned log scale (CLIP: up to 100). logit_bias: 0 except for SigLIP.
    context_length: maximum number of tokens in a prompt.
    demo: for a demonstration model that was not trained on photographs, a warning printed with every output; else "".
    descriptors: a file that comes with the model, used if the recipe names none.
    preprocessing: how an image is resized and normalised, as in open_clip's `preprocess_cfg`.
    files: identifies the files that the model was loaded from, where `revision` does not hash them, by their sizes and times.
        Part of the keys of cached embeddings only, since it differs between machines.
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
    files: str = ""


@dataclass(frozen=True, slots=True)
class ImageFeatures:
    """The embeddings of a batch of images.

    embeddings_BD: float32 [B, D], rows L2-normalised (unless `embed` requested them unnormalised).
    refused_B: per image, "" or why the model declines to classify it (out of its domain).
    names: of the images in outputs; for scorers that look up precomputed scores.
    """

    embeddings_BD: torch.Tensor
    refused_B: tuple[str, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PatchFeatures:
    """The contribution of each patch to the unit embeddings of a batch of images.

    parts_BhwD: float32 [B, h, w, D], on the CPU, patches left to right and top to bottom of the model input. The dot
        product of a part with a unit text embedding is that patch's part of the cosine.
    method: how they were computed, with a reference.
    is_exact: whether the parts of an image sum to its unit embedding; else a remainder belongs to no patch.
    """

    parts_BhwD: torch.Tensor
    method: str
    is_exact: bool
