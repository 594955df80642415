"""A folder per class, named as the class is; images anywhere below it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from PIL.Image import Image

from bioclip_x.plugin import (
    SUFFIXES,
    DatasetCapabilities,
    ImageError,
    Sample,
    Taxonomy,
    TrainingError,
    find_unlisted_labels,
    list_some,
    open_image,
    resolve_labels,
)

_SUFFIXES = tuple(SUFFIXES)


class ImageFolder:
    """path: the folder of class folders ("Parus_major", "Parus major" or "great tit").

    off_list: what becomes of folders that are no taxon of the taxonomy: skipped, or kept as images of no class.
    """

    capabilities = DatasetCapabilities(reads=("folder",), evaluation_options={"off_list": "keep"})

    def __init__(self, *, path: Path, off_list: Literal["skip", "keep"] = "skip") -> None:
        self.path, self.off_list = path, off_list
        self._files: list[tuple[str, int]] = []

    def prepare(self, taxonomy: Taxonomy) -> Iterator[str]:
        """Raises TrainingError where the folder does not exist or holds no folders."""
        if not self.path.is_dir():
            raise TrainingError(f"data: the folder {self.path} does not exist")
        folders = sorted(entry.name for entry in self.path.iterdir() if entry.is_dir())
        if not folders:
            raise TrainingError(f"data: {self.path} holds no folders; expected one per class")
        found, lost, doubtful = resolve_labels(folders, taxonomy)
        others = find_unlisted_labels(lost, taxonomy) if self.off_list == "keep" else []
        found |= dict.fromkeys(others, -1)
        lost = [name for name in lost if name not in found]
        if others:
            yield f"{len(others)} folders of {self.path} are no taxon of the taxonomy, taken as off the list: {list_some(others)}"
        self._files = [(file, index) for name, index in found.items() for file in _pictures(self.path / name)]
        if lost:
            yield f"{len(lost)} folders of {self.path} are no class of the taxonomy, skipped: {list_some(lost)}"
        if doubtful:
            yield f"{len(doubtful)} folders of {self.path} fit several classes, skipped: {list_some(doubtful)}"

    def __len__(self) -> int:
        return len(self._files)

    def sample(self, index: int) -> Sample:
        return Sample(self._files[index][1])

    def name(self, index: int) -> str:
        """The image's path."""
        return self._files[index][0]

    def image(self, index: int) -> Image:
        path = self._files[index][0]
        try:
            return open_image(Path(path))
        except ImageError as problem:
            raise ImageError(f"{path}: {problem}") from None


def _pictures(folder: Path) -> list[str]:
    """Those that `classify` takes from a folder. Sorted: an image's number must not depend on the file system."""
    found: list[str] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        pictures = (name for name in names if name.lower().endswith(_SUFFIXES) and not name.startswith("."))
        found.extend(os.path.join(parent, name) for name in pictures)  # noqa: PTH118 - millions
    return sorted(found)
