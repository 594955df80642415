from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bioclip_x.training.config import Augment
from bioclip_x.training.data.augment import (
    View,
    apply_geometry,
    changes_colour,
    draw_box,
    draw_colour_factors,
    find_least_side,
    to_input,
)

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


def test_grey_images_are_drawn_with_their_probability() -> None:
    rng = np.random.default_rng(0)
    factors = np.stack([draw_colour_factors(Augment(colour_jitter=0.3, greyscale=0.25), rng) for _ in range(2000)])
    grey = factors[:, 2] == 0
    assert grey.mean() == pytest.approx(0.25, abs=0.03)
    assert factors[:, :2].min() > 0.7 and factors[:, :2].max() < 1.3 and factors[~grey, 2].min() > 0.7
    pixels = torch.randint(0, 256, (1, 5, 4, 3), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    x_3HW = to_input(pixels, torch.tensor([[1.0, 1, 0]]), (0.0,) * 3, (1.0,) * 3)[0]
    grey_HW = pixels[0].float() @ torch.tensor([0.299, 0.587, 0.114]) / 255  # ITU-R BT.601, as PIL's "L"
    torch.testing.assert_close(x_3HW, grey_HW.expand(3, 5, 4), atol=1e-5, rtol=0)
    assert changes_colour(Augment(greyscale=0.1)) and not changes_colour(Augment(horizontal_flip=0.5))


@pytest.mark.parametrize(
    ("scale", "ratio"), [(None, (3 / 4, 4 / 3)), ((0.25, 1.0), (1.0, 1.0)), ((0.1, 0.5), (0.5, 1.5))]
)
def test_the_smallest_crop_has_the_resolution_of_the_model(
    scale: tuple[float, float] | None, ratio: tuple[float, float]
) -> None:
    augment = Augment(crop_scale=scale, crop_ratio=ratio)
    side = find_least_side(SQUASH, augment)
    if scale is None:
        assert side == 32
        return
    sides = []
    for shape in (0.0, 1 - 1e-9):
        left, top, right, bottom = draw_box(side, side, scale, ratio, (0.0, shape, 0.5, 0.5))
        sides += [right - left, bottom - top]
    assert min(sides) == pytest.approx(32, abs=1.0) and min(sides) >= 32 - 1e-3
