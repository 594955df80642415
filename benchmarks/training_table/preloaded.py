"""A data set plugin: a manifest whose photos are read from one array, since the same small photos are read in every run."""

from __future__ import annotations

import csv
from collections.abc import Iterator

import numpy as np

from bioclip_x.plugin import ComponentSpec, Taxonomy, hookimpl
from bioclip_x_plugins.datasets.manifest import Manifest

ARRAY, INDEX = "photos.npy", "photos.csv"


class Preloaded(Manifest):
    """A manifest beside `photos.npy`, uint8 [n, H, W, 3], whose rows `photos.csv` names in its column `path`.

    images: the folder that the paths in both tables are relative to, where the photos come from.
    """

    def prepare(self, taxonomy: Taxonomy) -> Iterator[str]:
        yield from super().prepare(taxonomy)
        with (self.path.parent / INDEX).open(encoding="utf-8", newline="") as handle:
            row_of = {str(self.images / line["path"]): row for row, line in enumerate(csv.DictReader(handle))}
        self._rows = [row_of[self.name(index)] for index in range(len(self))]
        self._photos = np.load(self.path.parent / ARRAY, mmap_mode="r")

    def image(self, index: int) -> np.ndarray:  # type: ignore[override]
        photo_HW3: np.ndarray = self._photos[self._rows[index]]
        return photo_HW3


@hookimpl
def datasets() -> list[ComponentSpec]:
    return [ComponentSpec("preloaded", "a manifest with its photos in one array", f"{__name__}:{Preloaded.__name__}")]
