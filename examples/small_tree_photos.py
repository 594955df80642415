"""Photographs for `small_tree_of_life.py`, laid out as data sets are published."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

from small_tree_sources import RANKS, SEED, Makings, read_table, write, write_table

DATA = {"inat21": "tinyimagenet_bio", "eol": "grocery_produce", "bioscan": "hymenoptera"}
"""Layout → folder of the photographs that are laid out by it."""
BEE = {"kingdom": "Animalia", "phylum": "Arthropoda", "class": "Insecta", "order": "Hymenoptera", "family": "Apidae"}
ANT = BEE | {"family": "Formicidae"}
ELEPHANT = {"kingdom": "Animalia", "phylum": "Chordata", "class": "Mammalia", "order": "Proboscidea", "family": "Elephantidae",
            "genus": "Loxodonta", "species": "Loxodonta africana"}  # fmt: skip


def read_photos(makings: Makings, folder: Path, most: int = 40) -> None:
    """Draws some photographs of each folder that is there, and writes the list of their taxa."""
    taxa = [ELEPHANT]
    drawn = random.Random(SEED)
    for layout, data in DATA.items():
        if not (folder / data / "labels.csv").is_file():
            continue
        lineages = read_classes(folder / data)
        usable = {key: one for key, one in lineages.items() if layout != "inat21" or all(one.values())}
        taxa += usable.values()
        makings.lineages |= {name_lineage(one): one for one in usable.values()}
        column = "class_name" if layout == "bioscan" else "class_id"
        listed = [
            row for row in read_table(folder / data / "labels.csv") if row["split"] == "train" and row[column] in usable
        ]
        makings.photos[layout] = [
            (name_lineage(usable[row[column]]), (folder / data / "images" / row["file"]).read_bytes())
            for row in drawn.sample(listed, min(most, len(listed)))
        ]
    write_table(makings.folder / "taxonomies" / "photos.csv", [{rank: one[rank] for rank in RANKS} for one in taxa])


def read_classes(folder: Path) -> dict[str, dict[str, str]]:
    """The lineage of each class of a folder of photographs, with all seven ranks, "" where it has none."""
    if folder.name == "hymenoptera":
        return {"ants": ANT | {"genus": "", "species": ""}, "bees": BEE | {"genus": "", "species": ""}}
    return {
        row["class_id"]: {rank: row["cls" if rank == "class" else rank] for rank in RANKS}
        for row in read_table(folder / "classes.csv")
    }


def name_lineage(lineage: Mapping[str, str]) -> str:
    """The most exact name of a lineage."""
    return [lineage[rank] for rank in RANKS if lineage[rank]][-1]


def make_camera_trap(makings: Makings, folder: Path) -> None:
    """A manifest of SpeciesNet's test images: a photograph, the same turned by its EXIF data, grey, in CMYK, and cut short."""
    rows = []
    for kind, outcome, case in (
        ("", "used", "photograph"),
        ("_cmyk", "duplicate", "the same photograph in CMYK"),
        ("_bw", "duplicate", "the same photograph in grey"),
        ("_with_exif_orientation", "duplicate", "the same photograph, turned by its EXIF data"),
        ("_truncated_file", "unreadable", "the same photograph, cut short"),
    ):
        path = folder / "speciesnet" / "test_data" / f"african_elephants{kind}.jpg"
        if path.is_file():
            write(makings.folder / "camera-trap" / path.name, path.read_bytes())
            rows.append({"path": path.name, "name": "Loxodonta africana", "licence": "CC0"})
            makings.plant(case, "camera-trap", path.name, outcome)
    if rows:
        write_table(makings.folder / "camera-trap" / "photos.csv", rows)
