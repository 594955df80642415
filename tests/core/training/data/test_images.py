from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from bioclip_x.components import Sample
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
        assert read.replaced == ((0, 0, f"{tmp_path / 'clip.mp4'}: a video; extract frames from it as JPEG or PNG"),)
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
