"""Sources of images, each with one fault."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from bioclip_x.plugin import DatasetError

KIND = "image_sources"


class Right:
    """the images of a folder, named by species"""

    def __init__(self, *, path: Path) -> None:
        self.path = path

    def revision(self) -> Any:
        return str([file.stat().st_size for file in self.list_files()])

    def list_files(self) -> list[Path]:
        if not self.path.is_dir():
            raise DatasetError(f"the folder {self.path} does not exist")
        return sorted(self.path.glob("*.png"))

    def columns(self) -> dict[str, Any]:
        files = self.list_files()
        return {
            "source_id": [file.name for file in files],
            "image": [str(file) for file in files],
            "name": [file.stem for file in files],
        }

    def tables(self) -> Iterator[Any]:
        yield pa.table(self.columns())

    def notes(self) -> Any:
        return ["images of one folder"]


class Numbered(Right):
    """identifiers that are numbers"""

    def columns(self) -> dict[str, Any]:
        columns = super().columns()
        return columns | {"source_id": list(range(len(columns["image"])))}


class Alike(Right):
    """the same identifier of all images"""

    def columns(self) -> dict[str, Any]:
        columns = super().columns()
        return columns | {"source_id": ["image"] * len(columns["image"])}


class Gone(Right):
    """a file that is not there, without a problem"""

    def columns(self) -> dict[str, Any]:
        columns = super().columns()
        return columns | {"image": [f"{image}.old" for image in columns["image"]]}


class Nameless(Right):
    """no names"""

    def columns(self) -> dict[str, Any]:
        return {name: values for name, values in super().columns().items() if name != "name"}


class Once(Right):
    """rows that are there once"""

    def __init__(self, *, path: Path) -> None:
        super().__init__(path=path)
        self.was_read = False

    def tables(self) -> Iterator[Any]:
        if not self.was_read:
            yield from super().tables()
        self.was_read = True


class Unnumbered(Right):
    """a number as revision"""

    def revision(self) -> Any:
        return len(self.list_files())


class Trusting(Right):
    """files that are missing are no error"""

    def list_files(self) -> list[Path]:
        return sorted(self.path.glob("*.png"))


def make_given(folder: Path, target: type) -> dict[str, Any]:
    for name in ("Parus major", "Pica pica"):
        (folder / f"{name}.png").write_bytes(b"?")
    return {"options": {"path": folder}}


RIGHT = (Right,)
FAULTY = {
    "it_has_rows_of_texts": Numbered,
    "identifiers_are_unique": Alike,
    "rows_have_an_image_or_a_problem": Gone,
    "some_row_is_named": Nameless,
    "rows_are_the_same_again": Once,
    "its_revision_and_notes_are_texts": Unnumbered,
    "missing_files_are_told": Trusting,
}
