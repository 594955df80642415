from __future__ import annotations

import sys

import imagehash
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bioclip_x.dataset.duplicates.hashing import FLAT, count_bits, is_uninformative, perceptual_hash
from bioclip_x.errors import DatasetError
from helpers import picture


def noise(seed: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


@pytest.mark.parametrize("seed", range(5))
def test_is_the_hash_of_imagehash(seed: int) -> None:
    image = noise(seed)
    assert f"{perceptual_hash(image):016x}" == str(imagehash.phash(image))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_any_mode_has_a_hash(mode: str) -> None:
    assert 0 < perceptual_hash(picture(1).convert(mode)) < 2**64


@pytest.mark.parametrize("grey", [0, 1, 128, 255])
def test_an_image_of_one_colour_shows_nothing(grey: int) -> None:
    assert perceptual_hash(Image.new("RGB", (40, 30), (grey,) * 3)) == FLAT


def test_a_noisy_black_frame_shows_nothing() -> None:
    frame = np.random.default_rng(0).integers(0, 4, (64, 64)).astype(np.uint8)
    assert perceptual_hash(Image.fromarray(frame)) == FLAT


def test_a_plain_gradient_is_uninformative() -> None:
    gradient = Image.fromarray(np.tile(np.arange(64, dtype=np.uint8) * 3, (64, 1)))
    assert is_uninformative(np.array([perceptual_hash(gradient), FLAT], np.uint64)).all()


def test_a_resized_image_has_a_near_hash_and_a_mirrored_one_has_not() -> None:
    image = noise(0, (320, 240))
    original = perceptual_hash(image)
    assert bin(original ^ perceptual_hash(image.resize((160, 200)))).count("1") <= 4
    assert bin(original ^ perceptual_hash(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))).count("1") > 8


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1))
def test_bits_are_counted(values: list[int]) -> None:
    assert count_bits(np.array(values, np.uint64)).tolist() == [bin(value).count("1") for value in values]


def test_bits_are_counted_without_numpy_2(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).integers(0, 2**64, 100, np.uint64)
    expected = [bin(value).count("1") for value in values.tolist()]
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert count_bits(values).tolist() == expected


def test_without_imagehash_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagehash", None)
    with pytest.raises(DatasetError, match=r"pip install 'bioclip-x\[dataset\]'"):
        perceptual_hash(noise(0))
