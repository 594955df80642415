"""Draws several organisms in one image, as a camera sees them, with the mask of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bioclip_x_field_guide.drawing import draw_habitat, draw_in_habitat
from bioclip_x_field_guide.painting.scene import HABITATS, make_scene


@dataclass(frozen=True)
class GroupDrawing:
    """image: RGB, size x size. names: of the species. masks: bool `[size, size]` of each."""

    image: Image.Image
    names: tuple[str, ...]
    masks: tuple[NDArray[np.bool_], ...]

    @property
    def boxes(self) -> list[tuple[float, float, float, float]]:
        """The box around each organism: left, top, right, bottom as fractions."""
        found = []
        for mask in self.masks:
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            edges = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) / len(mask)
            left, top, right, bottom = edges.tolist()
            found.append((left, top, right, bottom))
        return found


def draw_group(names: Sequence[str], seed: int | Sequence[int], size: int = 512) -> GroupDrawing:
    """Draws up to four species, each in a quarter of the image; a quarter without one shows the habitat.

    All quarters are of one habitat, drawn at random, so that it tells nothing of the species. Raises ValueError for more than
    four.
    """
    if len(names) > 4:
        raise ValueError(f"expected at most four organisms, got {len(names)}")
    scene = make_scene(seed)
    rng = scene.rng("group")
    habitat = HABITATS[int(rng.integers(len(HABITATS)))]
    half = size // 2
    image = Image.new("RGB", (2 * half, 2 * half))
    places = [(half * (place % 2), half * (place // 2)) for place in rng.permutation(4).tolist()]
    masks = []
    for number, (left, top) in enumerate(places):
        if number >= len(names):
            image.paste(draw_habitat((*scene.seed, number), habitat, half), (left, top))
            continue
        drawing = draw_in_habitat(names[number], (*scene.seed, number), habitat, half)
        image.paste(drawing.image, (left, top))
        mask = np.zeros((2 * half, 2 * half), dtype=bool)
        mask[top : top + half, left : left + half] = drawing.masks["organism"]
        masks.append(mask)
    return GroupDrawing(image, tuple(names), tuple(masks))
