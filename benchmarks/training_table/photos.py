"""The photos of the training table: two small data sets as one taxonomy, some of their species left out for few-shot.

Labels are species; the finer classes of `grocery_produce` (Golden Delicious, Granny Smith) are one species each, and classes of
`tinyimagenet_bio` above species (scorpion, an order) are the taxon that they are. Each photo is shrunk and cropped once to SIDE x
SIDE pixels, all in one array, so that reading one costs next to nothing beside a training step.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from training_table.preloaded import ARRAY, INDEX

RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
SETS = ("grocery_produce", "tinyimagenet_bio")
SIDE = 44
NAMES = {
    "Canis familiaris": "dog", "Capsicum annuum": "bell pepper", "Cucumis melo": "melon", "Malus domestica": "apple",
    "Prunus persica": "peach", "Pyrus communis": "pear", "Solanum lycopersicum": "tomato", "Solanum tuberosum": "potato",
}  # fmt: skip
"""Common names of the species that are several classes of a data set; others have their class's name."""
EVERY = 4
"""Each data set's species in alphabetical order: every fourth is left out of training."""
VALIDATED = 10
"""One in ten training photos is held out of training, to choose among soups and fine-tunes."""
PARTS = ("train", "validate", "test", "support", "query")
"""support, query: the train and test photos of the species left out."""


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo. path: relative to the folder of the data sets. label: the name of its taxon. part: see `PARTS`."""

    path: str
    label: str
    dataset: str
    part: str


@dataclass(frozen=True, slots=True)
class Taxon:
    """The taxon of one or several classes of a data set. lineage: kingdom … species, "" where the class has none."""

    lineage: tuple[str, ...]
    common_name: str

    @property
    def name(self) -> str:
        return next(name for name in reversed(self.lineage) if name)


def prepare(data: Path, folder: Path) -> dict[str, Any]:
    """Writes the taxonomy, the manifests and the array of photos into `folder`, unless they are there.

    data: the folder with the two data sets. Returns the numbers of photos and species, for the results file.
    """
    done = folder / "photos.json"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        photos: list[Photo] = []
        taxa: dict[str, Taxon] = {}
        for dataset in SETS:
            found = read_taxa(data / dataset / "classes.csv")
            left_out = choose_left_out(found.values())
            photos += _list_photos(data / dataset, found, left_out)
            taxa |= {taxon.name: taxon for taxon in found.values() if taxon.name not in left_out}
        _write_taxonomy(folder / "taxonomy.csv", taxa.values())
        _write_manifests(folder, photos)
        np.save(folder / ARRAY, np.stack([_shrink(data / photo.path) for photo in photos]))
        done.write_text(json.dumps(_count(photos), indent=2) + "\n", "utf-8")
    counts: dict[str, Any] = json.loads(done.read_text("utf-8"))
    return counts


def read_taxa(path: Path) -> dict[str, Taxon]:
    """Reads class_id → taxon from a `classes.csv`. Raises KeyError for a species of several classes without a name here."""
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    lineages = {row["class_id"]: tuple(row["cls" if rank == "class" else rank] for rank in RANKS) for row in rows}
    several = {lineage for lineage, classes in Counter(lineages.values()).items() if classes > 1}
    return {
        row["class_id"]: Taxon(
            lineage, NAMES[lineage[-1]] if lineage in several else row["class_name"].replace("-", " ")
        )
        for row, lineage in zip(rows, lineages.values())
    }


def choose_left_out(taxa: Iterable[Taxon]) -> frozenset[str]:
    """Chooses every fourth of the species, by name. Taxa above species stay: few-shot is about species."""
    species = sorted({taxon.name for taxon in taxa if taxon.lineage[-1]})
    return frozenset(species[EVERY - 1 :: EVERY])


def read_photos(folder: Path) -> list[Photo]:
    """Reads the photos in the order of the array."""
    with (folder / INDEX).open(encoding="utf-8", newline="") as handle:
        return [Photo(**row) for row in csv.DictReader(handle)]


def _list_photos(source: Path, taxa: Mapping[str, Taxon], left_out: frozenset[str]) -> Iterator[Photo]:
    with (source / "labels.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    for number, row in enumerate(rows):
        label = taxa[row["class_id"]].name
        path = Path(source.name, "images", row["file"])
        yield Photo(path.as_posix(), label, source.name, _choose_part(row["split"], label in left_out, number))


def _shrink(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(ImageOps.fit(image.convert("RGB"), (SIDE, SIDE), Image.Resampling.LANCZOS))


def _choose_part(split: str, is_left_out: bool, number: int) -> str:
    """Returns the part of a photo; the official validation photos of `grocery_produce` are training photos like others."""
    if is_left_out:
        return "query" if split == "test" else "support"
    if split == "test":
        return "test"
    return "validate" if number % VALIDATED == 0 else "train"


def _write_taxonomy(path: Path, taxa: Iterable[Taxon]) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow([*RANKS, "common_name"])
        writer.writerows([*taxon.lineage, taxon.common_name] for taxon in taxa)


def _write_manifests(folder: Path, photos: Sequence[Photo]) -> None:
    """Writes the table of all photos, and manifests: of the training photos of each data set, and of those held out."""
    _write_rows(folder / INDEX, [asdict(photo) for photo in photos])
    parts = {
        dataset: [photo for photo in photos if (photo.dataset, photo.part) == (dataset, "train")] for dataset in SETS
    }
    parts["validate"] = [photo for photo in photos if photo.part == "validate"]
    for name, kept in parts.items():
        _write_rows(folder / f"{name}.csv", [{"path": photo.path, "label": photo.label} for photo in kept])


def _write_rows(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _count(photos: Sequence[Photo]) -> dict[str, Any]:
    """Counts photos and taxa by data set and part."""
    counts: dict[str, Any] = {}
    for dataset in SETS:
        parts = {part: [p for p in photos if (p.dataset, p.part) == (dataset, part)] for part in PARTS}
        counts[dataset] = {
            part: {"photos": len(found), "taxa": len({photo.label for photo in found})} for part, found in parts.items()
        }
        counts[dataset]["left_out"] = sorted({photo.label for photo in parts["support"]})
    return counts
