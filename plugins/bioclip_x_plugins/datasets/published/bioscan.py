"""BIOSCAN-1M Insect (Gharaee et al., NeurIPS 2023)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from bioclip_x.plugin import LINNAEAN, DatasetCapabilities, PublishedSource, TrainingError
from bioclip_x_plugins.datasets.published.dataset import OffList, Published
from bioclip_x_plugins.datasets.published.files import make_missing_error, read_rows, require
from bioclip_x_plugins.datasets.published.listing import Category, Listing, collect_in_order

TABLE: Final = "BIOSCAN_1M_Insect_Dataset_metadata.tsv"
SOURCE: Final = PublishedSource(
    title="BIOSCAN-1M",
    url="https://github.com/bioscan-ml/BIOSCAN-1M",
    folder="bioscan",
    files=(TABLE, "images/cropped_256/part1/", "images/cropped_256/part2/", "…"),
    licence="CC BY 3.0",
)
Rank = Literal["order", "family", "subfamily", "tribe", "genus", "species"]
Experiment = Literal[
    "small_insect_order", "medium_insect_order", "large_insect_order",
    "small_diptera_family", "medium_diptera_family", "large_diptera_family",
]  # fmt: skip
UNKNOWN: Final = ("", "not_classified")


class Bioscan(Published):
    """root: the folder with the table and images/. split: of the experiment.

    rank: of the classes; images that are not identified to it are left out. experiment: one of the published divisions.
    package: which of the image packages, a folder in images/ (original_256, cropped_256, …).
    """

    capabilities = DatasetCapabilities(lists_nodes=True, names_files=True, brings_classes=True, published=SOURCE)
    name_of_source = "BIOSCAN-1M"

    def __init__(
        self, *, root: Path, split: Literal["test", "train", "validation"] = "test", rank: Rank = "order",
        experiment: Experiment = "small_insect_order", package: str = "cropped_256", off_list: OffList = "skip",
    ) -> None:  # fmt: skip
        super().__init__(off_list)
        self.root, self.split, self.rank, self.experiment, self.package = root, split, rank, experiment, package

    def read(self) -> Listing:
        require(self.root, SOURCE, TABLE)
        folder = self.root / "images" / self.package
        if not folder.is_dir():
            raise make_missing_error(self.root, f"images/{self.package}/", SOURCE)
        return collect_in_order(self._iterate_rows(folder))

    def _iterate_rows(self, folder: Path) -> Iterator[tuple[str, Category]]:
        ranks = [*LINNAEAN[1:5], "subfamily", "tribe", *LINNAEAN[5:]]
        ranks = ranks[: ranks.index(self.rank) + 1]
        for row in read_rows(self.root / TABLE, *ranks, self.experiment, "image_file", "chunk_number"):
            if row[self.experiment] == self.split and row[self.rank] not in UNKNOWN:
                lineage = tuple((rank, row[rank]) for rank in ranks if row[rank] not in UNKNOWN)
                image = folder / f"part{parse_chunk(row['chunk_number'])}" / row["image_file"]
                yield str(image), Category((("kingdom", "Animalia"), *lineage))


def parse_chunk(number: str) -> int:
    """Returns the number of a folder, which some tools write as 18.0."""
    try:
        return int(float(number))
    except ValueError:
        raise TrainingError(f"data: {TABLE}: {number!r} is no chunk_number") from None
