from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import numpy as np
import pytest

from bioclip_x.errors import ImageError
from bioclip_x.images.files import ImageFiles
from bioclip_x.images.memory import to_pil
from bioclip_x.images.places.folders import LeftOut
from bioclip_x.images.sources import check_sources, expand_sources
from helpers import picture


def names(found: object, root: Path) -> list[str]:
    return [str(Path(s.name).relative_to(root)) for s in found]  # type: ignore[attr-defined]


def test_folders_globs_files_and_stdin(pictures: Path) -> None:
    (pictures / "notes.txt").write_text("not an image")
    (pictures / ".hidden.png").write_bytes(b"")
    assert names(expand_sources([pictures]), pictures) == ["a.png", "b.jpg", "below/c.png"]
    assert names(expand_sources([str(pictures / "*.png")]), pictures) == ["a.png"]
    assert names(expand_sources([str(pictures / "**/*.png")]), pictures) == ["a.png", "below/c.png"]
    assert names(expand_sources([str(pictures / "notes.txt")]), pictures) == ["notes.txt"], (
        "named outright, so it is tried"
    )
    stdin = io.StringIO(f"{pictures}/a.png\r\n\n{pictures}/gone.png\n")
    assert names(expand_sources(["-"], stdin), pictures) == ["a.png", "gone.png"]


def test_an_existing_file_takes_precedence_over_a_pattern(tmp_path: Path) -> None:
    picture().save(tmp_path / "a[1].png")
    assert names(expand_sources([str(tmp_path / "a[1].png")]), tmp_path) == ["a[1].png"]


def test_inputs_without_images_are_errors(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for item, reason in [(tmp_path / "empty", "contains no images"), (str(tmp_path / "*.png"), "nothing matches")]:
        with pytest.raises(ImageError, match=reason):
            check_sources([item])
        [source] = expand_sources([item])
        assert reason in source.error
    [source] = expand_sources(["-"], io.StringIO(""))
    assert "no paths on standard input" in source.error
    check_sources([tmp_path / "gone.png", np.zeros((2, 2, 3), np.uint8)])  # one missing file is a result with an error


def test_an_empty_folder_among_the_matches_of_a_pattern(pictures: Path) -> None:
    (pictures / "empty").mkdir()
    found = list(expand_sources([str(pictures / "*")]))
    assert [bool(source.error) for source in found] == [False, False, False, True]


def test_folders_on_stdin(pictures: Path) -> None:
    assert names(expand_sources(["-"], io.StringIO(f"{pictures}/below\n")), pictures) == ["below/c.png"]


def test_images_and_arrays_in_memory() -> None:
    image = picture()
    array = np.asarray(image)
    for given in (image, array, array / 255.0, (array / 255).astype(np.float32)):
        np.testing.assert_array_equal(np.asarray(to_pil(given)), array)
    assert to_pil(array[..., 0]).mode == "L"
    assert [s.name for s in expand_sources([image, array])] == ["image 0", "image 1"]


@pytest.mark.parametrize(
    "bad",
    [np.zeros((5, 3, 2), np.uint8), np.zeros((0, 3, 3), np.uint8), np.full((3, 3), 2.0), np.zeros((3, 3), np.int64)],
)
def test_invalid_arrays(bad: np.ndarray) -> None:
    with pytest.raises(ImageError):
        to_pil(bad)
    [source] = expand_sources([bad])
    assert source.error


@pytest.mark.parametrize("name", ["x" * 300 + ".jpg", "a\0b.jpg", "a.jpg/b.jpg"])
def test_names_that_cannot_be_looked_up_are_rows(tmp_path: Path, name: str) -> None:
    picture().save(tmp_path / "a.jpg")
    path = str(tmp_path / name)
    check_sources([str(tmp_path / "a.jpg"), path])
    [source] = expand_sources([path])
    with pytest.raises(ImageError, match=r"cannot be read: (File name too long|Not a directory|.*null)"):
        ImageFiles().read(source)
    [listed] = expand_sources(["-"], io.StringIO(path))
    assert listed.name == path


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE, errno.ENOTCONN])
def test_files_that_cannot_be_opened_are_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    picture().save(tmp_path / "a.png")

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "stat", fail)
    monkeypatch.setattr(Path, "stat", fail)
    check_sources([tmp_path / "a.png"])
    [source] = expand_sources([tmp_path / "a.png"])
    with pytest.raises(ImageError, match=f"cannot be read: {os.strerror(number)}"):
        ImageFiles().read(source)


def test_a_folder_of_other_files_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("prose")
    with pytest.raises(ImageError, match=r"contains no images; left out: 1 file that is no image \(\.txt 1\)"):
        check_sources([tmp_path])


def test_folders_are_walked_as_results_are_taken(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        picture().save(tmp_path / name / "1.png")
    found = expand_sources([tmp_path])
    next(found)
    picture().save(tmp_path / "b" / "2.png")
    assert names(found, tmp_path) == ["b/1.png", "b/2.png"]


def test_patterns_do_not_reach_into_system_folders_unless_they_name_them(pictures: Path) -> None:
    (pictures / "below" / "@eaDir" / "deep").mkdir(parents=True)
    for name in ("t.png", "deep/u.png"):
        picture().save(pictures / "below" / "@eaDir" / name)
    left_out = LeftOut()
    assert names(expand_sources([str(pictures / "**/*.png")], left_out=left_out), pictures) == ["a.png", "below/c.png"]
    assert left_out.describe() == "left out: 1 folder @eaDir"
    assert names(expand_sources([str(pictures / "below/@eaDir/*.png")]), pictures) == ["below/@eaDir/t.png"]
