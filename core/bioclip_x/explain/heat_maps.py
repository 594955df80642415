"""Where in an image a prompt's similarity comes from: the product of each patch's part of the embedding with the prompt's.

A map's values are parts of a cosine. A prompt's contribution to the margin is s·a·(cosine - baseline), so its map is the same
map times s·a, up to a constant.

Legend: B images, h·w patches, P prompts, D embedding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import torch

from bioclip_x.capabilities import LoadedEncoderCapabilities
from bioclip_x.components import LoadedEncoder, PatchEncoder
from bioclip_x.errors import ModelError, RecipeError
from bioclip_x.recipe import Recipe
from bioclip_x.records import Decoded, Explanation, HeatMap, PatchFeatures, Result, TextBank
from bioclip_x.registry import get_capabilities

IMAGES_AT_A_TIME: Final = 8
"""Images whose patches are in memory at once, with the states of all layers: up to 60 MB each for the largest models."""
DECIMALS: Final = 8
"""Decimals of a map's values; outputs then need not spell out floats to the last bit."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class HeatMapper:
    """Adds heat maps to results that have an explanation. encoder: one that can; see `make_heat_mapper`."""

    encoder: PatchEncoder
    bank: TextBank

    def add_maps(self, batch: Sequence[Decoded], results: Sequence[Result]) -> list[Result]:
        """The results, in order, with a map for every prompt of each explanation. batch: their images."""
        found = list(results)
        wanted = [row for row, result in enumerate(results) if result.explanation is not None]
        for start in range(0, len(wanted), IMAGES_AT_A_TIME):
            rows = wanted[start : start + IMAGES_AT_A_TIME]
            pixels = [pixels for row in rows if (pixels := batch[row].pixels) is not None]
            patches = self.encoder.encode_patches(torch.stack(pixels))
            for place, row in enumerate(rows):
                found[row] = self._with_maps(results[row], patches, place)
        return found

    def _with_maps(self, result: Result, patches: PatchFeatures, place: int) -> Result:
        if result.explanation is None:
            return result
        box = compute_seen_box(self.encoder.card.preprocessing, result.width, result.height)
        explanation = add_heat_maps(result.explanation, self.bank, patches, place, box)
        return replace(result, explanation=explanation)


def make_heat_mapper(recipe: Recipe, encoder: LoadedEncoder, bank: TextBank) -> HeatMapper | None:
    """Computes the heat maps that a recipe asks for; None where it asks for none.

    Raises ModelError, with the reason, for a model whose embeddings cannot be split by patch.
    """
    if not recipe.heat_maps:
        return None
    if not recipe.explain:
        raise RecipeError("heat maps are part of explanations, which are switched off; leave out one of the two")
    if reason := get_capabilities(encoder, LoadedEncoderCapabilities).no_patches:
        raise ModelError(
            f"{encoder.card.name} has no heat maps: {reason}; leave out --heat-maps, or take another model"
        )
    return HeatMapper(cast(PatchEncoder, encoder), bank)


def add_heat_maps(
    explanation: Explanation, bank: TextBank, patches: PatchFeatures, place: int, box: Box
) -> Explanation:
    """The explanation of the image at `place` in a batch, with a map for every prompt."""
    rows_of_class = {one.class_index: bank.of_class(one.class_index) for one in explanation.contributions}
    row_of = {
        (index, prompt.text): rows.start + offset
        for index, rows in rows_of_class.items()
        for offset, prompt in enumerate(bank.prompts[rows])
    }
    rows_P = [row_of[one.class_index, one.text] for one in explanation.contributions]
    maps = compute_heat_maps(patches, place, bank.embeddings_PD[rows_P], box)
    return replace(
        explanation,
        contributions=tuple(replace(one, heat_map=heat_map) for one, heat_map in zip(explanation.contributions, maps)),
    )


def compute_heat_maps(patches: PatchFeatures, place: int, texts_PD: torch.Tensor, box: Box) -> list[HeatMap]:
    """One map for each text. texts_PD: float32 [P, D], rows L2-normalised."""
    values_Phw = torch.einsum("hwd,pd->phw", patches.parts_BhwD[place].double(), texts_PD.double())
    return [
        HeatMap(
            tuple(tuple(round(value, DECIMALS) for value in row) for row in values_hw),
            box,
            patches.method,
            patches.is_exact,
        )
        for values_hw in values_Phw.tolist()
    ]


def compute_seen_box(preprocessing: Mapping[str, Any], width: int, height: int) -> Box:
    """Left, top, right, bottom of what the model sees of an image, as fractions of its width and height.

    Within [0, 1] where the image is cropped; beyond where it is padded. Up to the rounding to whole pixels of the
    resized image. preprocessing: in the terms of open_clip's preprocess_cfg (size, resize_mode).

    >>> compute_seen_box({"size": 224, "resize_mode": "shortest"}, 400, 200)
    (0.25, 0.0, 0.75, 1.0)
    >>> compute_seen_box({"size": 224, "resize_mode": "longest"}, 400, 200)
    (0.0, -0.5, 1.0, 1.5)
    """
    size, mode = preprocessing.get("size"), preprocessing.get("resize_mode") or "shortest"
    if size is None or mode == "squash":
        return (0.0, 0.0, 1.0, 1.0)
    high, wide = (size, size) if isinstance(size, int) else size
    times = (max if mode == "longest" else min)(height / high, width / wide)
    seen_x, seen_y = wide * times / width, high * times / height
    return ((1 - seen_x) / 2, (1 - seen_y) / 2, (1 + seen_x) / 2, (1 + seen_y) / 2)
