"""Masks: run-length encodings to pixels, and what they do to an image or to the patches of a model.

Legend: H·W pixels, h·w patches, B images, D embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from bioclip_x.errors import BioclipXError, ImageError
from bioclip_x.limits import MASK_OUTLINE, MASK_PIXELS, MASK_POLYGONS
from bioclip_x.records import Box, Mask

if TYPE_CHECKING:
    import torch

    from bioclip_x.records import PatchFeatures

Background = Literal["keep", "grey", "blur", "pool"]
"""What becomes of the pixels outside a mask: kept, grey, blurred, or kept but left out when patches are pooled."""
GREY: Final = (128, 128, 128)
BLUR: Final = 0.05
"""Radius of the blur as a fraction of the image's longer side."""


def decode_mask(mask: Mask) -> npt.NDArray[np.bool_]:
    """Decodes a mask: bool [height, width]. Raises ImageError for run lengths that do not fit its size."""
    _refuse_large(mask.width, mask.height)
    if not adds_up(mask.counts, mask.width * mask.height):
        raise ImageError(f"a mask whose run lengths do not add up to {mask.width} x {mask.height} pixels")
    try:
        pixels = _load_coco().decode({"size": [mask.height, mask.width], "counts": mask.counts.encode("ascii")})
    except (ValueError, TypeError, UnicodeEncodeError) as problem:
        raise ImageError(f"a mask cannot be decoded: {problem}") from None
    decoded: npt.NDArray[np.bool_] = np.asarray(pixels, dtype=bool)
    return decoded


def adds_up(counts: str, n_pixels: int) -> bool:
    """Whether COCO's compressed run lengths are of so many pixels in all; the library takes any text for run lengths.

    Each is a number in groups of five bits, the lowest first, as the character 48 + group, or 48 + 32 + group if more follow;
    from the third on, it is the difference to the length before the last.
    """
    lengths = [0, 0]
    number = shift = 0
    for code in counts.encode("ascii", "replace"):
        group = code - 48
        if not 0 <= group < 64 or shift > 60:
            return False
        number |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            number -= 1 << shift
        lengths.append(number + (lengths[-2] if len(lengths) > 4 else 0))
        if lengths[-1] < 0:
            return False
        number = shift = 0
    return shift == 0 and sum(lengths) == n_pixels


def encode_mask(pixels_HW: npt.NDArray[np.bool_]) -> Mask:
    """Encodes bool [H, W] as COCO's run lengths."""
    encoded = _load_coco().encode(np.asfortranarray(pixels_HW, dtype=np.uint8))
    counts = encoded["counts"]
    height, width = pixels_HW.shape
    return Mask(width, height, counts.decode("ascii") if isinstance(counts, bytes) else counts)


def encode_polygons(polygons: Sequence[Sequence[float]], width: int, height: int) -> Mask:
    """Encodes COCO's polygons, each x, y, x, y, … in pixels, as one mask.

    Raises ImageError for fewer than three corners, and for one far from the image: the library takes any, and crashes.
    """
    _refuse_large(width, height)
    if not polygons or any(len(one) < 6 or len(one) % 2 for one in polygons):
        raise ImageError("a segmentation whose polygons have fewer than three corners")
    furthest = 2 * max(width, height)
    if not all(abs(float(value)) <= furthest for one in polygons for value in one):  # also nan
        raise ImageError(f"a segmentation with corners far from its image of {width} x {height} pixels")
    if len(polygons) > MASK_POLYGONS:
        raise ImageError(f"a segmentation of {len(polygons):,} polygons; the limit is {MASK_POLYGONS:,}")
    outline = sum(_measure(one) for one in polygons)
    if outline > MASK_OUTLINE:
        raise ImageError(
            f"a segmentation whose polygons are {outline:,.0f} pixels around; the limit is {MASK_OUTLINE:,}"
        )
    coco = _load_coco()
    merged = coco.merge(coco.frPyObjects([list(one) for one in polygons], height, width))
    return Mask(width, height, merged["counts"].decode("ascii"))


def _measure(polygon: Sequence[float]) -> float:
    """Returns the length of a polygon's outline in pixels, at least one for each corner."""
    corners_N2 = np.asarray(polygon, dtype=np.float64).reshape(-1, 2)
    return float(np.abs(corners_N2 - np.roll(corners_N2, 1, axis=0)).max(1).clip(1).sum())


