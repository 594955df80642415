"""Augments images: geometry per image in uint8, colour and normalisation per batch in floating point.

Legend: B images, V images and their views, H and W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    """How images are resized to the model's input. size: (H, W). resize_mode, interpolation: see `TrainableEncoder`."""

    size: tuple[int, int]
    resize_mode: str
    interpolation: str


def apply_geometry(image: Image.Image | Pixels, view: View, augment: Augment, rng: np.random.Generator) -> Pixels:
    """Crops, resizes and randomly mirrors one RGB image: uint8 [H, W, 3].

    The number of random numbers drawn does not depend on the image.
    """
    area, shape, left, top, mirror = rng.random(5)
    height, width = image.shape[:2] if isinstance(image, np.ndarray) else (image.height, image.width)
    if augment.crop_scale is None:
        box = _make_plain_box(width, height, view)
    else:
        box = draw_box(width, height, augment.crop_scale, augment.crop_ratio, (area, shape, left, top))
    pixels_HW3 = _resize(image, box, view)
    return pixels_HW3[:, ::-1] if mirror < augment.horizontal_flip else pixels_HW3


def draw_box(
    width: int, height: int, scale: tuple[float, float], ratio: tuple[float, float], drawn: tuple[float, ...]
) -> Box:
    """Draws the box of a random resized crop (Szegedy et al. 2015, arXiv 1409.4842).

    Its area is uniform in `scale`, its log aspect ratio in `ratio`. drawn: four random numbers in [0, 1).

    Returns (left, top, right, bottom), clipped to the image.
    """
    area = width * height * (scale[0] + drawn[0] * (scale[1] - scale[0]))
    aspect = math.exp(math.log(ratio[0]) + drawn[1] * (math.log(ratio[1]) - math.log(ratio[0])))
    w, h = min(math.sqrt(area * aspect), width), min(math.sqrt(area / aspect), height)
    left, top = drawn[2] * (width - w), drawn[3] * (height - h)
    return left, top, left + w, top + h


def _make_plain_box(width: int, height: int, view: View) -> Box:
    """Returns the box without augmentation: the whole image if it is squashed or padded, else a centre crop."""
    if view.resize_mode != "shortest":
        return 0.0, 0.0, float(width), float(height)
    aspect = view.size[1] / view.size[0]
    w, h = min(float(width), height * aspect), min(float(height), width / aspect)
    left, top = (width - w) / 2, (height - h) / 2
    return left, top, left + w, top + h


def _resize(image: Image.Image | Pixels, box: Box, view: View) -> Pixels:
    height, width = view.size
    if isinstance(image, np.ndarray):
        if image.shape[:2] == view.size and box == (0.0, 0.0, float(width), float(height)):
            return image
        image = Image.fromarray(np.ascontiguousarray(image))
    box = (box[0], box[1], min(box[2], image.width), min(box[3], image.height))  # guards against rounding errors
    resampling = _RESAMPLING.get(view.interpolation, Image.Resampling.BICUBIC)
    if view.resize_mode != "longest":
        return np.asarray(image.resize((width, height), resampling, box=box))
    factor = min(width / (box[2] - box[0]), height / (box[3] - box[1]))
    w, h = (max(1, round((box[i + 2] - box[i]) * factor)) for i in (0, 1))
    canvas = Image.new("RGB", (width, height))
    canvas.paste(image.resize((w, h), resampling, box=box), ((width - w) // 2, (height - h) // 2))
    return np.asarray(canvas)


def draw_colour_factors(augment: Augment, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draws factors of brightness, contrast and saturation, each uniform in 1 ± `colour_jitter`: float32 [3].

    With probability `greyscale`, the saturation is 0.
    """
    factors_3 = (1 + augment.colour_jitter * rng.uniform(-1, 1, 3)).astype(np.float32)
    if rng.random() < augment.greyscale:
        factors_3[2] = 0
    return factors_3


def changes_colour(augment: Augment) -> bool:
    """Whether `to_input` needs colour factors."""
    return augment.colour_jitter > 0 or augment.greyscale > 0


def find_least_side(view: View, augment: Augment) -> int:
    """Returns the shortest side, in pixels, at which an image's smallest crop still has the resolution of the model's input."""
    area, (narrowest, widest) = (augment.crop_scale or (1.0, 1.0))[0], augment.crop_ratio
    ratio = max(widest, 1 / narrowest) if augment.crop_scale else 1.0
    return math.ceil(max(view.size) * math.sqrt(ratio / area))


def to_input(
    pixels_BHW3: torch.Tensor,
    factors_B3: torch.Tensor | None,
    mean: tuple[float, ...],
    std: tuple[float, ...],
) -> torch.Tensor:
    """Converts uint8 [B, H, W, 3] to float32 [B, 3, H, W], colour-jittered by `factors_B3`, if given, and normalised."""
    x_B3HW = pixels_BHW3.permute(0, 3, 1, 2).contiguous().float().div_(255)
    if factors_B3 is not None:
        x_B3HW = _jitter(x_B3HW, factors_B3)
    shift = torch.tensor(mean, device=x_B3HW.device).view(1, 3, 1, 1)
    scale = torch.tensor(std, device=x_B3HW.device).view(1, 3, 1, 1)
    return x_B3HW.sub_(shift).div_(scale)


def join_factors(factors: Sequence[torch.Tensor | None], n_images: int) -> torch.Tensor | None:
    """Joins the colour factors of images and their views: float32 [V, 3]; 1 where colours do not change, None if nowhere."""
    known = [one for one in factors if one is not None]
    if not known:
        return None
    unchanged_B3 = known[0].new_ones(n_images, 3)
    return torch.cat([unchanged_B3 if one is None else one for one in factors])


def _jitter(x_B3HW: torch.Tensor, factors_B3: torch.Tensor) -> torch.Tensor:
    brightness, contrast, saturation = factors_B3.to(x_B3HW.device).view(-1, 3, 1, 1, 1).unbind(1)
    x_B3HW = x_B3HW.mul_(brightness)
    luma = torch.tensor(_LUMA, device=x_B3HW.device).view(1, 3, 1, 1)
    grey_B1HW = (x_B3HW * luma).sum(1, keepdim=True)
    middle_B111 = grey_B1HW.mean((2, 3), keepdim=True)
    # Saturation about each pixel's grey, then contrast about the image's mean grey, which saturation does not change.
    x_B3HW = x_B3HW.sub_(grey_B1HW).mul_(saturation).add_(grey_B1HW)
    return x_B3HW.sub_(middle_B111).mul_(contrast).add_(middle_B111).clamp_(0, 1)
