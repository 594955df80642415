"""A data set in its published layout: what all the readers share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bioclip_x.plugin import Sample, Taxonomy, TrainingError, list_some, resolve_labels
from bioclip_x_plugins.datasets.published.listing import (
    Category,
    Listing,
    iterate_names,
    list_nodes,
    make_taxonomy,
)

OffList = Literal["skip", "keep"]


class Published:
    """A data set that lists its own images and classes; a subclass says how, in `read`.

    off_list: whether images of classes that are not in a taxonomy of the user's are skipped, or kept without a taxon.
    """

    name_of_source: str
    """What outputs call the list of classes."""

    def __init__(self, off_list: OffList) -> None:
        self.off_list = off_list
        self._kept = np.empty(0, np.int64)
        self._node_n = np.empty(0, np.int64)

    def read(self) -> Listing:
        """Reads the layout. Raises TrainingError for what is missing."""
        raise NotImplementedError

    @cached_property
    def listing(self) -> Listing:
        listing = self.read()
        if not listing.images:
            raise TrainingError(f"data: {self.name_of_source} has no images here")
        return listing

    @cached_property
    def _tree(self) -> Taxonomy:
        return make_taxonomy(self.listing.categories, self.name_of_source)

    def own_taxonomy(self) -> Taxonomy:
        return self._tree

    def prepare(self, taxonomy: Taxonomy) -> Iterator[str]:
        """Finds the classes in the taxonomy: by position in its own, else by path, name or common name.

        Raises TrainingError for missing files.
        """
        categories = self.listing.categories
        if taxonomy is self._tree:
            nodes = list_nodes(taxonomy)
        else:
            nodes = resolve_categories(categories, taxonomy)
            if unlisted := [one.name for one, node in zip(categories, nodes) if node < 0]:
                done = "kept as off-list" if self.off_list == "keep" else "skipped"
                yield (
                    f"{len(unlisted)} of {len(nodes)} classes of {self.name_of_source} are not in the taxonomy, or match "
                    f"several taxa, {done}: {list_some(unlisted)}"
                )
        node_n = np.array(nodes, np.int64)[np.asarray(self.listing.category_of, np.int64)]
        self._kept = np.flatnonzero((node_n >= 0) | (self.off_list == "keep"))
        self._node_n = node_n[self._kept]

    def __len__(self) -> int:
        return len(self._kept)

    def sample(self, index: int) -> Sample:
        return Sample(int(self._node_n[index]))

    def nodes(self) -> npt.NDArray[np.int64]:
        return self._node_n

    def name(self, index: int) -> str:
        """Returns the path of the image."""
        return self.listing.images[int(self._kept[index])]

    def image(self, index: int) -> Any:
        return Path(self.name(index))


def resolve_categories(categories: Sequence[Category], taxonomy: Taxonomy) -> list[int]:
    """Returns the node of each class in a taxonomy, by the first of its names that is one taxon's; -1 for none."""
    names = [tuple(iterate_names(category)) for category in categories]
    node_of, _, _ = resolve_labels(dict.fromkeys(name for one in names for name in one), taxonomy)
    return [next((node_of[name] for name in one if name in node_of), -1) for one in names]
