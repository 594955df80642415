"""ImageNet's validation images in folders by wnid (Russakovsky et al. 2015)."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from open_clip import IMAGENET_CLASSNAMES

from bioclip_x.plugin import (
    DatasetCapabilities,
    PublishedSource,
    TrainingError,
    parse_whole_number,
    read_json,
    read_lines,
)
from bioclip_x_plugins.datasets.published.dataset import OffList, Published
from bioclip_x_plugins.datasets.published.files import list_folders, list_images, make_missing_error
from bioclip_x_plugins.datasets.published.listing import Listing, make_label

SOURCE: Final = PublishedSource(
    title="ImageNet (ILSVRC 2012)",
    url="https://image-net.org/challenges/LSVRC/2012/",
    folder="ILSVRC2012",
    files=("val/n01440764/", "val/n01443537/", "… (a folder per wnid)"),
)


class ImageNet(Published):
    """root: the folder with val/ (or Kaggle's Data/CLS-LOC/val/), in it a folder per wnid. split: val or train.

    names: the class names in the order of the sorted wnids. Without it, CLIP's names (Radford et al. 2021). A text file has
    one name per line, alone or after its wnid; a JSON file is a list, or an object whose keys are the names, as CBD's
    descriptors_imagenet.json, whose order is that of the evaluation in its code.
    """

    capabilities = DatasetCapabilities(lists_nodes=True, names_files=True, brings_classes=True, published=SOURCE)
    name_of_source = "ImageNet"

    def __init__(
        self, *, root: Path, split: Literal["val", "train"] = "val", names: Path | None = None,
        off_list: OffList = "skip",
    ) -> None:  # fmt: skip
        super().__init__(off_list)
        self.root, self.split, self.names = root, split, names

    def read(self) -> Listing:
        places = [self.root / self.split, self.root / "Data" / "CLS-LOC" / self.split]
        place = next((one for one in places if one.is_dir()), None)
        if place is None:
            raise make_missing_error(self.root, f"{self.split}/", SOURCE)
        folders = list_folders(place)
        name_of = name_wnids([folder.name for folder in folders], self.names)
        images = [(image, index) for index, folder in enumerate(folders) for image in list_images(folder)]
        return Listing(
            [make_label(name_of[folder.name]) for folder in folders],
            [image for image, _ in images],
            [index for _, index in images],
        )


def name_wnids(wnids: list[str], file: Path | None) -> dict[str, str]:
    """Returns wnid → name for sorted wnids. Raises TrainingError where there are not as many names as wnids."""
    names = list(IMAGENET_CLASSNAMES) if file is None else read_names(file)
    by_wnid = dict(name.split(maxsplit=1) for name in names if is_wnid(name.split(maxsplit=1)))
    if len(by_wnid) == len(names):
        if missing := [wnid for wnid in wnids if wnid not in by_wnid]:
            raise TrainingError(f"data: {file} has no name for {missing[0]}")
        return by_wnid
    if len(names) != len(wnids):
        raise TrainingError(
            f"data: ImageNet has {len(wnids)} folders here, but {file or 'the list of CLIP'} has {len(names)} names; unpack "
            "all classes, or give the names of these as a file: names=FILE, with a wnid and a name per line"
        )
    return dict(zip(wnids, names))


def is_wnid(words: list[str]) -> bool:
    return len(words) == 2 and words[0][:1] == "n" and parse_whole_number(words[0][1:]) is not None


def read_names(file: Path) -> list[str]:
    """Reads the names in a file. Raises TrainingError for JSON that is neither a list nor an object."""
    if file.suffix.lower() != ".json":
        return [line.strip() for line in read_lines(file, TrainingError) if line.strip()]
    try:
        return list(map(str, read_json(file, TrainingError)))
    except (ValueError, TypeError) as problem:
        raise TrainingError(f"data: {file} is neither a list of names nor an object with names as keys") from problem
