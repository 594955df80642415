"""Caltech-UCSD Birds-200-2011 (Wah et al. 2011)."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from bioclip_x.plugin import DatasetCapabilities, PublishedSource
from bioclip_x_plugins.datasets.published.dataset import OffList, Published
from bioclip_x_plugins.datasets.published.files import look_up, read_pairs, require
from bioclip_x_plugins.datasets.published.listing import Listing, collect, make_label

SOURCE: Final = PublishedSource(
    title="CUB-200-2011",
    url="https://www.vision.caltech.edu/datasets/cub_200_2011/",
    folder="CUB_200_2011",
    files=("images.txt", "classes.txt", "image_class_labels.txt", "train_test_split.txt", "images/"),
)
Spelling = Literal["words", "cbd"]


class Cub(Published):
    """root: the folder CUB_200_2011. split: its published division.

    names: "words" for the words of the class folders ("Black footed Albatross"); "cbd" for their spelling in CBD's code, all
    words but the last joined by hyphens ("Black-footed Albatross", "Great-Crested Flycatcher"), which its descriptors have.
    """

    capabilities = DatasetCapabilities(lists_nodes=True, names_files=True, brings_classes=True, published=SOURCE)
    name_of_source = "CUB-200-2011"

    def __init__(
        self, *, root: Path, split: Literal["test", "train", "all"] = "test", names: Spelling = "words",
        off_list: OffList = "skip",
    ) -> None:  # fmt: skip
        super().__init__(off_list)
        self.root, self.split, self.names = root, split, names

    def read(self) -> Listing:
        require(self.root, SOURCE, *SOURCE.files)
        name_of = {key: spell(name, self.names) for key, name in read_pairs(self.root / "classes.txt").items()}
        return collect(list_split(self.root, self.split), {key: make_label(name) for key, name in name_of.items()})


def list_split(root: Path, split: str) -> list[tuple[str, str]]:
    """Lists the images of a split, in the order of images.txt, with their class ids."""
    labels, splits = root / "image_class_labels.txt", root / "train_test_split.txt"
    class_of, is_train = read_pairs(labels), read_pairs(splits)
    wanted = {"train": ("1",), "test": ("0",)}.get(split, ("0", "1"))
    return [
        (str(root / "images" / path), look_up(class_of, image, labels))
        for image, path in read_pairs(root / "images.txt").items()
        if look_up(is_train, image, splits) in wanted
    ]


def spell(folder: str, names: Spelling) -> str:
    """Returns the name of a class folder.

    >>> spell("001.Black_footed_Albatross", "words"), spell("001.Black_footed_Albatross", "cbd")
    ('Black footed Albatross', 'Black-footed Albatross')
    >>> spell("018.Spotted_Catbird", "cbd")
    'Spotted Catbird'
    """
    words = folder.split(".")[-1].split("_")
    return " ".join(words) if names == "words" or len(words) < 3 else f"{'-'.join(words[:-1])} {words[-1]}"
