"""Masks: their encodings against loops, and what they do to images and patches."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from bioclip_x.errors import ImageError
from bioclip_x.records import Mask, PatchFeatures
from bioclip_x.regions.masks import (
    adds_up,
    compute_patch_weights,
    decode_mask,
    encode_mask,
    encode_polygons,
    encode_runs,
    find_box,
    hide_background,
    pool_patches,
    scale_mask,
    sum_patches,
)


def count_runs(pixels_HW: np.ndarray) -> list[int]:
    """COCO's uncompressed run lengths, by a loop: column by column, beginning with pixels outside."""
    runs, value, length = [], False, 0
    for pixel in pixels_HW.T.ravel():
        if bool(pixel) != value:
            runs.append(length)
            value, length = bool(pixel), 0
        length += 1
    return [*runs, length]


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.randoms(use_true_random=False))
def test_masks_survive_their_encodings(height: int, width: int, random: object) -> None:
    rng = np.random.default_rng(random.getrandbits(32))  # type: ignore[attr-defined]
    pixels = rng.random((height, width)) < 0.5
    mask = encode_mask(pixels)
    assert (mask.width, mask.height) == (width, height)
    np.testing.assert_array_equal(decode_mask(mask), pixels)
    assert encode_runs(count_runs(pixels), width, height) == mask


def test_polygons_are_filled() -> None:
    mask = decode_mask(encode_polygons([[2, 2, 8, 2, 8, 6, 2, 6], [0, 0, 1, 0, 1, 1]], 10, 8))
    assert mask[3, 3] and mask[5, 7] and not mask[7, 9] and 22 <= mask.sum() <= 28


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: encode_polygons([[0, 0, 1, 1]], 4, 4), "fewer than three corners"),
        (lambda: encode_runs([1, 2], 4, 4), "do not add up to 4 x 4"),
        (lambda: encode_runs([-1, 17], 4, 4), "do not add up to 4 x 4"),
        (lambda: encode_polygons([[0, 0, 1e10, 0, 1e10, 1e10]], 4, 4), "corners far from its image of 4 x 4"),
        (lambda: encode_polygons([[0, 0, math.nan, 0, 1, 1]], 4, 4), "corners far from its image"),
        (lambda: encode_polygons([[0, 0, 1, 0, 1, 1]], 1 << 20, 1 << 20), "the limit is"),
        (lambda: encode_runs([1 << 40], 1 << 20, 1 << 20), "the limit is"),
        (lambda: decode_mask(Mask(1 << 20, 1 << 20, "0")), "the limit is"),
        (lambda: decode_mask(Mask(4, 4, "é")), "do not add up"),
    ],
)
def test_faulty_masks_are_told(make: object, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        make()  # type: ignore[operator]


def test_the_box_around_a_mask() -> None:
    pixels = np.zeros((10, 20), bool)
    pixels[2:5, 4:10] = True
    assert find_box(pixels) == (0.2, 0.2, 0.5, 0.5)
    assert find_box(np.zeros((3, 3), bool)) is None


def test_the_background_is_hidden_and_the_organism_kept() -> None:
    image = Image.new("RGB", (20, 20), (0, 200, 0))
    ImageDraw.Draw(image).rectangle((5, 5, 9, 9), fill=(200, 0, 0))
    pixels = np.zeros((20, 20), bool)
    pixels[5:10, 5:10] = True
    mask = scale_mask(pixels, image.size)
    assert hide_background(image, mask, "keep") is image and hide_background(image, mask, "pool") is image
    for background, colour in (("grey", (128, 128, 128)), ("blur", (0, 200, 0))):
        shown = np.asarray(hide_background(image, mask, background))  # type: ignore[arg-type]
        np.testing.assert_array_equal(shown[pixels], [[200, 0, 0]] * 25)
        assert tuple(shown[0, 0]) == colour


def test_patch_weights_are_the_fractions_of_each_patch_inside() -> None:
    pixels = np.zeros((8, 8), np.uint8)
    pixels[:4, :2] = 255
    weights = compute_patch_weights(Image.fromarray(pixels), (0, 0, 1, 1), (2, 2))
    np.testing.assert_allclose(weights, [[0.5, 0], [0, 0]])
    seen_upper_left = compute_patch_weights(Image.fromarray(pixels), (0, 0, 0.5, 0.5), (2, 2))
    np.testing.assert_allclose(seen_upper_left, [[1, 0], [1, 0]])
    padded = compute_patch_weights(Image.fromarray(pixels), (-1, 0, 1, 1), (1, 2))
    np.testing.assert_allclose(padded, [[0, 0.125]])


def test_pooled_patches_are_their_weighted_sum_normalised() -> None:
    rng = np.random.default_rng(0)
    parts = rng.standard_normal((3, 2, 3, 5)).astype(np.float32)
    weights = rng.random((2, 3)).astype(np.float32)
    patches = PatchFeatures(torch.from_numpy(parts), "test", True)
    pooled = sum_patches(pool_patches(patches, [weights, None, np.zeros((2, 3), np.float32)])).numpy()
    expected = sum(weights[i, j] * parts[0, i, j] for i in range(2) for j in range(3))
    np.testing.assert_allclose(pooled[0], expected / np.linalg.norm(expected), rtol=1e-5)
    for row in (1, 2):  # without a mask, and with one that covers no patch, the image as a whole
        np.testing.assert_allclose(pooled[row], parts[row].sum((0, 1)), rtol=1e-5)


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1), st.integers(0, 99))
def test_run_lengths_add_up_to_the_pixels(height: int, width: int, share: float, seed: int) -> None:
    mask = encode_mask(np.random.default_rng(seed).random((height, width)) < share)
    assert adds_up(mask.counts, height * width)
    assert not adds_up(mask.counts, height * width + 1) and not adds_up(mask.counts[:-1] + "o", height * width)


def test_outlines_and_polygons_have_limits() -> None:
    with pytest.raises(ImageError, match="pixels around; the limit"):
        encode_polygons([[0, 0, 63, 63] * 100_000], 64, 64)
    with pytest.raises(ImageError, match="polygons; the limit"):
        encode_polygons([[1, 1, 9, 1, 5, 9]] * 10_001, 64, 64)
