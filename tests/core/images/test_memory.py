from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from bioclip_x.errors import ImageError
from bioclip_x.images.files import ImageFiles
from bioclip_x.images.memory import list_inputs, make_memory_source, to_pil
from helpers import picture

PIXELS = np.asarray(picture())
"""uint8 [30, 40, 3]."""


def encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def open_text(path: Path) -> Any:
    path.write_text("prose")
    return path.open(encoding="utf-8")


@pytest.mark.parametrize(
    "given",
    [
        PIXELS,
        np.moveaxis(PIXELS, 2, 0),
        torch.from_numpy(PIXELS.copy()),
        torch.from_numpy(PIXELS.copy()).permute(2, 0, 1),
        torch.from_numpy(PIXELS.copy()).permute(2, 0, 1) / 255,
        (torch.from_numpy(PIXELS.copy()).permute(2, 0, 1) / 255).double().requires_grad_(),
        encode(picture()),
        bytearray(encode(picture())),
        memoryview(encode(picture())),
        io.BytesIO(encode(picture())),
    ],
    ids=lambda given: type(given).__name__,
)
def test_one_image_is_one_source_with_the_right_pixels(given: Any) -> None:
    [item] = list_inputs(given)
    source = make_memory_source("image 0", item)
    np.testing.assert_array_equal(np.asarray(ImageFiles().read(source).image), PIXELS)
    assert source.name == "image 0"


def test_grey_and_opacity() -> None:
    assert to_pil(torch.zeros(1, 5, 6)).mode == "L"
    assert to_pil(np.zeros((5, 6, 1), np.uint8)).size == (6, 5)
    assert to_pil(torch.zeros(4, 5, 6)).mode == "RGBA"


def test_where_both_orders_fit_arrays_end_with_channels_and_tensors_begin_with_them() -> None:
    assert to_pil(np.zeros((3, 5, 4), np.uint8)).size == (5, 3)
    assert to_pil(torch.zeros(3, 5, 4)).size == (4, 5)


def test_an_open_file_has_its_own_name(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.png")
    with (tmp_path / "a.png").open("rb") as file:
        assert make_memory_source("image 0", file).name == str(tmp_path / "a.png")


def test_batches_are_many_images() -> None:
    assert len(list(list_inputs(np.zeros((5, 4, 4, 3), np.uint8)))) == 5
    assert len(list(list_inputs(torch.zeros(6, 3, 8, 8)))) == 6


@pytest.mark.parametrize(
    "paths",
    [
        np.array(["a.jpg", "b.jpg"]),
        np.array(["a.jpg", "b.jpg"], object),
        np.array([Path("a.jpg"), Path("b.jpg")], object),
        pd.Series(["a.jpg", "b.jpg"]),
        pd.Series(["a.jpg", "b.jpg"], index=[7, 8], dtype="string"),
        ["a.jpg", "b.jpg"],
        (Path("a.jpg"), "b.jpg"),
    ],
    ids=lambda paths: type(paths).__name__,
)
def test_arrays_of_paths(paths: Any) -> None:
    assert [str(one) for one in list_inputs(paths)] == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("given", [{"a.jpg": 1}, pd.DataFrame({"path": ["a.jpg"]}), 7, 2.5])
def test_what_holds_no_images_is_refused(given: Any) -> None:
    with pytest.raises(ImageError, match=r"expected a path|pass its images or paths"):
        list_inputs(given)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (torch.randn(3, 5, 5) * 9, "before normalisation"),
        (torch.zeros(2, 5, 5), "C of 1, 3 or 4, got shape"),
        (np.zeros((4, 4, 3), np.int64), "expected uint8 or floating point, got int64"),
        (None, "got NoneType"),
        (object(), "got object"),
        (b"", "empty"),
        (b"prose", "not an image"),
    ],
)
def test_invalid_images_have_an_error_that_says_what_was_expected(given: Any, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        ImageFiles().read(make_memory_source("image 0", given))


def test_files_that_are_open_as_text_or_closed(tmp_path: Path) -> None:
    with open_text(tmp_path / "a.txt") as file:
        assert 'mode "rb"' in make_memory_source("x", file).error
    assert "closed file" in make_memory_source("x", file).error
