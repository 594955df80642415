"""Folders of images, one per class and named after it. Images may be in subfolders."""

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

    off_list: whether folders that are not a taxon of the taxonomy are skipped, or kept as images without a class.
    """

    capabilities = DatasetCapabilities(reads=("folder",), evaluation_options={"off_list": "keep"})

    def __init__(self, *, path: Path, off_list: Literal["skip", "keep"] = "skip") -> None:
        self.path, self.off_list = path, off_list
        self._files: list[tuple[str, int]] = []

    def prepare(self, taxonomy: Taxonomy) -> Iterator[str]:
        """Raises TrainingError if the folder does not exist or has no subfolders."""
        if not self.path.is_dir():
            raise TrainingError(f"data: the folder {self.path} does not exist")
        folders = sorted(entry.name for entry in self.path.iterdir() if entry.is_dir())
        if not folders:
            raise TrainingError(f"data: {self.path} has no subfolders; expected one per class")
        classes, unresolved, ambiguous = resolve_labels(folders, taxonomy)
        unlisted = find_unlisted_labels(unresolved, taxonomy) if self.off_list == "keep" else []
        classes |= dict.fromkeys(unlisted, -1)
        unresolved = [name for name in unresolved if name not in classes]
        if unlisted:
            yield f"{len(unlisted)} folders of {self.path} are not in the taxonomy, kept as off-list: {list_some(unlisted)}"
        self._files = [(file, index) for name, index in classes.items() for file in _list_images(self.path / name)]
        if unresolved:
            yield f"{len(unresolved)} folders of {self.path} are not a class of the taxonomy, skipped: {list_some(unresolved)}"
        if ambiguous:
            yield f"{len(ambiguous)} folders of {self.path} match several classes, skipped: {list_some(ambiguous)}"

    def __len__(self) -> int:
        return len(self._files)

    def sample(self, index: int) -> Sample:
        return Sample(self._files[index][1])

    def name(self, index: int) -> str:
        """Returns the path of the image."""
        return self._files[index][0]

    def image(self, index: int) -> Image:
        path = self._files[index][0]
        try:
            return open_image(Path(path))
        except ImageError as problem:
            raise ImageError(f"{path}: {problem}") from None


def _list_images(folder: Path) -> list[str]:
    """Lists the images that `classify` takes from a folder, sorted so that indices do not depend on the file system."""
    paths: list[str] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        images = (name for name in names if name.lower().endswith(_SUFFIXES) and not name.startswith("."))
        paths.extend(os.path.join(parent, name) for name in images)  # noqa: PTH118 - faster, for millions of files
    return sorted(paths)
