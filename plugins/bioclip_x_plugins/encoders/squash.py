"""The image preprocessing of pybioclip's tree-of-life models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch
from PIL.Image import Image
from torchvision import transforms

SQUASHED: Final[Mapping[str, Any]] = {"resize_mode": "squash", "interpolation": "bilinear", "recipe": "pybioclip"}
"""Approximate description in terms of open_clip's preprocess_cfg, which cannot express that the tensor is resized."""


def make_squash(
    size: int | Sequence[int], mean: Sequence[float], std: Sequence[float]
) -> Callable[[Image], torch.Tensor]:
    """Makes the transform of an RGB image to float32 [3, H, W]: scaled to [0, 1], resized (bilinear, antialiased), normalised.

    Operations and order are those of pybioclip 2.1.6 (`preprocess_img`). It uses 224 x 224 and CLIP's mean and standard
    deviation, as do all BioCLIP models; here, size, mean and std are the model's.
    """
    shape = (size, size) if isinstance(size, int) else tuple(size)
    return transforms.Compose(  # type: ignore[no-any-return]
        [transforms.ToTensor(), transforms.Resize(shape, antialias=True), transforms.Normalize(tuple(mean), tuple(std))]
    )
