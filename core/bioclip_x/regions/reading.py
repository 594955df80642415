"""From an image to what the model sees of each of its regions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bioclip_x.errors import RecipeError
from bioclip_x.hooks.registry import Registry
from bioclip_x.recipe import Recipe
from bioclip_x.records import Decoded, Region
from bioclip_x.regions.crops import Shape, compute_rectangle, crop
from bioclip_x.regions.finding import RegionFinder, make_finder
from bioclip_x.regions.masks import Background, decode_mask, hide_background, scale_mask

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

    Preprocess = Callable[[Image], torch.Tensor]


@dataclass(frozen=True, slots=True)
class RegionReader:
    """Finds the regions of images, and cuts them out. padding, shape: see `crops.compute_rectangle`. mask: see `Background`."""

    finder: RegionFinder
    padding: float
    shape: Shape
    mask: Background

    def read(self, whole: Decoded, image: Image, preprocess: Preprocess) -> Iterator[Decoded]:
        """Yields a record for each region of an image, or one for the image, with pixels or the reason why there are none.

        whole: the record of the image, without pixels. Raises ImageError for an image at which the detector fails.
        """
        found = self.finder.find(whole.source, image)
        if found.whole:
            yield replace(whole, pixels=preprocess(image), notes=(*whole.notes, found.note))
            return
        if not found.regions:
            yield replace(whole, refused=found.refused)
            return
        for number, one in enumerate(found.regions):
            if number < whole.source.first_region:
                continue
            thumbnail = whole.thumbnail if number == 0 else None  # results of one image stand together
            record = replace(
                whole, region=one.region, region_number=number, n_regions=len(found.regions), thumbnail=thumbnail
            )
            yield (
                replace(record, refused=one.refused)
                if one.refused
                else self._cut(record, one.region, image, preprocess)
            )

    def _cut(self, record: Decoded, region: Region, image: Image, preprocess: Preprocess) -> Decoded:
        rectangle = compute_rectangle(region.box, *image.size, padding=self.padding, shape=self.shape)
        if region.mask is None:
            notes = record.notes if self.mask == "keep" else (*record.notes, "no mask: the whole box is named")
            return replace(record, pixels=preprocess(crop(image, rectangle, self.shape)), notes=notes)
        mask = crop(scale_mask(decode_mask(region.mask), image.size), rectangle, self.shape, outside=0)
        shown = hide_background(crop(image, rectangle, self.shape), mask, self.mask)
        mask_HW = np.asarray(mask) > 0 if self.mask == "pool" else None
        return replace(record, pixels=preprocess(shown), mask_HW=mask_HW)


def make_region_reader(registry: Registry, recipe: Recipe) -> RegionReader | None:
    """Makes the reader of a recipe's regions; None for a recipe that names images as a whole. Raises RecipeError."""
    finder = make_finder(registry, recipe)
    if finder is None:
        return None
    if recipe.mask == "pool" and recipe.box_crop == "stretch":
        raise RecipeError("--mask pool needs --box-crop square: patches of a stretched box have no place in the image")
    return RegionReader(finder, recipe.box_padding, recipe.box_crop, recipe.mask)
