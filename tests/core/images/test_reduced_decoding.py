"""JPEGs that are larger than a model needs are decoded at a part of their size."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from bioclip_x.hooks.registry import create_registry
from bioclip_x.images.decoding import make_thumbnail
from bioclip_x.images.files import ImageFiles, find_least_side, make_file_source
from bioclip_x.images.loading import decode
from bioclip_x.recipe import Recipe
from bioclip_x.records import Source
from helpers import picture

RECIPE = Recipe(model="m", encoder="e", text="t", scorer="s", head="h")
MODEL = {"size": 224, "resize_mode": "shortest"}
LARGE = (1600, 1200)


def make_photo(size: tuple[int, int] = LARGE) -> Image.Image:
    """A smooth scene with some noise, as in photographs."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    noise = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).filter(ImageFilter.BoxBlur(2))
    return Image.blend(coarse, noise, 0.25)


def encode(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **{"quality": 92, **options})
    return buffer.getvalue()


def read(
    data: bytes, preprocessing: dict[str, Any] = MODEL, recipe: Recipe = RECIPE
) -> tuple[Image.Image, tuple[int, int]]:
    """Returns the decoded image, and the size that is told."""
    opened = ImageFiles().fitting(recipe, preprocessing).read(Source("photo", data=data))
    return opened.image, opened.size


def resize(image: Image.Image, side: int = 224) -> np.ndarray:
    scale = side / min(image.size)
    size = (round(image.width * scale), round(image.height * scale))
    return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC)).astype(np.float64)


@pytest.mark.parametrize("size, decoded", [
    ((1600, 1200), (800, 600)), ((4000, 3000), (1000, 750)), ((3584, 3584), (448, 448)), ((895, 2000), (895, 2000)),
    ((896, 2000), (448, 1000)), ((200, 300), (200, 300)),
])  # fmt: skip
def test_the_short_side_stays_twice_the_models(size: tuple[int, int], decoded: tuple[int, int]) -> None:
    image, told = read(encode(Image.new("RGB", size)))
    assert image.size == decoded
    assert told == size


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"subsampling": 2}])
def test_resized_pixels_are_those_of_the_whole_image(mode: str, options: dict[str, Any]) -> None:
    data = encode(make_photo().convert(mode), **options)
    reduced, _ = read(data)
    whole, _ = read(data, recipe=replace_recipe(full_decoding=True))
    assert reduced.size == (800, 600) and whole.size == LARGE and reduced.mode == whole.mode == "RGB"
    difference = np.abs(resize(reduced) - resize(whole))
    assert difference.mean() < 1 and difference.max() < 16


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_upright_at_either_size(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(make_photo(), exif=exif)
    reduced, told = read(data)
    whole, whole_told = read(data, recipe=replace_recipe(full_decoding=True))
    assert told == whole_told == whole.size == (LARGE if orientation < 5 else LARGE[::-1])
    assert reduced.size == (whole.width // 2, whole.height // 2)
    assert np.abs(resize(reduced) - resize(whole)).mean() < 1


@pytest.mark.parametrize("recipe, preprocessing", [
    ({"full_decoding": True}, MODEL), ({"preprocess": "pybioclip"}, MODEL), ({}, {}), ({}, {"size": 1024}),
])  # fmt: skip
def test_what_is_decoded_whole(recipe: dict[str, Any], preprocessing: dict[str, Any]) -> None:
    image, _ = read(encode(make_photo()), preprocessing, replace_recipe(**recipe))
    assert image.size == LARGE


@pytest.mark.parametrize("preprocessing, side", [
    ({"size": 336}, 336), ({"size": (224, 448)}, 448), ({"size": [300, 200]}, 300), ({}, None), ({"size": 64}, 192),
])  # fmt: skip
def test_least_side(preprocessing: dict[str, Any], side: int | None) -> None:
    assert find_least_side(preprocessing) == side


def test_other_formats_are_read_whole(tmp_path: Path) -> None:
    make_photo().save(path := tmp_path / "photo.png")
    assert ImageFiles().fitting(RECIPE, MODEL).read(make_file_source(str(path))).image.size == LARGE


def test_thumbnails_are_as_large_as_ever() -> None:
    data = encode(make_photo((4000, 3000)))
    thumbnails = [make_thumbnail(read(data, one)[0]) for one in ({"size": 32}, {})]
    small, whole = (Image.open(io.BytesIO(one)) for one in thumbnails)
    assert small.size == whole.size == (384, 288)
    assert np.abs(np.asarray(small, float) - np.asarray(whole, float)).mean() < 2


def test_a_truncated_file_is_measured_on_the_whole_image() -> None:
    data = encode(make_photo())
    opened = ImageFiles().fitting(RECIPE, MODEL).read(Source("half", data=data[: round(len(data) * 0.9)]))
    assert opened.notes and opened.notes[0].startswith("file truncated: ") and opened.size == LARGE


def test_a_record_tells_the_size_of_the_file() -> None:
    files = ImageFiles().fitting(RECIPE, MODEL)
    source = Source("photo", data=encode(picture(size=(3000, 2000))))
    [decoded] = decode(source, to_tensor(), with_thumbnail=True, files=files)
    assert (decoded.width, decoded.height) == (3000, 2000)


def replace_recipe(**fields: Any) -> Recipe:
    return RECIPE.model_copy(update=fields)


def to_tensor() -> Callable[[Image.Image], Any]:
    return lambda image: torch.from_numpy(np.array(image)).permute(2, 0, 1).float()


def test_embeddings_of_photographs_stay_the_same(shared_data: Path) -> None:
    """Real photographs by the field guide's model: it names drawings only, but any image has an embedding."""
    registry = create_registry()
    source = registry.make("models", "field-guide").source
    encoder = registry.make("encoders", "open_clip").load(
        source, name="field-guide", device="cpu", precision="fp32", preprocess="model"
    )
    reduced, whole = ImageFiles().fitting(RECIPE, encoder.card.preprocessing), ImageFiles()
    cosines = []
    for path in sorted((shared_data / "photos_misc").glob("*.jpg")):
        opened = [files.read(make_file_source(str(path))).image for files in (reduced, whole)]
        if opened[0].size != opened[1].size:
            pixels = torch.stack([encoder.preprocess(image) for image in opened])
            first, second = encoder.encode_images(pixels).embeddings_BD
            cosines.append(float(first @ second))
    assert len(cosines) >= 20 and min(cosines) >= 0.999
