"""What is cut out of an image for a box."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bioclip_x.regions.crops import Shape, compute_rectangle, compute_seen_box, crop, relate_to_image

SIDES = st.integers(1, 500)
EDGE = st.floats(0, 1, allow_nan=False)


@given(SIDES, SIDES, EDGE, EDGE, EDGE, EDGE, st.floats(0, 2), st.sampled_from(["square", "stretch"]))
def test_a_rectangle_holds_its_box(
    width: int, height: int, a: float, b: float, c: float, d: float, padding: float, shape: Shape
) -> None:
    left, right = sorted((a, b))
    top, bottom = sorted((c, d))
    if not (left < right and top < bottom):
        return
    found = compute_rectangle((left, top, right, bottom), width, height, padding=padding, shape=shape)
    assert found[0] <= left * width + 1 and found[1] <= top * height + 1
    assert found[2] >= right * width - 1 and found[3] >= bottom * height - 1
    x, y = found[2] - found[0], found[3] - found[1]
    assert x >= 1 and y >= 1
    if shape == "square":
        assert abs(x - y) <= 1
        for start, stop, length in ((found[0], found[2], width), (found[1], found[3], height)):
            is_inside = start >= 0 and stop <= length
            assert is_inside or stop - start >= length  # beyond the image only where the square is longer than it
    else:
        assert found[0] >= 0 and found[1] >= 0 and found[2] <= width + 1 and found[3] <= height + 1


@pytest.mark.parametrize(
    ("box", "padding", "shape", "expected"),
    [
        ((0.4, 0.4, 0.6, 0.5), 0.5, "square", (30, 25, 70, 65)),  # 20 + 2·10 pixels around (50, 45)
        ((0.4, 0.4, 0.6, 0.5), 0.5, "stretch", (30, 30, 70, 60)),
        ((0.9, 0.9, 1.0, 1.0), 1.0, "square", (70, 70, 100, 100)),  # moved into the image
        ((0.9, 0.9, 1.0, 1.0), 1.0, "stretch", (80, 80, 100, 100)),  # cut at its edge
        ((0.0, 0.0, 1.0, 1.0), 0.0, "square", (0, 0, 100, 100)),
        ((0.998, 0.2, 1.0, 0.5), 0.0, "stretch", (99, 20, 100, 50)),  # less than a pixel at the edge
    ],
)
def test_hand_worked_rectangles(
    box: tuple[float, float, float, float], padding: float, shape: Shape, expected: tuple[int, ...]
) -> None:
    assert compute_rectangle(box, 100, 100, padding=padding, shape=shape) == expected


def test_a_square_beyond_a_narrow_image_takes_its_mean_colour() -> None:
    image = Image.new("RGB", (10, 40), (200, 0, 100))
    rectangle = compute_rectangle((0, 0, 1, 1), 10, 40, padding=0, shape="square")
    assert rectangle == (-15, 0, 25, 40)
    cut = crop(image, rectangle, "square")
    assert cut.size == (40, 40) and cut.getcolors() == [(1600, (200, 0, 100))]
    mask = crop(Image.new("L", (10, 40), 255), rectangle, "square", outside=0)
    assert sorted(mask.getcolors() or []) == [(400, 255), (1200, 0)]


def test_stretching_makes_a_square_of_the_longer_side() -> None:
    image = Image.new("RGB", (30, 10), "red")
    assert crop(image, (5, 0, 25, 10), "stretch").size == (20, 20)


def test_what_the_model_sees_of_a_region_as_part_of_the_image() -> None:
    seen = compute_seen_box({"size": 224, "resize_mode": "shortest"}, 200, 100)
    assert seen == (0.25, 0.0, 0.75, 1.0)
    assert relate_to_image(seen, (100, 50, 300, 150), 400, 200) == (0.375, 0.25, 0.625, 0.75)
