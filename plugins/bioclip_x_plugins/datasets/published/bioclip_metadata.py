"""The table metadata.csv that BioCLIP's evaluation reads beside the images of its test sets (github.com/Imageomics/bioclip).

Its columns are filepath and class, and for some sets kingdom, phylum, cls, order, family, genus, species and common_name, of
which its code makes the texts (naming_eval.py). The classes are in the order of their first image, as there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from bioclip_x.plugin import LINNAEAN
from bioclip_x_plugins.datasets.published.files import read_rows
from bioclip_x_plugins.datasets.published.listing import Category, Listing, collect_in_order, make_label, make_taxon

FILE: Final = "metadata.csv"


def is_bioclip_table(root: Path) -> bool:
    """Whether a folder has BioCLIP's table: the hub's Rare Species has another of the same name."""
    return (root / FILE).is_file() and "filepath" in next(read_rows(root / FILE), {})


def read_bioclip_table(root: Path) -> Listing:
    return collect_in_order(_iterate_rows(root))


def _iterate_rows(root: Path) -> Iterator[tuple[str, Category]]:
    for row in read_rows(root / FILE, "filepath", "class"):
        yield str(root / row["filepath"]), make_category(row)


def make_category(row: Mapping[str, str]) -> Category:
    """Makes the class of a row, capitalised as BioCLIP's texts are; a plain label where no genus is given."""
    if not row.get("genus"):
        return make_label(row["class"])
    names = {rank: row.get("cls" if rank == "class" else rank, "").capitalize() for rank in LINNAEAN}
    return make_taxon(names | {"species": row.get("species", "").lower()}, row.get("common_name", ""))
