"""Drawings from the field guide, made once and kept in a memory-mapped file.

Three kinds of image: drawings of species, spoken for by the text builders and by the bare phrases of their traits ("a
red cap"); of species with one trait changed; and of organisms that do not exist, every trait drawn at random. The last two
are spoken for by phrases alone, and are what makes a phrase mean what it says and not the species that has it. Species that
are held out are in none of them, neither by name nor by their looks.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from importlib.resources import files
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from bioclip_x.plugin import Sample, Taxonomy, TrainingError, find_cache_folder, resolve_labels
from bioclip_x_field_guide.drawing import (
    PLANS,
    draw_changed,
    draw_changed_traits,
    draw_random,
    draw_random_traits,
    draw_species,
)
from bioclip_x_field_guide.species import Species, list_phrases, list_trained_species

Kind = Literal["species", "changed", "traits"]

DRAWN_AT = 256
"""Drawings are made at the size users get them in and shrunk as a model's preprocessing shrinks them."""
_STREAM: dict[Kind, int] = {"species": 0, "traits": 1, "changed": 2}
"""Part of every drawing's seed, so that no two kinds draw the same image."""


class FieldGuide:
    """Drawings of the field guide's species, with one trait changed, or (kind "traits") of random traits.

    count: drawings in all, spread evenly. seed: another seed is another set. size: pixels a side. processes: that draw.
    """

    def __init__(
        self,
        *,
        kind: Kind = "species",
        count: int = 10000,
        seed: int = 0,
        size: int = 96,
        processes: int = 2,
        cache: Path | None = None,
    ) -> None:
        self.kind, self.count, self.seed, self.size, self.processes = kind, count, seed, size, processes
        self._cache = cache
        self._pixels = np.empty((0, size, size, 3), np.uint8)
        self._classes: list[int] = []
        self._texts: list[dict[str, str]] = []

    def prepare(self, taxonomy: Taxonomy) -> Iterable[str]:
        """Draws what is not in the cache yet. Raises TrainingError for a species that the taxonomy lacks."""
        self._pixels = np.load(self._drawn(), mmap_mode="r")
        self._texts = [_phrases(*_traits(self.kind, self.seed, i)) for i in range(self.count)]
        if self.kind != "species":
            return []
        found, lost, doubtful = resolve_labels([species.name for species in list_trained_species()], taxonomy)
        if lost or doubtful:
            missing = [*lost, *doubtful]
            raise TrainingError(f"the taxonomy lacks {len(missing)} of the field guide's species, first {missing[0]!r}")
        self._classes = list(found.values())
        return []

    def __len__(self) -> int:
        return self.count

    def sample(self, index: int) -> Sample:
        taxon = self._classes[index % len(self._classes)] if self.kind == "species" else -1
        return Sample(taxon, tuple(self._texts[index]), tuple(self._texts[index].values()))

    def name(self, index: int) -> str:
        return f"image {index}"

    def image(self, index: int) -> np.ndarray:
        """uint8 [size, size, 3]."""
        return np.asarray(self._pixels[index])

    def _drawn(self) -> Path:
        folder = self._cache or find_cache_folder() / "field-guide"
        path = folder / f"{self.kind}-{self.count}-{self.seed}-{self.size}-{hash_renderer()}.npy"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            # A name of its own: another run may be drawing the same.
            partial = folder / f".{path.stem}.{os.getpid()}.npy"
            try:
                pixels = np.lib.format.open_memmap(partial, "w+", np.uint8, (self.count, self.size, self.size, 3))
                jobs = [(self.kind, self.seed, i, self.size) for i in range(self.count)]
                with ProcessPoolExecutor(self.processes, mp_context=get_context("spawn")) as pool:
                    for i, drawing in enumerate(pool.map(_draw, jobs, chunksize=64)):
                        pixels[i] = drawing
                pixels.flush()
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
        return path


def hash_renderer() -> str:
    """A hash of everything that decides how a drawing looks: the field guide's code and traits."""
    digest = hashlib.sha256()
    folder = files("bioclip_x_field_guide")
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".py") or entry.name == "traits.yaml":
            digest.update(entry.read_bytes())
    return digest.hexdigest()[:12]


def _traits(kind: Kind, seed: int, index: int) -> tuple[str, Mapping[str, str]]:
    """Body plan and traits of the drawing of this number."""
    at = (seed, _STREAM[kind], index)
    if kind == "traits":
        plan = _plan(index)
        return plan, draw_random_traits(plan, at)
    species = _species(index)
    return species.plan, species.traits if kind == "species" else draw_changed_traits(species.name, at)


def _plan(index: int) -> str:
    return list(PLANS)[index % len(PLANS)]


def _species(index: int) -> Species:
    species = list_trained_species()
    return species[index % len(species)]


def _phrases(plan: str, traits: Mapping[str, str]) -> dict[str, str]:
    """Everything one may say of an organism with these traits, and what it speaks of: "a red cap" → "mushroom: cap_colour"."""
    return {
        phrase: f"{plan}: {trait}" for trait, value in traits.items() for phrase in list_phrases(plan, trait, value)
    }


def _draw(job: tuple[Kind, int, int, int]) -> np.ndarray:
    kind, seed, index, size = job
    at = (seed, _STREAM[kind], index)
    if kind == "traits":
        drawing, _ = draw_random(_plan(index), at, DRAWN_AT)
    elif kind == "changed":
        drawing, _ = draw_changed(_species(index).name, at, DRAWN_AT)
    else:
        drawing = draw_species(_species(index).name, at, DRAWN_AT)
    return np.asarray(drawing.image.resize((size, size), Image.Resampling.BICUBIC))
