"""Drawings of the field guide, rendered once and cached in a memory-mapped file.

Three kinds of drawing: species, species with one trait changed, and imaginary organisms with random traits. The texts of the
first are those of the text builders and the bare phrases of their traits ("a red cap"). The other two have phrases only, so that
a model learns the meaning of a phrase and not the species that it occurs with. Held-out species occur in none of them, neither
by name nor by their combination of traits.
"""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from bioclip_x.plugin import (
    DatasetCapabilities,
    Sample,
    Taxonomy,
    TrainingError,
    find_cache_folder,
    load_or_fill,
    report_progress,
    resolve_labels,
)
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

RENDER_SIZE = 256
"""Pixels per side of a rendered drawing, as users get it; it is then shrunk like in a model's preprocessing."""
CHUNK = 16
FEW = 100
"""So many drawings are made sooner than processes are started, which a script without a `__main__` guard could not do."""
"""Drawings that a process makes at a time, a second or two: few, so that progress is seen."""
_STREAM: dict[Kind, int] = {"species": 0, "traits": 1, "changed": 2}
"""Part of the seed of a drawing, so that no two kinds contain the same image."""


class FieldGuide:
    """Drawings of the field guide's species.

    kind: "species" (unchanged), "changed" (one trait is another), or "traits" (random traits, of no species).
    cache: folder of the rendered drawings; none: bioclip-x's own.
    count: total number, evenly distributed. seed: selects the set. size: pixels per side. processes: worker processes.
    """

    capabilities = DatasetCapabilities(lists_nodes=True)

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
        self._nodes: list[int] = []
        self._texts: list[dict[str, str]] = []

    def prepare(self, taxonomy: Taxonomy) -> Iterable[str]:
        """Renders drawings that are not cached; in memory where they cannot be cached.

        Raises TrainingError for a species that the taxonomy lacks.
        """
        folder = self._cache or find_cache_folder() / "field-guide"
        file = folder / f"{self.kind}-{self.count}-{self.seed}-{self.size}-{hash_renderer()}.npy"
        self._pixels = load_or_fill(file, (self.count, self.size, self.size, 3), np.uint8, self._render)
        self._texts = [_make_phrases(*_choose_traits(self.kind, self.seed, i)) for i in range(self.count)]
        if self.kind != "species":
            return []
        node_of, unresolved, ambiguous = resolve_labels([species.name for species in list_trained_species()], taxonomy)
        if unresolved or ambiguous:
            missing = [*unresolved, *ambiguous]
            raise TrainingError(f"the taxonomy lacks {len(missing)} of the field guide's species, first {missing[0]!r}")
        self._nodes = list(node_of.values())
        return []

    def __len__(self) -> int:
        return self.count

    def sample(self, index: int) -> Sample:
        node = self._nodes[index % len(self._nodes)] if self.kind == "species" else -1
        return Sample(node, tuple(self._texts[index]), tuple(self._texts[index].values()))

    def nodes(self) -> npt.NDArray[np.int64]:
        return np.resize(np.array(self._nodes or [-1], np.int64), self.count)

    def name(self, index: int) -> str:
        return f"image {index}"

    def image(self, index: int) -> np.ndarray:
        """Returns uint8 [size, size, 3]."""
        return np.asarray(self._pixels[index])

    def _render(self, pixels: np.ndarray) -> None:
        """Fills in the drawings."""
        report_progress("drawings", 0, self.count)  # the time until the first is part of it
        jobs = [(self.kind, self.seed, i, self.size) for i in range(self.count)]
        with ExitStack() as stack:
            drawings: Iterable[np.ndarray] = map(_draw, jobs)
            if self.count > FEW:
                pool = stack.enter_context(ProcessPoolExecutor(self.processes, get_context("spawn"), _leave_signals))
                drawings = pool.map(_draw, jobs, chunksize=CHUNK)
            for i, drawing in enumerate(drawings):
                pixels[i] = drawing
                report_progress("drawings", i + 1, self.count)


def _leave_signals() -> None:
    """Leaves Ctrl-C and SIGTERM, which all processes of a terminal get, to the main process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def hash_renderer() -> str:
    """Hashes the field guide's code and traits, which determine the drawings."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted((*folder.rglob("*.py"), folder / "traits.yaml")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _choose_traits(kind: Kind, seed: int, index: int) -> tuple[str, Mapping[str, str]]:
    """Returns body plan and traits of a drawing."""
    drawing_seed = (seed, _STREAM[kind], index)
    if kind == "traits":
        plan = _get_plan(index)
        return plan, draw_random_traits(plan, drawing_seed)
    species = _get_species(index)
    return species.plan, species.traits if kind == "species" else draw_changed_traits(species.name, drawing_seed)


def _get_plan(index: int) -> str:
    return list(PLANS)[index % len(PLANS)]


def _get_species(index: int) -> Species:
    species = list_trained_species()
    return species[index % len(species)]


def _make_phrases(plan: str, traits: Mapping[str, str]) -> dict[str, str]:
    """Maps every phrase that describes an organism with these traits to its trait: "a red cap" → "mushroom: cap_colour"."""
    return {
        phrase: f"{plan}: {trait}" for trait, value in traits.items() for phrase in list_phrases(plan, trait, value)
    }


def _draw(job: tuple[Kind, int, int, int]) -> np.ndarray:
    kind, seed, index, size = job
    drawing_seed = (seed, _STREAM[kind], index)
    if kind == "traits":
        drawing, _ = draw_random(_get_plan(index), drawing_seed, RENDER_SIZE)
    elif kind == "changed":
        drawing, _ = draw_changed(_get_species(index).name, drawing_seed, RENDER_SIZE)
    else:
        drawing = draw_species(_get_species(index).name, drawing_seed, RENDER_SIZE)
    return np.asarray(drawing.image.resize((size, size), Image.Resampling.BICUBIC))
