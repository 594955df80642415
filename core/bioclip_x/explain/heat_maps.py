"""Computes heat maps of where in an image a prompt's similarity comes from.

The value of a patch is the inner product of its part of the image embedding with the text embedding, a part of the cosine. A
prompt's contribution to the margin is s·a·(cosine - baseline), so its map is the same times s·a, up to a constant.

Legend: B images, h·w patches, P prompts, D embedding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import torch

from bioclip_x.errors import ModelError, RecipeError
from bioclip_x.faults import naming
from bioclip_x.hooks.capabilities import LoadedEncoderCapabilities, get_capabilities
from bioclip_x.hooks.components import LoadedEncoder, PatchEncoder
from bioclip_x.recipe import Recipe
from bioclip_x.records import Decoded, Explanation, HeatMap, PatchFeatures, Result, TextBank

IMAGES_AT_A_TIME: Final = 8
"""Images whose patches are in memory at once, with all hidden states: up to 60 MB each for the largest models."""
DECIMALS: Final = 8
"""Decimals of a map's values; keeps outputs short."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class HeatMapper:
    """Adds heat maps to results that have an explanation. Made by `make_heat_mapper`."""

    encoder: PatchEncoder
    bank: TextBank

    def add_maps(self, batch: Sequence[Decoded], results: Sequence[Result]) -> list[Result]:
        """Returns the results, in order, with a map for every prompt of each explanation. batch: their images."""
        with_maps = list(results)
        explained = [row for row, result in enumerate(results) if result.explanation is not None]
        for start in range(0, len(explained), IMAGES_AT_A_TIME):
            rows = explained[start : start + IMAGES_AT_A_TIME]
            pixels = [pixels for row in rows if (pixels := batch[row].pixels) is not None]
            with naming(self.encoder, "encode_patches"):
                patches = self.encoder.encode_patches(torch.stack(pixels))
            for index, row in enumerate(rows):
                with_maps[row] = self._add_to_result(results[row], patches, index)
        return with_maps

    def _add_to_result(self, result: Result, patches: PatchFeatures, index: int) -> Result:
        if result.explanation is None:
            return result
        box = compute_seen_box(self.encoder.card.preprocessing, result.width, result.height)
        explanation = add_heat_maps(result.explanation, self.bank, patches, index, box)
        return replace(result, explanation=explanation)


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
    return HeatMapper(cast(PatchEncoder, encoder), bank)


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


def compute_seen_box(preprocessing: Mapping[str, Any], width: int, height: int) -> Box:
    """Computes the box of an image that the model sees: left, top, right, bottom as fractions of its width and height.

    Within [0, 1] where the image is cropped, beyond where it is padded; ignores the rounding of the resized image to whole
    pixels. preprocessing: as in open_clip's preprocess_cfg (size, resize_mode).

    >>> compute_seen_box({"size": 224, "resize_mode": "shortest"}, 400, 200)
    (0.25, 0.0, 0.75, 1.0)
    >>> compute_seen_box({"size": 224, "resize_mode": "longest"}, 400, 200)
    (0.0, -0.5, 1.0, 1.5)
    """
    size, mode = preprocessing.get("size"), preprocessing.get("resize_mode") or "shortest"
    if size is None or mode == "squash":
        return (0.0, 0.0, 1.0, 1.0)
    input_height, input_width = (size, size) if isinstance(size, int) else size
    scale = (max if mode == "longest" else min)(height / input_height, width / input_width)
    seen_x, seen_y = input_width * scale / width, input_height * scale / height
    return ((1 - seen_x) / 2, (1 - seen_y) / 2, (1 + seen_x) / 2, (1 + seen_y) / 2)
