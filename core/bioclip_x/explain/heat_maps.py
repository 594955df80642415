"""Computes heat maps of where in an image a prompt's similarity comes from.

The value of a patch is the inner product of its part of the image embedding with the text embedding, a part of the cosine. A
prompt's contribution to the margin is s·a·(cosine - baseline), so its map is the same times s·a, up to a constant.

Legend: B images, h·w patches, P prompts, D embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

import torch

from bioclip_x.errors import ModelError, RecipeError
from bioclip_x.faults import naming
from bioclip_x.hooks.capabilities import LoadedEncoderCapabilities, get_capabilities
from bioclip_x.hooks.components import LoadedEncoder, PatchEncoder
from bioclip_x.recipe import Recipe
from bioclip_x.records import Box, Decoded, Explanation, HeatMap, PatchFeatures, Result, TextBank
from bioclip_x.regions.crops import Shape, compute_rectangle, compute_seen_box, relate_to_image
from bioclip_x.regions.pooling import IMAGES_AT_A_TIME, keep_masked_patches

DECIMALS: Final = 8
"""Decimals of a map's values; keeps outputs short."""


@dataclass(frozen=True, eq=False)
class HeatMapper:
    """Adds heat maps to results that have an explanation. Made by `make_heat_mapper`.

    padding, shape: of the boxes that regions are cut out by; see `compute_rectangle`.
    """

    encoder: PatchEncoder
    bank: TextBank
    padding: float
    shape: Shape

    def add_maps(self, batch: Sequence[Decoded], results: Sequence[Result]) -> list[Result]:
        """Returns the results, in order, with a map for every prompt of each explanation. batch: their images."""
        with_maps = list(results)
        explained = [row for row, result in enumerate(results) if result.explanation is not None]
        for start in range(0, len(explained), IMAGES_AT_A_TIME):
            rows = explained[start : start + IMAGES_AT_A_TIME]
            pixels = [pixels for row in rows if (pixels := batch[row].pixels) is not None]
            with naming(self.encoder, "encode_patches"):
                patches = self.encoder.encode_patches(torch.stack(pixels))
            patches = keep_masked_patches(self.encoder, [batch[row] for row in rows], patches)
            for index, row in enumerate(rows):
                with_maps[row] = self._add_to_result(results[row], patches, index)
        return with_maps

    def _add_to_result(self, result: Result, patches: PatchFeatures, index: int) -> Result:
        if result.explanation is None:
            return result
        box = self._find_box(result)
        explanation = add_heat_maps(result.explanation, self.bank, patches, index, box)
        return replace(result, explanation=explanation)

    def _find_box(self, result: Result) -> Box:
        """Returns the box that the model sees, as fractions of the image, also of a region."""
        preprocessing, width, height = self.encoder.card.preprocessing, result.width, result.height
        if result.region is None:
            return compute_seen_box(preprocessing, width, height)
        rectangle = compute_rectangle(result.region.box, width, height, padding=self.padding, shape=self.shape)
        x, y = rectangle[2] - rectangle[0], rectangle[3] - rectangle[1]
        size = (x, y) if self.shape == "square" else (max(x, y),) * 2
        return relate_to_image(compute_seen_box(preprocessing, *size), rectangle, width, height)


def make_heat_mapper(recipe: Recipe, encoder: LoadedEncoder, bank: TextBank) -> HeatMapper | None:
    """Makes the heat mapper of a recipe; None where it has no heat maps.

    Raises ModelError, with the reason, for a model whose embeddings cannot be split by patch, and RecipeError for a recipe
    with heat maps but without explanations.
    """
    if not recipe.heat_maps:
        return None
    if not recipe.explain:
        raise RecipeError(
            "heat maps are part of explanations, which are switched off; leave out one of the two options"
        )
    if reason := get_capabilities(encoder, LoadedEncoderCapabilities).no_patches:
        raise ModelError(
            f"{encoder.card.name} has no heat maps: {reason}; leave out --heat-maps, or choose another model"
        )
    return HeatMapper(cast(PatchEncoder, encoder), bank, recipe.box_padding, recipe.box_crop)


def add_heat_maps(
    explanation: Explanation, bank: TextBank, patches: PatchFeatures, index: int, box: Box
) -> Explanation:
    """Adds a map for every prompt to the explanation of image `index` of a batch."""
    rows_of_class = {one.class_index: bank.of_class(one.class_index) for one in explanation.contributions}
    row_of = {
        (class_index, prompt.text): rows.start + offset
        for class_index, rows in rows_of_class.items()
        for offset, prompt in enumerate(bank.prompts[rows])
    }
    rows_P = [row_of[one.class_index, one.text] for one in explanation.contributions]
    maps = compute_heat_maps(patches, index, bank.embeddings_PD[rows_P], box)
    return replace(
        explanation,
        contributions=tuple(replace(one, heat_map=heat_map) for one, heat_map in zip(explanation.contributions, maps)),
    )


def compute_heat_maps(patches: PatchFeatures, index: int, texts_PD: torch.Tensor, box: Box) -> list[HeatMap]:
    """Computes a map of image `index` for each text. texts_PD: float32 [P, D], rows L2-normalised."""
    values_Phw = torch.einsum("hwd,pd->phw", patches.parts_BhwD[index].double(), texts_PD.double())
    return [
        HeatMap(
            tuple(tuple(round(value, DECIMALS) for value in row) for row in values_hw),
            box,
            patches.method,
            patches.is_exact,
        )
        for values_hw in values_Phw.tolist()
    ]
