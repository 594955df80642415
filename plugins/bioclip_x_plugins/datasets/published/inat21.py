"""iNaturalist 2021 (Van Horn et al., CVPR 2021): the names of its class folders are lineages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from bioclip_x.plugin import (
    LINNAEAN,
    DatasetCapabilities,
    PublishedSource,
    TrainingError,
    parse_whole_number,
    read_json,
)
from bioclip_x_plugins.datasets.published.dataset import OffList, Published
from bioclip_x_plugins.datasets.published.files import list_folders, list_images, require
from bioclip_x_plugins.datasets.published.listing import Category, Listing, collect, make_taxon

SOURCE: Final = PublishedSource(
    title="iNaturalist 2021",
    url="https://github.com/visipedia/inat_comp/tree/master/2021",
    folder="inat21",
    files=("train/", "train_mini/", "val/", "val.json"),
    licence="for research and education that is not commercial; iNaturalist's terms of service",
)


class INat21(Published):
    """root: the folder that val/, train_mini/ or train/ lie in. split: one of these.

    annotations: the split's JSON file (val.json), which lists its images and has common names; without it the names of the
    folders are the lineages and the files in them the images.
    """

    capabilities = DatasetCapabilities(lists_nodes=True, names_files=True, brings_classes=True, published=SOURCE)
    name_of_source = "iNaturalist 2021"

    def __init__(
        self, *, root: Path, split: Literal["val", "train", "train_mini"] = "val", annotations: Path | None = None,
        off_list: OffList = "skip",
    ) -> None:  # fmt: skip
        super().__init__(off_list)
        self.root, self.split, self.annotations = root, split, annotations

    def read(self) -> Listing:
        require(self.root, SOURCE, f"{self.split}/")
        if self.annotations:
            return read_annotations(self.annotations, self.root)
        folders = list_folders(self.root / self.split)
        images = ((image, folder.name) for folder in folders for image in list_images(folder))
        return collect(images, {folder.name: parse_folder(folder.name) for folder in folders})


def parse_folder(name: str) -> Category:
    """Returns the class of a folder. Raises TrainingError for another form of name.

    >>> parse_folder("00000_Animalia_Annelida_Clitellata_Haplotaxida_Lumbricidae_Lumbricus_terrestris").name
    'Lumbricus terrestris'
    """
    number, *names = name.split("_", len(LINNAEAN))
    if parse_whole_number(number) is None or len(names) < len(LINNAEAN):
        raise TrainingError(
            f"data: the folder {name!r} of iNaturalist 2021 is no lineage; expected a number and seven names, as "
            "00000_Animalia_Annelida_Clitellata_Haplotaxida_Lumbricidae_Lumbricus_terrestris"
        )
    return make_taxon(dict(zip(LINNAEAN, [*names[:-1], names[-1].replace("_", " ")])))


def read_annotations(path: Path, root: Path) -> Listing:
    """Reads the JSON in COCO's format. Raises TrainingError for one that lacks a part."""
    try:
        document = read_json(path, TrainingError)
        category_of = {one["id"]: parse_category(one) for one in document["categories"]}
        file_of = {one["id"]: one["file_name"] for one in document["images"]}
        return collect(list(_iterate_images(document, file_of, root)), category_of)
    except (ValueError, KeyError, TypeError) as problem:
        raise TrainingError(f"data: {path} is no annotation file of iNaturalist 2021: {problem!r}") from problem


def parse_category(category: Mapping[str, Any]) -> Category:
    names = {rank: str(category[rank]) for rank in LINNAEAN[:-1]}
    return make_taxon(names | {"species": str(category["specific_epithet"])}, str(category.get("common_name") or ""))


def _iterate_images(document: Mapping[str, Any], file_of: Mapping[int, str], root: Path) -> Iterator[tuple[str, int]]:
    for one in document["annotations"]:
        yield str(root / file_of[one["image_id"]]), one["category_id"]
