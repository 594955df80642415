"""Data sets of the hook `datasets` that bring their own classes, as sources of images."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from bioclip_x.errors import DatasetError, TrainingError
from bioclip_x.faults import describe, naming
from bioclip_x.hooks.capabilities import DatasetCapabilities, get_capabilities
from bioclip_x.hooks.components import Dataset
from bioclip_x.images.files import ImageFiles
from bioclip_x.images.places.remote import is_url
from bioclip_x.records.image_rows import ROW_COLUMNS
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.ranks import LINNAEAN

TABLE_ROWS: Final = 8192
NO_LABEL: Final = "the data set tells no class of it"


class LabelledSource:
    """An `ImageSource` of a data set that declares `names_files` and `brings_classes`.

    A row's identifier is the path below the folder that all images are in; its licence is that of the whole data set.
    """

    def __init__(self, dataset: Dataset, files: ImageFiles | None = None) -> None:
        self._dataset: Any = dataset
        self._files = files
        self._prepared: tuple[Taxonomy, np.ndarray, str] | None = None
        self._notes: list[str] = []

    def revision(self) -> str:
        """Returns a digest of the images' names and classes."""
        taxonomy, node_n, _ = self._prepare()
        digest = hashlib.sha256(np.ascontiguousarray(node_n, np.int64).tobytes())
        for text in (*self._list_names(), *taxonomy.names):
            digest.update(f"{text}\0".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def tables(self) -> Iterator[pa.Table]:
        taxonomy, node_n, root = self._prepare()
        published = get_capabilities(self._dataset, DatasetCapabilities).published
        licence, page = (published.licence, published.url) if published else ("", "")
        describe_node = lru_cache(maxsize=65536)(lambda node: describe_taxon(taxonomy, node))
        for start in range(0, len(node_n), TABLE_ROWS):
            rows = []
            for index in range(start, min(start + TABLE_ROWS, len(node_n))):
                with naming(self._dataset, "name"):
                    name = self._dataset.name(index)
                rows.append({
                    **describe_node(int(node_n[index])), "source_id": shorten(name, root), "image": name, "licence": licence,
                    "reference": page,
                })  # fmt: skip
            columns = (
                "source_id",
                "image",
                "name",
                "rank",
                *LINNAEAN,
                "common_name",
                "licence",
                "reference",
                "problem",
            )
            yield pa.table({
                column: pa.array([row.get(column, "") for row in rows], pa.string())
                for column in columns
                if column in ROW_COLUMNS
            })  # fmt: skip

    def notes(self) -> Sequence[str]:
        return self._notes

    def _prepare(self) -> tuple[Taxonomy, np.ndarray, str]:
        """Returns the tree of its classes, the node of each image, int64 [n], and the folder that all are in, "" for none.

        Raises DatasetError for a data set that is not of this kind, or whose files are missing.
        """
        if self._prepared is None:
            declared = get_capabilities(self._dataset, DatasetCapabilities)
            if not (declared.names_files and declared.brings_classes):
                lacking = "names no image files" if declared.brings_classes else "brings no classes of its own"
                raise DatasetError(
                    f"{describe(self._dataset)} is no source of images: it {lacking}; sources are image_sources and data sets "
                    "that declare names_files and brings_classes"
                )
            try:
                taxonomy = self._dataset.own_taxonomy()
                if declared.searches_folders:
                    self._dataset.use_files(self._files or ImageFiles())
                with naming(self._dataset, "prepare"):
                    self._notes = list(self._dataset.prepare(taxonomy) or ())
                nodes = (
                    self._dataset.nodes()
                    if declared.lists_nodes
                    else [self._dataset.sample(index).node for index in range(len(self._dataset))]
                )
            except TrainingError as problem:
                raise DatasetError(str(problem)) from problem
            names = [str(Path(name).parent) for name in self._list_names() if not is_url(name)]
            root = os.path.commonpath(names) if names else ""
            self._prepared = taxonomy, np.asarray(nodes, np.int64), root
        return self._prepared

    def _list_names(self) -> Iterator[str]:
        for index in range(len(self._dataset)):
            with naming(self._dataset, "name"):
                yield self._dataset.name(index)


def shorten(name: str, root: str) -> str:
    """Returns a path relative to the folder of all images; a URL as it is.

    >>> shorten("data/cub/images/001/a.jpg", "data/cub/images"), shorten("https://a.org/b.jpg", "")
    ('001/a.jpg', 'https://a.org/b.jpg')
    """
    return name if is_url(name) or not root else Path(os.path.relpath(name, root)).as_posix()


def describe_taxon(taxonomy: Taxonomy, node: int) -> dict[str, str]:
    """Returns the names of a taxon as columns of a row; a problem for -1."""
    if node < 0:
        return {"problem": NO_LABEL}
    taxon = taxonomy.taxon(node)
    names = {rank: taxon.at(rank) for rank in LINNAEAN}
    return {**names, "name": taxon.name, "rank": taxon.rank, "common_name": taxon.common_name()}
