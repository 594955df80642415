from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bioclip_x.training.augment import View, apply_geometry, draw_box, to_input
from bioclip_x.training.config import Augment

unit = st.floats(0, 1, exclude_max=True)
SQUASH = View((32, 32), "squash", "bicubic")


@given(st.integers(1, 500), st.integers(1, 500), st.tuples(unit, unit, unit, unit))
def test_random_boxes_lie_in_the_image(width: int, height: int, drawn: tuple[float, ...]) -> None:
    left, top, right, bottom = draw_box(width, height, (0.1, 1.0), (0.5, 2.0), drawn)
    assert -1e-9 <= left < right <= width + 1e-6
    assert -1e-9 <= top < bottom <= height + 1e-6


@pytest.mark.parametrize("size", [(32, 32), (50, 40), (1, 90), (301, 7)])
@pytest.mark.parametrize("mode", ["squash", "shortest", "longest"])
@pytest.mark.parametrize("crop", [None, (0.2, 1.0)])
def test_every_image_is_resized_to_the_models_size(
    size: tuple[int, int], mode: str, crop: tuple[float, float] | None
) -> None:
    image = Image.new("RGB", size, (10, 200, 30))
    view, augment = View((32, 24), mode, "bicubic"), Augment(crop_scale=crop, horizontal_flip=0.5)
    for seed in range(5):
        from_image = apply_geometry(image, view, augment, np.random.default_rng(seed))
        from_array = apply_geometry(np.asarray(image), view, augment, np.random.default_rng(seed))
        assert from_image.shape == (32, 24, 3) and from_image.dtype == np.uint8
        np.testing.assert_array_equal(from_image, from_array)


def test_an_image_of_the_right_size_is_unchanged() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(apply_geometry(pixels, SQUASH, Augment(), np.random.default_rng(0)), pixels)
    mirrored = apply_geometry(pixels, SQUASH, Augment(horizontal_flip=1), np.random.default_rng(0))
    np.testing.assert_array_equal(mirrored, pixels[:, ::-1])


def test_input_is_normalised_and_factors_of_one_change_nothing() -> None:
    pixels = torch.arange(2 * 4 * 4 * 3, dtype=torch.uint8).view(2, 4, 4, 3)
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
    plain = to_input(pixels, None, mean, std)
    expected = (pixels[1, 2, 3].float() / 255 - torch.tensor(mean)) / torch.tensor(std)
    torch.testing.assert_close(plain[1, :, 2, 3], expected)
    torch.testing.assert_close(to_input(pixels, torch.ones(2, 3), mean, std), plain, atol=1e-5, rtol=0)


def test_colour_factors() -> None:
    pixels = torch.tensor([[[[100, 50, 50], [50, 50, 50]]]], dtype=torch.uint8)
    off, unit_std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    brighter = to_input(pixels, torch.tensor([[1.5, 1, 1]]), off, unit_std)
    torch.testing.assert_close(brighter[0, :, 0, 0] * 255, torch.tensor([150.0, 75, 75]))
    grey = to_input(pixels, torch.tensor([[1.0, 1, 0]]), off, unit_std) * 255
    torch.testing.assert_close(grey[0, :, 0, 0], torch.full((3,), 64.95))
    flat = to_input(pixels, torch.tensor([[1.0, 0, 0]]), off, unit_std) * 255
    torch.testing.assert_close(flat.unique(), torch.tensor([(64.95 + 50) / 2]), atol=1e-3, rtol=0)
