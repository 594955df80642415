"""Meta-Album (Ullah et al., NeurIPS 2022): its uniform layout, and the eight sets that BioCLIP is tested on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from bioclip_x.plugin import DatasetCapabilities, PublishedSource, TrainingError, read_yaml
from bioclip_x_plugins.datasets.published.bioclip_metadata import is_bioclip_table, read_bioclip_table
from bioclip_x_plugins.datasets.published.dataset import OffList, Published
from bioclip_x_plugins.datasets.published.files import read_rows, require
from bioclip_x_plugins.datasets.published.listing import Category, Listing, collect_in_order, make_label

SOURCE: Final = PublishedSource(
    title="Meta-Album",
    url="https://meta-album.github.io/",
    folder="PLK_Mini, INS_Mini, INS_2_Mini, PLT_NET_Mini, FNG_Mini, PLT_VIL_Mini, MED_LF_Mini or PLT_DOC_Mini",
    files=("labels.csv", "images/"),
    licence="of each set, on its page",
)
Set = Literal["plankton", "insects", "insects-2", "plantnet", "fungi", "plantvillage", "medicinal-leaf", "plantdoc"]


@dataclass(frozen=True, slots=True)
class AlbumSet:
    """title: as in BioCLIP's table. folder: its Mini version, as BioCLIP's repository names it."""

    title: str
    folder: str


SETS: Final[Mapping[Set, AlbumSet]] = {
    "plankton": AlbumSet("Plankton", "PLK_Mini"),
    "insects": AlbumSet("Insects", "INS_Mini"),
    "insects-2": AlbumSet("Insects 2", "INS_2_Mini"),
    "plantnet": AlbumSet("PlantNet", "PLT_NET_Mini"),
    "fungi": AlbumSet("Fungi", "FNG_Mini"),
    "plantvillage": AlbumSet("PlantVillage", "PLT_VIL_Mini"),
    "medicinal-leaf": AlbumSet("Medicinal Leaf", "MED_LF_Mini"),
    "plantdoc": AlbumSet("PlantDoc", "PLT_DOC_Mini"),
}


class MetaAlbum(Published):
    """set: which of the sets that BioCLIP uses. root: its folder, with labels.csv and images/, or with the metadata.csv of
    BioCLIP's repository.

    The classes are plain labels as published, which is the text that BioCLIP inserts into its templates: PlantNet's have
    underscores, those of fungi authors, those of insects are in part French. They have no splits: all images are for testing.
    """

    capabilities = DatasetCapabilities(lists_nodes=True, names_files=True, brings_classes=True, published=SOURCE)

    def __init__(self, set: Set, *, root: Path, off_list: OffList = "skip") -> None:
        super().__init__(off_list)
        self.set, self.root = set, root

    @property
    def name_of_source(self) -> str:  # type: ignore[override]
        return f"Meta-Album {SETS[self.set].title}"

    def read(self) -> Listing:
        if is_bioclip_table(self.root):
            return read_bioclip_table(self.root)
        require(self.root, replace(SOURCE, title=self.name_of_source, folder=SETS[self.set].folder), *SOURCE.files)
        return collect_in_order(_iterate_rows(self.root))


def _iterate_rows(root: Path) -> Iterator[tuple[str, Category]]:
    image, category = read_columns(root / "info.json")
    for row in read_rows(root / "labels.csv", image, category):
        yield str(root / "images" / row[image]), make_label(row[category])


def read_columns(path: Path) -> tuple[str, str]:
    """Reads the names of the columns of images and categories; the usual ones without the file."""
    info = read_yaml(path, TrainingError) if path.is_file() else {}
    if not isinstance(info, Mapping):
        raise TrainingError(f"data: {path} is no description of a Meta-Album set")
    return info.get("image_column_name", "FILE_NAME"), info.get("category_column_name", "CATEGORY")