def encode_runs(counts: Sequence[int], width: int, height: int) -> Mask:
    """Encodes COCO's uncompressed run lengths, column by column. Raises ImageError where they do not add up."""
    _refuse_large(width, height)
    if not all(isinstance(count, int) and count >= 0 for count in counts) or sum(counts) != width * height:
        raise ImageError(f"a mask whose run lengths do not add up to {width} x {height} pixels")
    encoded = _load_coco().frPyObjects({"size": [height, width], "counts": list(counts)}, height, width)
    return Mask(width, height, encoded["counts"].decode("ascii"))


def _refuse_large(width: int, height: int) -> None:
    if not (width > 0 and height > 0 and width * height <= MASK_PIXELS):
        raise ImageError(f"a mask of {width} x {height} pixels; the limit is {MASK_PIXELS:,} pixels")


def find_box(pixels_HW: npt.NDArray[np.bool_]) -> Box | None:
    """Returns the box around a mask's pixels, as fractions; None for an empty mask."""
    rows, columns = np.flatnonzero(pixels_HW.any(1)), np.flatnonzero(pixels_HW.any(0))
    if not len(rows):
        return None
    height, width = pixels_HW.shape
    return (
        float(columns[0] / width),
        float(rows[0] / height),
        float((columns[-1] + 1) / width),
        float((rows[-1] + 1) / height),
    )


def scale_mask(pixels_HW: npt.NDArray[np.bool_], size: tuple[int, int]) -> Image.Image:
    """Returns a mask as a grey image of the given width and height, 255 inside."""
    mask = Image.fromarray(pixels_HW.astype(np.uint8) * 255)
    return mask if mask.size == size else mask.resize(size, Image.Resampling.NEAREST)


def hide_background(image: Image.Image, mask: Image.Image, background: Background) -> Image.Image:
    """Returns the image with its pixels outside the mask grey or blurred; the image itself where they are kept."""
    if background == "grey":
        return Image.composite(image, Image.new("RGB", image.size, GREY), mask)
    if background == "blur":
        blurred = image.filter(ImageFilter.GaussianBlur(BLUR * max(image.size)))
        return Image.composite(image, blurred, mask)
    return image


def compute_patch_weights(mask: Image.Image, seen: Box, grid: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Computes which fraction of each patch is inside a mask: float32 [h, w], in [0, 1].

    mask: of what was cut out of the image, grey, 255 inside. seen: the box of it that the model sees, as fractions; beyond
    [0, 1] nothing is inside. grid: h and w.
    """
    left, top, right, bottom = seen
    x, y = mask.size
    pixels = round(left * x), round(top * y), round(right * x), round(bottom * y)
    h, w = grid
    cells = mask.crop(pixels).convert("F").resize((w, h), Image.Resampling.BOX)
    fractions_hw: npt.NDArray[np.float32] = np.asarray(cells, dtype=np.float32) / np.float32(255)
    return fractions_hw


def pool_patches(patches: PatchFeatures, weights_B: Sequence[npt.NDArray[np.float32] | None]) -> PatchFeatures:
    """Leaves the patches within masks, scaled so that the sum over an image's patches is again a unit vector.

    It is the region feature of an average-pool tower, in the spirit of ViLD (Gu et al., ICLR 2022) and OpenSeg (Ghiasi et al.,
    ECCV 2022): the mean of the patches within a mask.

    weights_B: float32 [h, w] of each image, from `compute_patch_weights`; None, and a mask that covers no patch, leaves the
    image as it is.
    """
    import torch

    parts_BhwD = patches.parts_BhwD.clone()
    for row, weights_hw in enumerate(weights_B):
        if weights_hw is None or not weights_hw.any():
            continue
        parts_hwD = parts_BhwD[row] * torch.from_numpy(weights_hw.copy())[..., None]
        total_D = parts_hwD.sum((0, 1))
        parts_BhwD[row] = parts_hwD / total_D.norm().clamp_min(1e-12)
    return replace(patches, parts_BhwD=parts_BhwD)


def sum_patches(patches: PatchFeatures) -> torch.Tensor:
    """Returns the embeddings of images as the sums of their patches' parts: float32 [B, D]."""
    return patches.parts_BhwD.sum((1, 2))


def _load_coco() -> Any:
    try:
        from pycocotools import mask
    except ImportError:
        raise BioclipXError("masks need pycocotools, which is not installed; pip install 'bioclip-x[masks]'") from None
    return mask
