"""NABirds (Van Horn et al., CVPR 2015): categories of birds on a tree, down to sexes, ages and colour morphs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from bioclip_x.plugin import DatasetCapabilities, PublishedSource, TrainingError
from bioclip_x_plugins.datasets.published.cub import list_split
from bioclip_x_plugins.datasets.published.dataset import OffList, Published
from bioclip_x_plugins.datasets.published.files import read_pairs, require
from bioclip_x_plugins.datasets.published.listing import Category, Lineage, Listing, collect

SOURCE: Final = PublishedSource(
    title="NABirds",
    url="https://dl.allaboutbirds.org/nabirds",
    folder="nabirds",
    files=("images.txt", "classes.txt", "hierarchy.txt", "image_class_labels.txt", "train_test_split.txt", "images/"),
)


class NABirds(Published):
    """root: the folder nabirds. split: its published division.

    The classes are the categories that have images; above them stands the tree of hierarchy.txt, without ranks.
    """

    capabilities = DatasetCapabilities(lists_nodes=True, names_files=True, brings_classes=True, published=SOURCE)
    name_of_source = "NABirds"

    def __init__(
        self, *, root: Path, split: Literal["test", "train", "all"] = "test", off_list: OffList = "skip"
    ) -> None:
        super().__init__(off_list)
        self.root, self.split = root, split

    def read(self) -> Listing:
        require(self.root, SOURCE, *SOURCE.files)
        name_of = {int(key): name for key, name in read_pairs(self.root / "classes.txt").items()}
        parent_of = {int(key): int(parent) for key, parent in read_pairs(self.root / "hierarchy.txt").items()}
        labelled = sorted({int(key) for key in read_pairs(self.root / "image_class_labels.txt").values()})
        categories = {key: Category(make_lineage(key, name_of, parent_of)) for key in labelled}
        images = [(path, int(key)) for path, key in list_split(self.root, self.split)]
        return collect(images, categories)


def make_lineage(key: int, name_of: Mapping[int, str], parent_of: Mapping[int, int]) -> Lineage:
    """Returns the categories from the top to `key`, without the root "Birds", which is all of them.

    Raises TrainingError for a category without a name, and for a circle.
    """
    path = [key]
    while (parent := parent_of.get(path[-1], key)) in parent_of:
        if parent in path:
            raise TrainingError(f"data: hierarchy.txt of NABirds has a circle at the category {parent}")
        path.append(parent)
    if unnamed := [one for one in path if one not in name_of]:
        raise TrainingError(f"data: classes.txt of NABirds has no line for the category {unnamed[0]}")
    return tuple(("", name_of[one]) for one in reversed(path))
