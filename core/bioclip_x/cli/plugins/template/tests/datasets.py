from pathlib import Path
from tempfile import mkdtemp

import pytest
from bioclip_x.plugin import TrainingError
from bioclip_x.testing import conformance, make_taxonomy
from PIL import Image

from bioclip_x_my_component import MyComponent


def make_folder() -> Path:
    folder = Path(mkdtemp())
    for name in ("Parus major 1", "Parus major 2", "Turdus merula", "Nobody knows"):
        Image.new("RGB", (8, 8)).save(folder / f"{name}.jpg")
    return folder


test_it_is_a_data_set = conformance(
    "datasets", "my-component", options={"path": make_folder()}, examples={"labels": ["Parus major", "Turdus merula"]}
)


def test_images_of_other_names_are_left_out() -> None:
    dataset = MyComponent(make_folder())
    [note] = dataset.prepare(make_taxonomy())
    assert len(dataset) == 3 and note.startswith("1 images of 1 unlisted")


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"has no \.jpg files"):
        list(MyComponent(tmp_path).prepare(make_taxonomy()))
