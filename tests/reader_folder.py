"""The folder of a reader of the documentation: what its commands take for granted beside the README's."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
from docs.writers.code_blocks import ROOT

from helpers import picture, write_video
from newcomer import SPECIES, add_labelled_photos, lay_newcomer
from published_layouts import lay_cub, lay_inat21, lay_meta_album


def lay_reader(folder: Path, tiny_model: str, script: str) -> tuple[Path, dict[str, str]]:
    """Lays the folder of the README's commands, docs/code, and what of the rest `script` names."""
    here, environment = lay_newcomer(folder, tiny_model)
    shutil.copytree(ROOT / "docs" / "code", here / "docs" / "code")
    if any(name in script for name in ("labelled-photos", "my-beetles", "labels.csv", "fine-tune")):
        add_labelled_photos(here)
        labelled = sorted((here / "labelled-photos").rglob("*.jpg"))
        for name in ("my-beetles", "images", "other-labelled-photos"):
            shutil.copytree(here / "labelled-photos", here / name)
        for name in ("labels.csv", "more.csv"):
            write_csv(
                here / name, ["path", "label"], [[str(one.relative_to(here)), one.parent.name] for one in labelled]
            )
        # Scores of another classifier, which is right two times of three.
        rows = [[str(one.relative_to(here)), *score(i, one.parent.name)] for i, one in enumerate(labelled)]
        for name in ("validation.csv", "test.csv"):
            write_csv(here / name, ["image", *SPECIES], rows)
    for name in ("other-photos", "more"):
        (here / name).mkdir()
        for i in range(8):
            picture(500 + i).save(here / name / f"{i}.jpg")
    write_csv(here / "images.csv", ["path"], [["photos/0.jpg"], ["photos/1.jpg"]])
    write_csv(
        here / "sites.csv",
        ["file_name", "decimalLatitude", "decimalLongitude", "eventDate", "countryCode"],
        [[f"{i}.jpg", "52.5", "13.4", "2024-05-12", "DE"] for i in range(2)],
    )
    if "gbif.csv" in script:
        lay_places(here)
    if "clip.mp4" in script:
        (here / "videos").mkdir()
        for name in ("clip.mp4", "videos/0.mp4"):
            write_video(here / name, [i / 10 for i in range(15)])
    photos = np.array(["photos/0.jpg", "photos/1.jpg"])
    np.savez(here / "scores.npz", images=photos, labels=np.array(SPECIES), logits=np.eye(2, 3, dtype=np.float32))
    if "root=data/" in script:
        for lay in (lay_cub, lay_inat21, lay_meta_album):
            lay(here / "data")
        (here / "data" / "PLT_VIL_Mini").rename(here / "data" / "FNG_Mini")  # they have the same layout
    return here, environment


def lay_places(here: Path) -> None:
    """Adds records of occurrence, a geofence, and a table of species by country."""
    columns = ("species", "taxonRank", "decimalLatitude", "decimalLongitude", "eventDate")
    rows = [[name, "SPECIES", "52.51", "13.41", f"2021-05-{day:02}"] for day, name in enumerate(SPECIES, 1)]
    lines = ["\t".join(row) for row in (columns, *rows)]
    (here / "gbif.csv").write_text("\n".join(lines) + "\n", "utf-8")
    label = "aves;passeriformes;paridae;parus;major"
    (here / "geofence.json").write_text(json.dumps({label: {"allow": {"DEU": []}}}), "utf-8")
    write_csv(
        here / "species-by-country.csv", ["scientificName", "countryCode"], [[SPECIES[0], "KE"], [SPECIES[1], "DE"]]
    )


def score(i: int, species: str) -> list[float]:
    right = species if i % 3 else SPECIES[0]
    return [0.8 if one == right else 0.1 for one in SPECIES]


def write_csv(file: Path, header: list[str], rows: list[list[object]] | list[list[str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
