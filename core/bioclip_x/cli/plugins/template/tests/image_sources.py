from pathlib import Path
from tempfile import mkdtemp

import pytest
from bioclip_x.plugin import DatasetError
from bioclip_x.testing import conformance
from PIL import Image

from bioclip_x_my_component import MyComponent


def make_folder() -> Path:
    folder = Path(mkdtemp())
    for name in ("Parus major 1", "Parus major 2", "Turdus merula", "unknown"):
        Image.new("RGB", (8, 8)).save(folder / f"{name}.jpg")
    return folder


test_it_is_a_source_of_images = conformance("image_sources", "my-component", options={"path": make_folder()})


def test_images_of_other_names_have_a_problem() -> None:
    source = MyComponent(path=make_folder())
    [table] = source.tables()
    assert table["name"].to_pylist()[:3] == ["Parus major", "Parus major", "Turdus merula"]
    assert list(map(bool, table["problem"].to_pylist())) == [False, False, False, True]
    assert source.notes() == ["1 images are not named by species"]


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"has no \.jpg files"):
        MyComponent(path=tmp_path).revision()
