from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bioclip_x.hooks.components import Sample
from bioclip_x.images.files import ImageFiles
from bioclip_x.training.config import Augment
from bioclip_x.training.data.augment import View, apply_geometry, find_least_side
from bioclip_x.training.data.images import ImageReader
from helpers import picture


class Files:
    def __init__(self, *images: Path | bytes | np.ndarray) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def name(self, index: int) -> str:
        image = self.images[index]
        return str(image) if isinstance(image, Path) else f"image {index}"

    def sample(self, index: int) -> Sample:
        return Sample(index)

    def image(self, index: int) -> Path | bytes | np.ndarray:
        return self.images[index]


def test_image_files_are_read_as_classify_reads_them(tmp_path: Path) -> None:
    frames = [picture(i) for i in range(3)]
    frames[0].save(tmp_path / "three.tif", save_all=True, append_images=frames[1:])
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    reader = ImageReader([Files(tmp_path / "clip.mp4", tmp_path / "three.tif")])  # type: ignore[list-item]
    for _ in range(2):
        read = reader.read(0, 0)
        np.testing.assert_array_equal(np.asarray(read.image), np.asarray(frames[0]))
        assert read.sample == Sample(1), "the next image that can be read"
        assert read.replaced == (
            (
                0,
                0,
                f"{tmp_path / 'clip.mp4'}: a video; classify its frames with --frames 1/s, or extract them as JPEG or PNG",
            ),
        )
        assert read.noted == ((0, 1, f"{tmp_path / 'three.tif'}: first of 3 frames"),)
    read = reader.read(0, 1)
    assert read.replaced == () and read.sample == Sample(1)


def test_the_content_of_a_file_is_read_as_a_file() -> None:
    stream = io.BytesIO()
    Image.new("RGBA", (3, 5), (0, 0, 0, 0)).save(stream, "PNG")
    reader = ImageReader([Files(b"no image", stream.getvalue())])  # type: ignore[list-item]
    read = reader.read(0, 0)
    assert np.asarray(read.image).tolist() == np.full((5, 3, 3), 255).tolist()
    assert read.replaced == ((0, 0, "image 0: not an image, or of a format that cannot be read"),)


def make_photo(width: int, height: int) -> np.ndarray:
    """Smooth areas, edges and fine texture: uint8 [height, width, 3]."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / a + y / b + c) for a, b, c in rng.uniform(8, 200, (12, 3))]
    smooth = np.stack([sum(waves[i::3]) for i in range(3)], axis=2) * 25 + 128
    discs = sum((np.hypot(x - cx, y - cy) < r)[..., None] * 30 for cx, cy, r in rng.uniform(40, height, (6, 3)))
    return np.clip(smooth + discs + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(1600, 1200), (3200, 1800), (900, 2000)])
@pytest.mark.parametrize("scale", [None, (0.5, 1.0)])
def test_a_shrunk_jpeg_gives_nearly_the_same_crop(
    tmp_path: Path, size: tuple[int, int], scale: tuple[float, float] | None
) -> None:
    path = tmp_path / "photo.jpg"
    Image.fromarray(make_photo(*size)).save(path, quality=90)
    view, augment = View((112, 112), "shortest", "bicubic"), Augment(crop_scale=scale)
    whole, files = ImageFiles(), ImageFiles().shrinking(find_least_side(view, augment))
    full, small = whole.read_any(path).image, files.read_any(path).image
    assert max(small.size) * 2 <= max(full.size) + 1, "it is decoded at half the size, or less"
    for seed in range(3):
        crops = [apply_geometry(one, view, augment, np.random.default_rng(seed)) for one in (full, small)]
        difference = np.abs(crops[0].astype(int) - crops[1])
        assert difference.mean() < 0.6 and np.quantile(difference, 0.999) <= 5, "of 255"
    assert files.read_any(path.read_bytes()).image.size == small.size


def test_an_image_that_is_not_much_larger_than_needed_stays_as_it_is(tmp_path: Path) -> None:
    Image.fromarray(make_photo(440, 420)).save(tmp_path / "photo.jpg")
    Image.fromarray(make_photo(1000, 1000)).save(tmp_path / "photo.png")
    files = ImageFiles().shrinking(112)
    assert files.read_any(tmp_path / "photo.jpg").image.size == (440, 420)
    assert files.read_any(tmp_path / "photo.png").image.size == (1000, 1000)
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(make_photo(900, 600)).save(tmp_path / "turned.jpg", exif=turned)
    assert files.read_any(tmp_path / "turned.jpg").image.size == (300, 450), "upright"
