"""Rare Species (Stevens et al. 2024): 400 threatened species of which BioCLIP saw no image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bioclip_x.plugin import LINNAEAN, DatasetCapabilities, PublishedSource, TrainingError
from bioclip_x_plugins.datasets.published.bioclip_metadata import is_bioclip_table, read_bioclip_table
from bioclip_x_plugins.datasets.published.dataset import OffList, Published
from bioclip_x_plugins.datasets.published.files import list_folders, list_images, read_rows, require
from bioclip_x_plugins.datasets.published.listing import Listing, collect, make_taxon

SOURCE: Final = PublishedSource(
    title="Rare Species",
    url="https://huggingface.co/datasets/imageomics/rare-species",
    folder="rare-species",
    files=("dataset/", "metadata/rarespecies-catalog.csv"),
    licence="compilation CC0; images under their own licences, in metadata/licenses.csv",
)


class RareSpecies(Published):
    """root: the data set's folder as on the hub (dataset/, metadata/), or one with the metadata.csv of BioCLIP's repository.

    It has no splits: all images are for testing.
    """

    capabilities = DatasetCapabilities(lists_nodes=True, names_files=True, brings_classes=True, published=SOURCE)
    name_of_source = "Rare Species"

    def __init__(self, *, root: Path, off_list: OffList = "skip") -> None:
        super().__init__(off_list)
        self.root = root

    def read(self) -> Listing:
        if is_bioclip_table(self.root):
            return read_bioclip_table(self.root)
        require(self.root, SOURCE, *SOURCE.files)
        common_of = dict(_iterate_common_names(self.root / "metadata" / "rarespecies-catalog.csv"))
        folders = list_folders(self.root / "dataset")
        names_of = {folder.name: parse_folder(folder.name) for folder in folders}
        categories = {
            name: make_taxon(dict(zip(LINNAEAN, names)), common_of.get(names, "")) for name, names in names_of.items()
        }
        return collect(((image, folder.name) for folder in folders for image in list_images(folder)), categories)


def parse_folder(name: str) -> tuple[str, ...]:
    """Returns the seven names of a folder; only the epithet may have a hyphen of its own.

    >>> parse_folder("Animalia-Chordata-Aves-Gruiformes-Gruidae-Grus-japonensis")[-2:]
    ('Grus', 'japonensis')
    """
    names = tuple(name.split("-", len(LINNAEAN) - 1))
    if len(names) < len(LINNAEAN):
        raise TrainingError(f"data: the folder {name!r} of Rare Species is no lineage of seven names joined by hyphens")
    return names


def _iterate_common_names(catalog: Path) -> Iterator[tuple[tuple[str, ...], str]]:
    for row in read_rows(catalog, *LINNAEAN, "common"):
        yield tuple(row[rank] for rank in LINNAEAN), row["common"]
