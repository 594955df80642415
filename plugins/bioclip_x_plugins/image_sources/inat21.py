"""iNaturalist 2021 (Van Horn et al., CVPR 2021): folders named by lineage, and the published JSON.

Layout and licence: https://github.com/visipedia/inat_comp/tree/master/2021.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa

from bioclip_x.plugin import LINNAEAN, DatasetError, escape_surrogates, parse_whole_number
from bioclip_x_plugins.image_sources.accounting import NO_FILE, Accounts, batch_records
from bioclip_x_plugins.image_sources.files import Listing, list_images, make_revision, refuse_outside, require_folder
from bioclip_x_plugins.image_sources.json_arrays import iterate_arrays
from bioclip_x_plugins.image_sources.tables import find_table

COLUMNS: Final = (
    "source_id", "image", "name", "rank", *LINNAEAN, "common_name", "licence", "rights_holder", "split", "problem",
)  # fmt: skip


class INat21:
    """root: the folder that train/, train_mini/ or val/ lie in. split: one of these.

    annotations: the split's JSON file, by default the one in `root` (train.json) if it is there. It gives licence, rights holder
    and common name of each image; without it the folders' names are the lineages.
    """

    def __init__(
        self,
        *,
        root: Path,
        split: Literal["train", "train_mini", "val"] = "train",
        annotations: Path | None = None,
    ) -> None:
        self.root, self.split, self.annotations = root, split, annotations
        self._accounts = Accounts()

    def revision(self) -> str:
        annotations = self._find_annotations()
        return make_revision([annotations] if annotations else [], [self._require()])

    def tables(self) -> Iterator[pa.Table]:
        self._accounts = Accounts()
        self._require()
        annotations = self._find_annotations()
        tables = self._read_annotations(annotations) if annotations else batch_records(self._read_folders(), COLUMNS)
        yield from self._accounts.check(tables)
        if not annotations:
            self._accounts.say(
                f"{self.root} has no {self.split}.json: its images have no licence, rights holder and common name"
            )

    def notes(self) -> Sequence[str]:
        return self._accounts.notes()

    def _require(self) -> Path:
        return require_folder(self.root / self.split, "inat21")

    def _find_annotations(self) -> Path | None:
        if self.annotations and not self.annotations.is_file():
            raise DatasetError(f"inat21: the file {self.annotations} does not exist")
        return self.annotations or find_table(self.root, [f"{self.split}.json"])

    def _read_folders(self) -> Iterator[Mapping[str, str]]:
        known: dict[str, Mapping[str, str]] = {}
        for found in list_images(self.root / self.split):
            path = escape_surrogates(found)
            folder, _, file = path.rpartition("/")
            names = known.get(folder)
            if names is None:
                names = known[folder] = parse_folder(folder)
            source_id = f"{self.split}/{folder}/{file}"
            yield {**names, "source_id": source_id, "image": str(self.root / source_id), "split": self.split}

    def _read_annotations(self, path: Path) -> Iterator[pa.Table]:
        listing = Listing(self.root, [self.split])
        labels = Labels(path)
        for table in batch_records(self._iterate_images(path, labels), COLUMNS):
            ids = table["source_id"].to_pylist()
            exists = listing.tick(ids).tolist()
            problems = [
                problem or ("" if has_file else NO_FILE)
                for problem, has_file in zip(table["problem"].to_pylist(), exists)
            ]
            yield table.set_column(table.column_names.index("problem"), "problem", pa.array(problems))
        yield from listing.list_unnamed()

    def _iterate_images(self, path: Path, labels: Labels) -> Iterator[Mapping[str, str]]:
        for number, (_, image) in enumerate(iterate_arrays(path, {"images"}), 1):
            try:
                file, names = str(image["file_name"]), labels.find(image["id"])
                licence = labels.licences.get(image.get("license"), "")
            except (KeyError, TypeError, AttributeError) as problem:
                raise DatasetError(
                    f"{path}, image {number}: expected id and file_name, as iNaturalist 2021 has; got {image!r:.100}"
                ) from problem
            refuse_outside([file], self.root, str(path), number)
            yield {
                **(names or {"problem": "it has no annotation"}),
                "source_id": file,
                "image": str(self.root / file),
                "licence": licence,
                "rights_holder": str(image.get("rights_holder") or ""),
                "split": self.split,
            }


class Labels:
    """The categories, licences and annotations of a JSON file in COCO's format. It takes 16 bytes per image.

    licences: number → its URL, or its name.
    """

    def __init__(self, path: Path) -> None:
        self._names: dict[int, Mapping[str, str]] = {}
        self.licences: dict[Any, str] = {}
        images, categories = array("q"), array("q")
        number = 0
        try:
            for key, one in iterate_arrays(path, {"annotations", "categories", "licenses"}):
                number += 1
                if key == "annotations":
                    images.append(one["image_id"])
                    categories.append(one["category_id"])
                elif key == "categories":
                    self._names[one["id"]] = parse_category(one)
                else:
                    self.licences[one["id"]] = str(one.get("url") or one.get("name") or "")
        except (KeyError, TypeError, AttributeError, OverflowError) as problem:
            raise DatasetError(
                f"{path} is no annotation file of iNaturalist 2021: {key}: {problem!r} is missing or wrong in {one!r:.100}"
            ) from problem
        if not self._names or not images:
            raise DatasetError(
                f"{path} has no {'annotations' if self._names else 'categories'}; expected COCO's format"
            )
        order = np.argsort(np.frombuffer(images, np.int64), kind="stable")
        self._image_k = np.frombuffer(images, np.int64)[order]
        self._category_k = np.frombuffer(categories, np.int64)[order]

    def find(self, image: int) -> Mapping[str, str] | None:
        """Returns the names of an image's first annotation; None if it has none."""
        place = int(np.searchsorted(self._image_k, image))
        if place == len(self._image_k) or self._image_k[place] != image:
            return None
        return self._names.get(int(self._category_k[place]))


def parse_folder(name: str) -> dict[str, str]:
    """Returns the lineage that a folder is named by. Raises DatasetError for another form of name.

    >>> parse_folder("04042_Animalia_Chordata_Aves_Passeriformes_Corvidae_Pica_hudsonia")["species"]
    'Pica hudsonia'
    """
    number, *names = name.split("_", len(LINNAEAN))
    if parse_whole_number(number) is None or len(names) < len(LINNAEAN):
        raise DatasetError(
            f"inat21: the folder {name!r} is no lineage; expected a number and seven names, as "
            "04042_Animalia_Chordata_Aves_Passeriformes_Corvidae_Pica_hudsonia"
        )
    return _make_names(dict(zip(LINNAEAN, [*names[:-1], names[-1].replace("_", " ")])))


def parse_category(category: Mapping[str, Any]) -> dict[str, str]:
    """Returns the names of a category of the JSON."""
    names = {rank: str(category.get(rank) or "") for rank in LINNAEAN[:-1]}
    names["species"] = str(category["specific_epithet"])
    return _make_names(names) | {"common_name": str(category.get("common_name") or "")}


def _make_names(names: Mapping[str, str]) -> dict[str, str]:
    species = f"{names['genus']} {names['species']}".strip()
    return {**names, "species": species, "name": species, "rank": "species"}
