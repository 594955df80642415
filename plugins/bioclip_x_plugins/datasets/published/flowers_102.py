"""Oxford Flowers-102 (Nilsback and Zisserman 2008)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from scipy.io import loadmat
from torchvision.datasets import Flowers102 as TorchvisionFlowers

from bioclip_x.plugin import DatasetCapabilities, PublishedSource, TrainingError, parse_whole_number, read_yaml
from bioclip_x_plugins.datasets.published.dataset import OffList, Published
from bioclip_x_plugins.datasets.published.files import require
from bioclip_x_plugins.datasets.published.listing import Category, Listing, collect, make_label

SOURCE: Final = PublishedSource(
    title="Flowers-102",
    url="https://www.robots.ox.ac.uk/~vgg/data/flowers/102/",
    folder="flowers-102",
    files=("imagelabels.mat", "setid.mat", "jpg/"),
)
SPLITS: Final = {"train": "trnid", "val": "valid", "test": "tstid"}


class Flowers102(Published):
    """root: the folder with jpg/ and the two .mat files. split: its published division; test has 6149 images.

    names: a JSON object of class number, 1 to 102, and name (cat_to_name.json); without it, the names in torchvision, which
    are those of the data set's page.
    """

    capabilities = DatasetCapabilities(lists_nodes=True, names_files=True, brings_classes=True, published=SOURCE)
    name_of_source = "Flowers-102"

    def __init__(
        self, *, root: Path, split: Literal["test", "train", "val"] = "test", names: Path | None = None,
        off_list: OffList = "skip",
    ) -> None:  # fmt: skip
        super().__init__(off_list)
        self.root, self.split, self.names = root, split, names

    def read(self) -> Listing:
        require(self.root, SOURCE, *SOURCE.files)
        labels = read_matrix(self.root / "imagelabels.mat", "labels")
        images = read_matrix(self.root / "setid.mat", SPLITS[self.split])
        if images and (max(images) > len(labels) or min(images) < 1):
            raise TrainingError(f"data: {self.root}: setid.mat lists images that imagelabels.mat has no label for")
        names = list_names(self.names)
        if unnamed := sorted(set(labels) - set(names)):
            raise TrainingError(
                f"data: {self.names or 'torchvision'} has no name for class {unnamed[0]} of Flowers-102"
            )
        return collect(
            ((str(self.root / "jpg" / f"image_{image:05}.jpg"), labels[image - 1]) for image in images),
            {number: names[number] for number in sorted(set(labels))},
        )


def list_names(file: Path | None) -> dict[int, Category]:
    """Returns number → class. Raises TrainingError for a file of another form."""
    if file is None:
        listed = getattr(TorchvisionFlowers, "classes", None)  # not in releases before 0.22
        if listed is None:
            raise TrainingError("data: this torchvision has no names of Flowers-102; give them: names=cat_to_name.json")
        return {number: make_label(name) for number, name in enumerate(listed, 1)}
    document = read_yaml(file, TrainingError)
    if not isinstance(document, dict) or not all(parse_whole_number(str(key)) is not None for key in document):
        raise TrainingError(f"data: {file}: expected an object of class number and name")
    return {int(key): make_label(str(name)) for key, name in document.items()}


def read_matrix(path: Path, variable: str) -> list[int]:
    """Reads a row of numbers of a MATLAB file. Raises TrainingError for one that cannot be read, or lacks it."""
    try:
        document: dict[str, Any] = loadmat(path)
        return [int(number) for number in document[variable].ravel()]
    except (OSError, ValueError, KeyError, TypeError, NotImplementedError) as problem:
        raise TrainingError(f"data: {path} cannot be read, or has no {variable!r}: {problem}") from problem
