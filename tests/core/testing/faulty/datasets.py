"""Data sets, each with one fault."""

from collections.abc import Iterable
from pathlib import Path
from threading import get_ident
from typing import Any

import numpy as np
from PIL import Image

from bioclip_x.plugin import DatasetCapabilities, Sample, Taxonomy, TrainingError, from_labels, resolve_labels

KIND = "datasets"
LABELS = ("Parus major", "Pica pica")


class Right:
    """two images of each of two species"""

    capabilities = DatasetCapabilities(
        reads=("folder",), lists_nodes=True, names_files=True, sequential=True, brings_classes=True
    )

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: list[Path] = []
        self.node_of: dict[str, int] = {}
        self.own: Taxonomy | None = None

    def prepare(self, taxonomy: Taxonomy) -> Iterable[str]:
        files = sorted(self.path.glob("*.png"))
        if not files:
            raise TrainingError(f"{self.path} has no .png files")
        self.node_of = dict(resolve_labels(dict.fromkeys(LABELS), taxonomy)[0])
        self.files = [file for file in files if file.stem[:-1] in self.node_of]
        return ["two images of each species"]

    def own_taxonomy(self) -> Taxonomy:
        self.own = self.own or from_labels(list(LABELS))
        return self.own

    def __len__(self) -> int:
        return len(self.files)

    def sample(self, index: int) -> Any:
        return Sample(self.node_of.get(self.files[index].stem[:-1], -1))

    def name(self, index: int) -> str:
        return str(self.files[index])

    def image(self, index: int) -> Any:
        return self.files[index]

    def nodes(self) -> Any:
        return np.array([self.sample(i).node for i in range(len(self))])

    def blocks(self) -> list[int]:
        return [len(self)]


class Empty(Right):
    """no images"""

    def __len__(self) -> int:
        return 0


class OfIndices(Right):
    """nodes that the tree has not"""

    def sample(self, index: int) -> Any:
        return Sample(1000 + index)


class Opened(Right):
    """files that are open"""

    def image(self, index: int) -> Any:
        return object()


class Stems(Right):
    """names without the folder"""

    def name(self, index: int) -> str:
        return self.files[index].stem


class OtherNodes(Right):
    """nodes in another order"""

    def nodes(self) -> Any:
        return super().nodes()[::-1]


class HalfBlocks(Right):
    """blocks of half of the images"""

    def blocks(self) -> list[int]:
        return [len(self) // 2]


class NewTrees(Right):
    """a new tree each time"""

    def own_taxonomy(self) -> Taxonomy:
        return from_labels(list(LABELS))


class Adding(Right):
    """images that are added whenever it is prepared"""

    def prepare(self, taxonomy: Taxonomy) -> Iterable[str]:
        before = self.files
        notes = super().prepare(taxonomy)
        self.files = before + self.files
        return notes


class Unpicklable(Right):
    """a function that cannot be sent"""

    def prepare(self, taxonomy: Taxonomy) -> Iterable[str]:
        self.find = lambda label: self.node_of[label]
        return super().prepare(taxonomy)


class OfThreads(Right):
    """a colour for each thread"""

    def image(self, index: int) -> Any:
        return Image.new("RGB", (4, 4), get_ident() % 0xFFFFFF)


class Misnamed(Right):
    """an option that it has not"""

    capabilities = DatasetCapabilities(reads=("folder",), path_option="folder")


class Trusting(Right):
    """files that are missing are no error"""

    def prepare(self, taxonomy: Taxonomy) -> Iterable[str]:
        return super().prepare(taxonomy) if self.path.is_dir() else []


def make_given(folder: Path, target: type) -> dict[str, Any]:
    for label in LABELS:
        for number in (1, 2):
            Image.new("RGB", (8, 8)).save(folder / f"{label}{number}.png")
    return {"options": {"path": folder}, "examples": {"labels": LABELS}}


RIGHT = (Right,)
FAULTY = {
    "it_has_images": Empty,
    "samples_are_of_the_tree": OfIndices,
    "images_can_be_read": Opened,
    "names_are_files_where_declared": Stems,
    "nodes_are_those_of_its_samples": OtherNodes,
    "blocks_hold_every_image": HalfBlocks,
    "its_own_classes_are_one_tree": NewTrees,
    "other_lists_are_possible": Adding,
    "it_can_be_sent_to_other_processes": Unpicklable,
    "it_is_read_in_threads": OfThreads,
    "declared_options_exist": Misnamed,
    "missing_files_are_told": Trusting,
}
