"""What the commands read: images, lists, trees, labelled images, the sources of a data set, and a language model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kills_parts.running import ROOT

LABELS, MANY, SPECIES = 60, 9000, 100_000
"""Labels to describe, of the text bank (three parts), and species of the tree."""
DATA_SET_IMAGES = 60


def make_inputs(folder: Path, n_images: int) -> None:
    """Writes all of them into an empty folder."""
    (folder / "images").mkdir()
    numbers = np.random.default_rng(0)
    drawings = sorted((ROOT / "examples" / "drawings").glob("*.png"))
    for i in range(n_images):
        pixels = numbers.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        if i % 2:  # what the model names; it refuses the others
            pixels = np.asarray(Image.open(drawings[i % len(drawings)]).convert("RGB").rotate(i))
        Image.fromarray(pixels).save(folder / "images" / f"{i:05}.png")
    (folder / "labels.txt").write_text("\n".join(f"species number {i}" for i in range(LABELS)), "utf-8")
    (folder / "many.txt").write_text("\n".join(f"species number {i}" for i in range(MANY)), "utf-8")
    rows = (f"Animalia,Family{i // 400},Genus{i // 20},Genus{i // 20} species{i}" for i in range(SPECIES))
    (folder / "tree.csv").write_text("\n".join(["kingdom,family,genus,species", *rows]) + "\n", "utf-8")
    _write_labelled(folder, drawings)
    sys.path.insert(0, str(ROOT / "tests"))
    from data_set_builds import lay_source, write_config

    lay_source(folder, DATA_SET_IMAGES)
    write_config(folder)


def _write_labelled(folder: Path, drawings: list[Path]) -> None:
    """Writes drawings, turned, in folders of their species."""
    names = [file.stem.replace("-", " ").capitalize() for file in drawings]
    rows = (f"{name.split()[0]},{name}" for name in names)
    (folder / "species.csv").write_text("\n".join(["genus,species", *rows]) + "\n", "utf-8")
    for name, file in zip(names, drawings):
        (folder / "labelled" / name).mkdir(parents=True)
        for turn in range(6):
            Image.open(file).convert("RGB").rotate(8 * turn).save(folder / "labelled" / name / f"{turn}.png")


@contextmanager
def run_server() -> Iterator[str]:
    """Runs the language model of the tests, which gives the same answer to the same question. Yields its URL."""
    sys.path.insert(0, str(ROOT / "tests"))
    from describing import named_in
    from llm_server import Reply, said, serving

    def answer(body: dict[str, Any]) -> Reply:
        name = named_in(body["messages"][0]["content"])
        reply = said(f"- looks like a {name}\n- has a short tail")
        return Reply(reply.body, wait=0.1)

    with serving(answer) as server:
        yield server.url
