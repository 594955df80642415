"""The images that pybioclip feeds its tree-of-life models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch
from PIL.Image import Image
from torchvision import transforms

SQUASHED: Final[Mapping[str, Any]] = {"resize_mode": "squash", "interpolation": "bilinear", "recipe": "pybioclip"}
"""In the terms of open_clip's preprocess_cfg, as far as these go: it is the tensor that is resized, not the image."""


def make_squash(
    size: int | Sequence[int], mean: Sequence[float], std: Sequence[float]
) -> Callable[[Image], torch.Tensor]:
    """RGB image → float32 [3, H, W]: to [0, 1], both sides resized (bilinear, with antialiasing), then normalised.

    The order and the operations of pybioclip 2.1.6 (`preprocess_img`), which has 224 x 224 and CLIP's mean and deviation,
    as all BioCLIP models have; size, mean and std are the model's own.
    """
    shape = (size, size) if isinstance(size, int) else tuple(size)
    return transforms.Compose(  # type: ignore[no-any-return]
        [transforms.ToTensor(), transforms.Resize(shape, antialias=True), transforms.Normalize(tuple(mean), tuple(std))]
    )
