"""Drawings from the field guide, made once and kept in a memory-mapped file.

Two kinds of picture: drawings of species, spoken for by the text builders, and drawings of organisms that do not exist,
every trait drawn at random, spoken for by the bare phrases of their traits ("a red cap"). The second kind is what makes
the phrases mean something of their own.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from importlib.resources import files
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from bioclip_x.components import Sample
from bioclip_x.errors import TrainingError
from bioclip_x.paths import cache_folder
from bioclip_x.taxonomy import Taxonomy
from bioclip_x_plugins.datasets.labels import resolve_labels
from bioclip_x_plugins.field_guide.drawing import PLANS, draw_random, draw_species, random_traits
from bioclip_x_plugins.field_guide.species import load_species, phrases

DRAWN_AT = 256
"""Drawings are made at the size users get them in and shrunk as a model's preprocessing shrinks them."""
_RANDOM, _SPECIES = 1, 0


class FieldGuide:
    """Drawings of the field guide's species, or (kind "traits") of organisms with random traits.

    count: drawings in all, spread evenly. seed: another seed is another set. size: pixels a side. processes: that draw.
    """

    def __init__(
        self,
        *,
        kind: Literal["species", "traits"] = "species",
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
        self._texts: list[tuple[str, ...]] = []

    def prepare(self, taxonomy: Taxonomy) -> Iterable[str]:
        """Draws what is not in the cache yet. Raises TrainingError for a species that the taxonomy lacks."""
        self._pixels = np.load(self._drawn(), mmap_mode="r")
        if self.kind == "traits":
            self._texts = [_phrases_of(_plan(i), (self.seed, _RANDOM, i)) for i in range(self.count)]
            return []
        found, lost, doubtful = resolve_labels([species.name for species in load_species()], taxonomy)
        if lost or doubtful:
            missing = [*lost, *doubtful]
            raise TrainingError(f"the taxonomy lacks {len(missing)} of the field guide's species, first {missing[0]!r}")
        self._classes = list(found.values())
        return []

    def __len__(self) -> int:
        return self.count

    def sample(self, index: int) -> Sample:
        if self.kind == "traits":
            return Sample(class_index=-1, texts=self._texts[index])
        return Sample(class_index=self._classes[index % len(self._classes)])

    def image(self, index: int) -> np.ndarray:
        """uint8 [size, size, 3]."""
        return np.asarray(self._pixels[index])

    def _drawn(self) -> Path:
        folder = self._cache or cache_folder() / "field-guide"
        path = folder / f"{self.kind}-{self.count}-{self.seed}-{self.size}-{renderer_version()}.npy"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            # A name of its own: another run may be drawing the same.
            partial = folder / f".{path.stem}.{os.getpid()}.npy"
            shape = (self.count, self.size, self.size, 3)
            pixels = np.lib.format.open_memmap(partial, "w+", np.uint8, shape)
            jobs = [(self.kind, self.seed, i, self.size) for i in range(self.count)]
            with ProcessPoolExecutor(self.processes, mp_context=get_context("spawn")) as pool:
                for i, drawing in enumerate(pool.map(_draw, jobs, chunksize=64)):
                    pixels[i] = drawing
            pixels.flush()
            partial.replace(path)
        return path


def renderer_version() -> str:
    """A hash of everything that decides how a drawing looks: the field guide's code and traits."""
    digest = hashlib.sha256()
    folder = files("bioclip_x_plugins.field_guide")
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".py") or entry.name == "traits.yaml":
            digest.update(entry.read_bytes())
    return digest.hexdigest()[:12]


def _plan(index: int) -> str:
    return list(PLANS)[index % len(PLANS)]


def _phrases_of(plan: str, seed: tuple[int, ...]) -> tuple[str, ...]:
    """Everything one may say of the organism that this seed draws."""
    said = (phrase for trait, value in random_traits(plan, seed).items() for phrase in phrases(plan, trait, value))
    return tuple(dict.fromkeys(said))


def _draw(job: tuple[str, int, int, int]) -> np.ndarray:
    kind, seed, index, size = job
    if kind == "traits":
        drawing, _ = draw_random(_plan(index), (seed, _RANDOM, index), DRAWN_AT)
    else:
        species = load_species()
        drawing = draw_species(species[index % len(species)].name, (seed, _SPECIES, index), DRAWN_AT)
    return np.asarray(drawing.image.resize((size, size), Image.Resampling.BICUBIC))
