"""A folder with what the README and the documentation's pages take for granted, and an environment without a network."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from bioclip_x_plugins.encoders.open_clip import OpenClip
from helpers import BIRDS, lay_hub_cache, picture
from tree_of_life import embeddings, lay, names

ROOT = Path(__file__).parents[1]
SPECIES = ("Parus major", "Cyanistes caeruleus", "Turdus merula")


def lay_newcomer(folder: Path, tiny_model: str) -> tuple[Path, dict[str, str]]:
    """Lays the folder of the README's commands, and the models bioclip-2 and bioclip as the tiny model."""
    here = folder / "here"
    shutil.copytree(ROOT / "examples", here / "examples")
    for name in ("taxonomy.csv", "descriptors.yaml"):
        target = here / "plugins" / "bioclip_x_field_guide" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "plugins" / "bioclip_x_field_guide" / name, target)
    (here / "my-species.csv").write_text(BIRDS, "utf-8")
    (here / "my-descriptors.yaml").write_text("great tit: [a black cap]\n")
    (here / "photos").mkdir()
    for i in range(2):
        picture(i).save(here / "photos" / f"{i}.jpg")
    rows = names(50)
    (here / "park.csv").write_text("species\n" + "\n".join(f"{row[0][5]} {row[0][6]}" for row in rows[:20]), "utf-8")
    (here / "our-checklist.csv").write_text(BIRDS, "utf-8")
    (here / "bins.csv").write_text("label,bin\nduck,bird\nfish,fish\nbear,mammal\n", "utf-8")
    (here / "scores.csv").write_text("image,Parus major,Turdus merula\na.jpg,0.7,0.3\nb.jpg,0.2,0.8\n", "utf-8")
    columns = embeddings(OpenClip().load(tiny_model, device="cpu"), rows)
    lay(folder / "hf", Path(tiny_model.removeprefix("local-dir:")), rows, columns)
    lay_hub_cache(folder / "hf", "imageomics/bioclip", Path(tiny_model.removeprefix("local-dir:")))
    environment = {
        **os.environ,
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_OFFLINE": "1",
        "BIOCLIP_X_CACHE": str(folder / "cache"),
        "BIOCLIP_X_DATA": str(folder / "data"),
        "OPENAI_API_KEY": "none",
        "PYTHONUTF8": "1",
    }
    return here, environment


def add_labelled_photos(here: Path, per_class: int = 40) -> None:
    """Adds labelled-photos/, a folder for each of three species."""
    for number, species in enumerate(SPECIES):
        folder = here / "labelled-photos" / species
        folder.mkdir(parents=True)
        for i in range(per_class):
            picture(1000 * number + i).save(folder / f"{i}.jpg")
