"""What is written of an image."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from PIL import Image

from bioclip_x.dataset.config import Images
from bioclip_x.dataset.images.encoding import CHANGED, encode_image
from bioclip_x.errors import ImageError
from bioclip_x.images.files import ImageFiles


def make_sample(file: Path) -> dict[str, Any]:
    raw = file.read_bytes()
    return {
        "file": str(file), "offset": 0, "size": len(raw), "sha256": hashlib.sha256(raw).digest(), "image": file.name,
    }  # fmt: skip


def test_a_picture_too_long_for_jpeg_is_an_image_error(tmp_path: Path) -> None:
    (tmp_path / "long.tif").write_bytes(b"II*")
    opened = SimpleNamespace(image=Image.new("RGB", (66_000, 1)))
    files = cast(ImageFiles, SimpleNamespace(read=lambda _: opened))
    with pytest.raises(ImageError, match="JPEG file of 66000 × 1 pixels"):
        encode_image(files, Images(), make_sample(tmp_path / "long.tif"))


@pytest.mark.parametrize("content", [b"shorter", b"x" * 2000, None])
def test_a_file_that_is_not_the_one_that_was_judged_is_an_image_error(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "a.jpg"
    Image.new("RGB", (20, 20)).save(file)
    sample = make_sample(file)
    assert encode_image(ImageFiles(), Images(), sample) == ("jpg", file.read_bytes())
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(ImageError, match=CHANGED):
        encode_image(ImageFiles(), Images(), sample)
