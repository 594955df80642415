"""Oxford-IIIT Pet (Parkhi et al., CVPR 2012): 37 breeds of cats and dogs."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from bioclip_x.plugin import DatasetCapabilities, PublishedSource, TrainingError, parse_whole_number, read_lines
from bioclip_x_plugins.datasets.published.dataset import OffList, Published
from bioclip_x_plugins.datasets.published.files import require
from bioclip_x_plugins.datasets.published.listing import Category, Listing, collect

SOURCE: Final = PublishedSource(
    title="Oxford-IIIT Pet",
    url="https://www.robots.ox.ac.uk/~vgg/data/pets/",
    folder="oxford-iiit-pet",
    files=("annotations/trainval.txt", "annotations/test.txt", "images/"),
    licence="CC BY-SA 4.0",
)


class OxfordPets(Published):
    """root: the folder with images/ and annotations/. split: its published division.

    Breeds stand below "cat" and "dog"; their names are those of the files ("american bulldog"), as in CBD's descriptors.
    """

    capabilities = DatasetCapabilities(lists_nodes=True, names_files=True, brings_classes=True, published=SOURCE)
    name_of_source = "Oxford-IIIT Pet"

    def __init__(self, *, root: Path, split: Literal["test", "trainval"] = "test", off_list: OffList = "skip") -> None:
        super().__init__(off_list)
        self.root, self.split = root, split

    def read(self) -> Listing:
        annotations = f"annotations/{self.split}.txt"
        require(self.root, SOURCE, annotations, "images/")
        rows = read_annotations(self.root / annotations)
        category_of = {
            class_id: Category((("", "cat" if species == 1 else "dog"), ("", parse_breed(image))))
            for image, class_id, species in sorted(rows, key=lambda row: row[1])
        }
        return collect(((str(self.root / "images" / f"{image}.jpg"), key) for image, key, _ in rows), category_of)


def parse_breed(image: str) -> str:
    """
    >>> parse_breed("american_bulldog_10")
    'american bulldog'
    """
    return image.rpartition("_")[0].replace("_", " ")


def read_annotations(path: Path) -> list[tuple[str, int, int]]:
    """Reads (image, class 1 to 37, species 1 or 2). Raises TrainingError with the line for another form."""
    rows = []
    for number, line in enumerate(read_lines(path, TrainingError), 1):
        if line.strip() and not line.startswith("#"):
            image, *numbers = line.split()
            if len(numbers) < 2 or any(parse_whole_number(one) is None for one in numbers):
                raise TrainingError(
                    f"data: {path}, line {number}: expected an image and three numbers, found {line.strip()!r}"
                )
            rows.append((image, int(numbers[0]), int(numbers[1])))
    return rows
