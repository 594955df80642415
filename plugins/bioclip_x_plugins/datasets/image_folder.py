"""Folders of images, one per class and named after it. Images may be in subfolders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from bioclip_x.plugin import (
    DatasetCapabilities,
    ImageFiles,
    LeftOut,
    Sample,
    Taxonomy,
    TrainingError,
    find_taxa_above,
    is_left_out,
    list_some,
    resolve_labels,
)


class ImageFolder:
    """path: the folder of class folders ("Parus_major", "Parus major" or "great tit").

    A folder may also be named after a taxon above the classes ("Parus", "Parus sp."), for images identified no further.
    off_list: whether folders that are not a taxon of the taxonomy are skipped, or kept as images without a taxon.
    """

    capabilities = DatasetCapabilities(
        reads=("folder",), evaluation_options={"off_list": "keep"}, searches_folders=True, lists_nodes=True
    )

    def __init__(self, *, path: Path, off_list: Literal["skip", "keep"] = "skip") -> None:
        self.path, self.off_list = path, off_list
        self._images: list[tuple[str, int, int]] = []
        self._files = ImageFiles()

    def use_files(self, files: ImageFiles) -> None:
        self._files = files

    def prepare(self, taxonomy: Taxonomy) -> Iterator[str]:
        """Raises TrainingError if the folder does not exist, cannot be read or has no subfolders."""
        left_out = LeftOut()
        folders, loose = self._list_classes(left_out)
        if not folders:
            raise TrainingError(f"data: {self.path} has no subfolders; expected one per class")
        node_of, unlisted, ambiguous = resolve_labels(folders, taxonomy)
        above_of: dict[str, int] = {}
        if self.off_list == "keep":
            node_of |= dict.fromkeys(unlisted, -1)
            above_of = find_taxa_above(unlisted, taxonomy)
        problems: list[str] = []
        self._images = [
            (file, node, above_of.get(name, -1))
            for name, node in node_of.items()
            for file in self._list_images(self.path / name, left_out, problems)
        ]
        if unlisted:
            done = "kept as off-list" if self.off_list == "keep" else "skipped"
            yield f"{len(unlisted)} folders of {self.path} are not in the taxonomy, {done}: {list_some(unlisted)}"
        if ambiguous:
            yield f"{len(ambiguous)} folders of {self.path} match several taxa, skipped: {list_some(ambiguous)}"
        if loose:
            yield f"{loose} images of {self.path} are in no folder of a class, skipped"
        if told := left_out.describe():
            yield f"{self.path}: {told}"
        yield from problems

    def __len__(self) -> int:
        return len(self._images)

    def sample(self, index: int) -> Sample:
        _, node, above = self._images[index]
        return Sample(node, above=above)

    def nodes(self) -> npt.NDArray[np.int64]:
        return np.array([node for _, node, _ in self._images], np.int64)

    def name(self, index: int) -> str:
        """Returns the path of the image."""
        return self._images[index][0]

    def image(self, index: int) -> Path:
        return Path(self._images[index][0])

    def _list_classes(self, left_out: LeftOut) -> tuple[list[str], int]:
        """Lists the folders of classes, and counts the images beside them. left_out: counts other folders."""
        if not self.path.is_dir():
            raise TrainingError(f"data: the folder {self.path} does not exist")
        try:
            entries = sorted(self.path.iterdir())
        except OSError as problem:
            raise TrainingError(f"data: the folder {self.path} cannot be read: {problem.strerror or problem}") from None
        folders = [entry.name for entry in entries if entry.is_dir()]
        left_out.folders.update(filter(is_left_out, folders))
        loose = sum(entry.suffix.lower() in self._files.suffixes for entry in entries if not entry.is_dir())
        return [name for name in folders if not is_left_out(name)], loose

    def _list_images(self, folder: Path, left_out: LeftOut, problems: list[str]) -> list[str]:
        """Lists the images that `classify` takes from a folder, sorted, so that indices do not depend on the file system.

        problems: gets a message for each folder that cannot be read.
        """
        found = list(self._files.walk(folder, left_out))
        problems += [f"{source.name}: {source.error}" for source in found if source.error]
        return sorted(source.name for source in found if not source.error)
