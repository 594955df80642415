from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from bioclip_x.errors import ImageError
from bioclip_x.pipeline.sources import expand, to_pil
from helpers import picture


def names(found: object, root: Path) -> list[str]:
    return [str(Path(s.name).relative_to(root)) for s in found]  # type: ignore[attr-defined]


def test_folders_globs_files_and_stdin(pictures: Path) -> None:
    (pictures / "notes.txt").write_text("not a picture")
    (pictures / ".hidden.png").write_bytes(b"")
    assert names(expand([pictures]), pictures) == ["a.png", "b.jpg", "below/c.png"]
    assert names(expand([str(pictures / "*.png")]), pictures) == ["a.png"]
    assert names(expand([str(pictures / "**/*.png")]), pictures) == ["a.png", "below/c.png"]
    assert names(expand([str(pictures / "notes.txt")]), pictures) == ["notes.txt"], "named outright, so it is tried"
    stdin = io.StringIO(f"{pictures}/a.png\r\n\n{pictures}/gone.png\n")
    assert names(expand(["-"], stdin), pictures) == ["a.png", "gone.png"]


def test_a_name_with_brackets_is_a_file_before_it_is_a_pattern(tmp_path: Path) -> None:
    picture().save(tmp_path / "a[1].png")
    assert names(expand([str(tmp_path / "a[1].png")]), tmp_path) == ["a[1].png"]


def test_nothing_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="holds no picture"):
        list(expand([tmp_path]))
    with pytest.raises(ImageError, match="nothing matches"):
        list(expand([str(tmp_path / "*.png")]))


def test_pictures_and_arrays_in_memory() -> None:
    image = picture()
    array = np.asarray(image)
    for given in (image, array, array / 255.0, (array / 255).astype(np.float32)):
        np.testing.assert_array_equal(np.asarray(to_pil(given)), array)
    assert to_pil(array[..., 0]).mode == "L"
    assert [s.name for s in expand([image, array])] == ["image 0", "image 1"]


@pytest.mark.parametrize(
    "bad",
    [np.zeros((3, 3, 2), np.uint8), np.zeros((0, 3, 3), np.uint8), np.full((3, 3), 2.0), np.zeros((3, 3), np.int64)],
)
def test_arrays_that_are_no_pictures(bad: np.ndarray) -> None:
    with pytest.raises(ImageError):
        to_pil(bad)
