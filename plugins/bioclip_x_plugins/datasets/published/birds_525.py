"""BIRDS 525 SPECIES (gpiosenka, Kaggle)."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from bioclip_x.plugin import DatasetCapabilities, PublishedSource
from bioclip_x_plugins.datasets.published.bioclip_metadata import is_bioclip_table, read_bioclip_table
from bioclip_x_plugins.datasets.published.dataset import OffList, Published
from bioclip_x_plugins.datasets.published.files import list_folders, list_images, read_rows, require
from bioclip_x_plugins.datasets.published.listing import Category, Listing, collect, make_label

SOURCE: Final = PublishedSource(
    title="Birds 525",
    url="https://www.kaggle.com/datasets/gpiosenka/100-bird-species",
    folder="birds-525",
    files=("train/", "valid/", "test/", "birds.csv"),
)


class Birds525(Published):
    """root: the folder with train/, valid/ and test/, or one with the metadata.csv of BioCLIP's repository, which has whole
    lineages and replaces the split. split: one of these folders.

    Common names are those of the class folders, in lower case; scientific names are those of birds.csv, where it is there.
    """

    capabilities = DatasetCapabilities(lists_nodes=True, names_files=True, brings_classes=True, published=SOURCE)
    name_of_source = "Birds 525"

    def __init__(
        self, *, root: Path, split: Literal["test", "train", "valid"] = "test", off_list: OffList = "skip"
    ) -> None:
        super().__init__(off_list)
        self.root, self.split = root, split

    def read(self) -> Listing:
        if is_bioclip_table(self.root):
            return read_bioclip_table(self.root)
        require(self.root, SOURCE, f"{self.split}/")
        folders = list_folders(self.root / self.split)
        scientific_of = read_scientific_names(self.root / "birds.csv")
        categories = {folder.name: make_category(folder.name, scientific_of) for folder in folders}
        return collect(((image, folder.name) for folder in folders for image in list_images(folder)), categories)


def make_category(label: str, scientific_of: dict[str, str]) -> Category:
    """Returns a species with its common name, or the label alone, in lower case: the folders shout."""
    common, scientific = label.lower(), scientific_of.get(label.upper(), "").capitalize()
    return Category((("species", scientific),), common) if scientific else make_label(common)


def read_scientific_names(path: Path) -> dict[str, str]:
    """Reads label → scientific name; {} without the file."""
    if not path.is_file():
        return {}
    return {row["labels"].upper(): row["scientific name"] for row in read_rows(path, "labels", "scientific name")}
