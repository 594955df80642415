"""Augmentation: geometry per image on uint8, colour and normalisation per batch on floating point.

Legend: B images, H and W pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

if TYPE_CHECKING:
    from bioclip_x.training.config import Augment

Box = tuple[float, float, float, float]
Pixels = npt.NDArray[np.uint8]
_RESAMPLING = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True)
class View:
    """How images become the model's input: its size (H, W), and its own way of resizing and resampling."""

    size: tuple[int, int]
    resize_mode: str
    interpolation: str


def apply_geometry(picture: Image.Image | Pixels, view: View, augment: Augment, rng: np.random.Generator) -> Pixels:
    """Crops, resizes and perhaps mirrors one RGB image: uint8 [H, W, 3].

    The same number of random numbers is drawn whatever the image's size.
    """
    area, shape, left, top, mirror = rng.random(5)
    height, width = picture.shape[:2] if isinstance(picture, np.ndarray) else (picture.height, picture.width)
    if augment.crop_scale is None:
        box = _plain_box(width, height, view)
    else:
        box = draw_box(width, height, augment.crop_scale, augment.crop_ratio, (area, shape, left, top))
    pixels_HW3 = _resized(picture, box, view)
    return pixels_HW3[:, ::-1] if mirror < augment.horizontal_flip else pixels_HW3


def draw_box(
    width: int, height: int, scale: tuple[float, float], ratio: tuple[float, float], drawn: tuple[float, ...]
) -> Box:
    """A random resized crop (Szegedy et al. 2015, arXiv 1409.4842): area uniform in `scale`, log aspect in `ratio`.

    drawn: four numbers in [0, 1). Returns (left, top, right, bottom); a box too wide or high is cut to the image.
    """
    area = width * height * (scale[0] + drawn[0] * (scale[1] - scale[0]))
    aspect = math.exp(math.log(ratio[0]) + drawn[1] * (math.log(ratio[1]) - math.log(ratio[0])))
    w, h = min(math.sqrt(area * aspect), width), min(math.sqrt(area / aspect), height)
    left, top = drawn[2] * (width - w), drawn[3] * (height - h)
    return left, top, left + w, top + h


def _plain_box(width: int, height: int, view: View) -> Box:
    """What the model sees without augmentation: everything where it squashes or pads, else the middle of its shape."""
    if view.resize_mode != "shortest":
        return 0.0, 0.0, float(width), float(height)
    aspect = view.size[1] / view.size[0]
    w, h = min(float(width), height * aspect), min(float(height), width / aspect)
    left, top = (width - w) / 2, (height - h) / 2
    return left, top, left + w, top + h


def _resized(picture: Image.Image | Pixels, box: Box, view: View) -> Pixels:
    height, width = view.size
    if isinstance(picture, np.ndarray):
        if picture.shape[:2] == view.size and box == (0.0, 0.0, float(width), float(height)):
            return picture
        picture = Image.fromarray(np.ascontiguousarray(picture))
    box = (box[0], box[1], min(box[2], picture.width), min(box[3], picture.height))  # rounding must not overstep
    resampling = _RESAMPLING.get(view.interpolation, Image.Resampling.BICUBIC)
    if view.resize_mode != "longest":
        return np.asarray(picture.resize((width, height), resampling, box=box))
    shrink = min(width / (box[2] - box[0]), height / (box[3] - box[1]))
    w, h = (max(1, round((box[i + 2] - box[i]) * shrink)) for i in (0, 1))
    canvas = Image.new("RGB", (width, height))
    canvas.paste(picture.resize((w, h), resampling, box=box), ((width - w) // 2, (height - h) // 2))
    return np.asarray(canvas)


def draw_colour_factors(strength: float, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """float32 [3]: factors of brightness, contrast and saturation, each uniform in 1 ± strength."""
    return (1 + strength * rng.uniform(-1, 1, 3)).astype(np.float32)


def to_input(
    pixels_BHW3: torch.Tensor,
    factors_B3: torch.Tensor | None,
    mean: tuple[float, ...],
    std: tuple[float, ...],
) -> torch.Tensor:
    """uint8 [B, H, W, 3] → float32 [B, 3, H, W], colours jittered by `factors_B3` (None: not at all) and normalised."""
    x_B3HW = pixels_BHW3.permute(0, 3, 1, 2).contiguous().float().div_(255)
    if factors_B3 is not None:
        x_B3HW = _jitter(x_B3HW, factors_B3)
    shift = torch.tensor(mean, device=x_B3HW.device).view(1, 3, 1, 1)
    scale = torch.tensor(std, device=x_B3HW.device).view(1, 3, 1, 1)
    return x_B3HW.sub_(shift).div_(scale)


def _jitter(x_B3HW: torch.Tensor, factors_B3: torch.Tensor) -> torch.Tensor:
    brightness, contrast, saturation = factors_B3.to(x_B3HW.device).view(-1, 3, 1, 1, 1).unbind(1)
    x_B3HW = x_B3HW.mul_(brightness)
    luma = torch.tensor(_LUMA, device=x_B3HW.device).view(1, 3, 1, 1)
    grey_B1HW = (x_B3HW * luma).sum(1, keepdim=True)
    middle_B111 = grey_B1HW.mean((2, 3), keepdim=True)
    # Saturation about each pixel's grey, then contrast about the image's mean grey; both are linear, so done at once.
    x_B3HW = x_B3HW.sub_(grey_B1HW).mul_(saturation).add_(grey_B1HW)
    return x_B3HW.sub_(middle_B111).mul_(contrast).add_(middle_B111).clamp_(0, 1)
