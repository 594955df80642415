"""The source of images `my-component`: `sources: [{name: my-component, path: FOLDER, licence: CC BY 4.0}]` of a data set."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from bioclip_x.plugin import ComponentSpec, DatasetError, hookimpl

bioclip_x_api = 1


@hookimpl
def image_sources() -> list[ComponentSpec]:
    return [ComponentSpec("my-component", "images named by species: Parus major 1.jpg", f"{__name__}:MyComponent")]


class MyComponent:
    """JPEGs of a folder, whose file names begin with genus and species.

    path: the folder. The configuration says under which licence its images are.
    """

    def __init__(self, *, path: Path) -> None:
        self.path = path
        self._unnamed = 0

    def revision(self) -> str:
        """Returns a digest of what it reads: the names of the files."""
        return hashlib.sha256("\n".join(file.name for file in self._list_files()).encode()).hexdigest()

    def tables(self) -> Iterator[pa.Table]:
        """Yields rows, all of texts; see bioclip_x.plugin.ROW_COLUMNS."""
        files = self._list_files()
        self._unnamed = 0
        for start in range(0, len(files), 4096):
            part = files[start : start + 4096]
            names = [file.stem.split()[:2] for file in part]
            problems = ["" if len(name) == 2 else "its file name is no species" for name in names]
            self._unnamed += sum(map(bool, problems))
            yield pa.table({
                "source_id": [file.name for file in part],
                "image": [str(file) for file in part],
                "name": [" ".join(name) for name in names],
                "problem": problems,
            })  # fmt: skip

    def notes(self) -> Sequence[str]:
        return [f"{self._unnamed} images are not named by species"] if self._unnamed else []

    def _list_files(self) -> list[Path]:
        files = sorted(self.path.glob("*.jpg"))
        if not files:
            raise DatasetError(f"my-component: {self.path} has no .jpg files")
        return files
