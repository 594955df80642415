"""A generated tree with as many names as BioCLIP 2's list: seven ranks, and groups of very different sizes."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bioclip_x.taxonomy import LINNAEAN, Taxonomy
from bioclip_x_plugins.readers.tables.tree_of_life import TreeOfLifeReader

SPECIES = 867_455
SIZES = (7, 60, 300, 1_500, 9_500, 150_000, SPECIES)
"""The number of taxa at each rank, kingdom to species."""


def make_rows(sizes: tuple[int, ...] = SIZES, seed: int = 0) -> list[list[object]]:
    """Makes rows [[kingdom, …, genus, epithet], ""], sorted like BioCLIP's lists. Every taxon above species has a child."""
    random = np.random.default_rng(seed)
    higher_taxa: npt.NDArray[np.int64] = np.zeros((sizes[0], 0), np.int64)
    lineages = np.arange(sizes[0])[:, None]
    for before, size in pairwise(sizes):
        weight = random.pareto(1.2, before) + 0.1
        parent = np.concatenate([np.arange(before), random.choice(before, size - before, p=weight / weight.sum())])
        higher_taxa = lineages[np.sort(parent)]
        lineages = np.concatenate([higher_taxa, np.arange(size)[:, None]], axis=1)
    names = [[f"{rank.capitalize()}{number}" for number in range(size)] for rank, size in zip(LINNAEAN[:-1], sizes)]
    names.append([f"epithet{number}" for number in range(sizes[-1])])
    return [[[names[rank][number] for rank, number in enumerate(row)], ""] for row in lineages.tolist()]


@cache
def make_tree(folder: Path) -> tuple[Taxonomy, list[list[object]]]:
    """Returns the tree, read from a file in `folder`, and its rows in class order."""
    names = make_rows()
    file = folder / "txt_emb_species.json"
    file.write_text(json.dumps(names), "utf-8")
    taxonomy = TreeOfLifeReader().read(file)
    assert taxonomy.class_of_row is not None
    return taxonomy, names
