"""Embeds masked images by the patches within their masks.

Legend: B images, D embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from bioclip_x.faults import naming
from bioclip_x.hooks.components import PatchEncoder
from bioclip_x.records import Decoded, PatchFeatures
from bioclip_x.regions.crops import compute_seen_box
from bioclip_x.regions.masks import compute_patch_weights, pool_patches, sum_patches

IMAGES_AT_A_TIME: Final = 8
"""Images whose patches are in memory at once, with all hidden states: up to 60 MB each for the largest models."""


def pool_masks(
    encoder: PatchEncoder, batch: Sequence[Decoded], embeddings_BD: torch.Tensor, pixels_B3HW: torch.Tensor
) -> torch.Tensor:
    """Returns embeddings, float32 [B, D], in which those of masked images are of the patches within the mask, normalised.

    embeddings_BD: of the whole images. pixels_B3HW: float32, as the model takes them.
    """
    pooled_BD = embeddings_BD.clone()
    masked = [row for row, one in enumerate(batch) if one.mask_HW is not None]
    for start in range(0, len(masked), IMAGES_AT_A_TIME):
        rows = masked[start : start + IMAGES_AT_A_TIME]
        with naming(encoder, "encode_patches"):
            patches = encoder.encode_patches(pixels_B3HW[rows])
        pooled_BD[rows] = sum_patches(keep_masked_patches(encoder, [batch[row] for row in rows], patches))
    return pooled_BD


def keep_masked_patches(encoder: PatchEncoder, batch: Sequence[Decoded], patches: PatchFeatures) -> PatchFeatures:
    """Returns the patches of images with those outside their masks set to 0; see `pool_patches`."""
    h, w = patches.parts_BhwD.shape[1:3]
    weights_B = [_weigh(encoder, one, (h, w)) for one in batch]
    return pool_patches(patches, weights_B)


def _weigh(encoder: PatchEncoder, decoded: Decoded, grid: tuple[int, int]) -> npt.NDArray[np.float32] | None:
    if decoded.mask_HW is None:
        return None
    mask = Image.fromarray(decoded.mask_HW.astype(np.uint8) * 255)
    return compute_patch_weights(mask, compute_seen_box(encoder.card.preprocessing, *mask.size), grid)
