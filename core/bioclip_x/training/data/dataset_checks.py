"""Checks of data sets before training: labels, and files that are missing.

Legend: n images, N nodes, c nodes that occur.
"""

from __future__ import annotations

import os
from typing import cast

import numpy as np
import numpy.typing as npt

from bioclip_x.faults import naming, refuse
from bioclip_x.hooks.capabilities import DatasetCapabilities, get_capabilities
from bioclip_x.hooks.components import Dataset, LabelledDataset
from bioclip_x.hooks.returned import get_sample
from bioclip_x.images.places.remote import is_url
from bioclip_x.messages import list_some, pluralise
from bioclip_x.taxonomy import Taxonomy


def list_nodes(dataset: Dataset) -> npt.NDArray[np.int64]:
    """Returns the node of every image of a prepared data set, -1 for none: int64 [n]."""
    if not get_capabilities(dataset, DatasetCapabilities).lists_nodes:
        return np.fromiter((get_sample(dataset, i).node for i in range(len(dataset))), np.int64, len(dataset))
    with naming(dataset, "nodes"):
        returned = cast(LabelledDataset, dataset).nodes()
        node_n = np.asarray(returned)
    if node_n.shape != (len(dataset),) or node_n.dtype.kind not in "iu":
        refuse(dataset, "nodes", f"integers of shape ({len(dataset)},), a node per image", returned)
    return node_n.astype(np.int64, copy=False)


def find_inner_labels(node_n: npt.NDArray[np.int64], taxonomy: Taxonomy) -> npt.NDArray[np.int64]:
    """Returns the nodes above the classes that images are labelled with, ascending: int64 [c]."""
    node_c = np.unique(node_n[node_n >= 0])
    return node_c[taxonomy.class_of_N[node_c] < 0]


def describe_labels(node_n: npt.NDArray[np.int64], taxonomy: Taxonomy) -> list[str]:
    """Returns notes on labels above the classes, and on labels of which there is only one, so that nothing can be contrasted."""
    labelled_n = node_n[node_n >= 0]
    notes = []
    if len(inner := find_inner_labels(node_n, taxonomy)):
        count = int(np.isin(labelled_n, inner).sum())
        names = list_some([f"{taxonomy.rank(node)} {taxonomy.names[node]}".strip() for node in inner.tolist()])
        notes.append(f"{pluralise(count, 'image')} are labelled above the classes: {names}")
    if len(labelled_n) == len(node_n) and len(node_c := np.unique(labelled_n)) == 1:
        name = taxonomy.names[int(node_c[0])]
        notes.append(f"all images are labelled {name}: a loss that contrasts taxa learns nothing from a single one")
    return notes


def find_missing_files(dataset: Dataset) -> list[str]:
    """Returns the names of the images whose local file does not exist, in order."""
    if not get_capabilities(dataset, DatasetCapabilities).names_files:
        return []
    listed: dict[str, frozenset[str]] = {}
    missing = []
    for name in map(dataset.name, range(len(dataset))):
        if is_url(name):
            continue
        folder, _, file = name.replace(os.sep, "/").rpartition("/")
        if folder not in listed:  # a list of each folder, since asking for millions of files takes long on a network
            listed[folder] = _list_folder(folder or ("/" if name.startswith("/") else "."))
        # A file system may ignore case, or know a file by other spellings of its path.
        if file not in listed[folder] and not os.path.exists(name):  # noqa: PTH110 - a name may be too long
            missing.append(name)
    return missing


def _list_folder(folder: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208 - names alone, of folders with millions of files
    except OSError:
        return frozenset()
