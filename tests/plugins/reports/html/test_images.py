"""Images and heat maps as the page carries them."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bioclip_x.records import HeatMap
from bioclip_x_plugins.reports.html.images import (
    EVEN,
    LEVELS,
    RAMP,
    make_data_uri,
    make_overlay,
    make_thumbnail,
    spread,
)

WHOLE = (0.0, 0.0, 1.0, 1.0)


def heat_map(*rows: tuple[float, ...]) -> HeatMap:
    return HeatMap(rows, WHOLE, "by hand", True)


def seen(png: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def test_addresses() -> None:
    assert make_data_uri(None) == make_data_uri(b"") == ""
    assert base64.b64decode(make_data_uri(b"\x89PNG!").removeprefix("data:image/png;base64,")) == b"\x89PNG!"
    assert make_data_uri(b"\xff\xd8").startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_small(mode: str) -> None:
    buffer = io.BytesIO()
    Image.new(mode, (384, 200)).save(buffer, "JPEG")
    reduced = make_thumbnail(buffer.getvalue())
    assert reduced is not None
    with Image.open(io.BytesIO(reduced)) as image:
        assert (image.size, image.mode) == ((96, 50), "RGB")
    assert make_thumbnail(None) is make_thumbnail(b"\xff\xd8 broken off") is None


def test_a_veil_is_clear_where_the_similarity_comes_from() -> None:
    one = heat_map((0.0, 0.1), (0.0, 0.3))
    rgba = seen(make_overlay(one, spread([one])))
    assert rgba.shape == (2, 2, 4)
    assert tuple(rgba[1, 1]) == RAMP[-1]
    assert rgba[0, 0, 3] > rgba[0, 1, 3] and (rgba[0, 0] == rgba[1, 0]).all()


def test_maps_of_one_picture_share_a_scale() -> None:
    strong, weak = heat_map((0.0, 1.0)), heat_map((0.0, 0.1))
    scale = spread([strong, weak])
    assert scale == 0.5
    levels = [
        [RAMP.index(tuple(pixel)) for pixel in seen(make_overlay(one, scale))[0].tolist()] for one in (strong, weak)
    ]
    assert levels[0] == [0, LEVELS - 1]
    assert 0 < levels[1][0] < levels[1][1] < LEVELS // 2


def test_an_even_map_is_even() -> None:
    one = heat_map((0.2, 0.2), (0.2, 0.2))
    rgba = seen(make_overlay(one, spread([one])))
    assert (rgba == RAMP[round(EVEN * (LEVELS - 1))]).all()
    assert spread([]) == 0.0


@given(st.lists(st.lists(st.floats(width=32), min_size=3, max_size=3), min_size=1, max_size=4))
def test_brighter_never_means_less(rows: list[list[float]]) -> None:
    one = heat_map(*map(tuple, rows))
    with np.errstate(over="ignore"):
        rgba = seen(make_overlay(one, spread([one])))
    place = [RAMP.index(tuple(pixel)) for pixel in rgba.reshape(-1, 4).tolist()]
    pairs = [(value, level) for value, level in zip(np.ravel(rows).tolist(), place) if np.isfinite(value)]
    assert [level for _, level in sorted(pairs)] == sorted(level for _, level in pairs)
