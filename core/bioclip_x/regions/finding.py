"""Asks the detector for the regions of an image, and selects those that are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from bioclip_x.errors import ImageError, RecipeError
from bioclip_x.faults import naming, refuse
from bioclip_x.hooks.capabilities import DetectorCapabilities, get_capabilities
from bioclip_x.hooks.components import Detector, PreparedDetector
from bioclip_x.hooks.registry import Registry
from bioclip_x.limits import REGIONS
from bioclip_x.recipe import Recipe
from bioclip_x.records import Region, Source

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class FoundRegion:
    """A region of an image. refused: why it is not named ("person: not named"); "" for one that is."""

    region: Region
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The regions of an image, in the order of its results.

    whole: whether the image is classified as a whole, since the detector knows nothing of it. note: for the user.
    refused: why nothing in the image is named, if it has no regions.
    """

    regions: tuple[FoundRegion, ...] = ()
    whole: bool = False
    note: str = ""
    refused: str = ""


@dataclass(frozen=True, slots=True)
class RegionFinder:
    """Finds the regions of images.

    confidence: below which regions are dropped; those without a confidence are kept. classes: the detector's labels of which
    regions are named; empty for all but those that it passes on. Labels are compared without regard to case.
    """

    detector: Detector
    confidence: float
    classes: tuple[str, ...] = ()

    def find(self, source: Source, image: Image) -> Found:
        """Finds the regions of an image. image: RGB, upright.

        Raises ImageError where the detector says so, and for more than REGIONS of them; ComponentError where it fails,
        PluginError for what is no region.
        """
        with naming(self.detector, "detect", source.name):
            given = self.detector.detect(source, image)
        if given is None:
            return Found(whole=True, note="the detector has no answer for this image; it is named as a whole")
        regions = check_regions(self.detector, given)
        kept = [one for one in regions if one.confidence is None or one.confidence >= self.confidence]
        if len(kept) > REGIONS:
            raise ImageError(
                f"{len(kept):,} boxes in one image; the limit is {REGIONS:,}; a higher --box-confidence leaves fewer"
            )
        if kept:
            return Found(tuple(FoundRegion(one, self._refuse(one.label)) for one in kept))
        if dropped := len(regions):
            best = max(one.confidence for one in regions if one.confidence is not None)
            found = f"{dropped} region{'s' if dropped > 1 else ''} below a confidence of {self.confidence:g}"
            return Found(refused=f"nothing found: {found} (at most {best:.2f})")
        return Found(refused="nothing found")

    def _refuse(self, label: str) -> str:
        """Returns why regions of a label are not named; "" for those that are."""
        if self.classes:
            is_named = label.casefold() in {one.casefold() for one in self.classes}
        else:
            passed = get_capabilities(self.detector, DetectorCapabilities).passed_labels
            is_named = label.casefold() not in passed
        return "" if is_named else f"{label or 'a region without a label'}: not named"


def check_regions(detector: Detector, regions: object) -> list[Region]:
    """Returns what a detector found. Raises PluginError for what is no list of regions within the image."""
    if not isinstance(regions, list | tuple) or not all(isinstance(one, Region) for one in regions):
        refuse(detector, "detect", "a list of regions, or None", regions)
    for one in regions:
        left, top, right, bottom = one.box
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):  # also nan
            refuse(detector, "detect", "boxes of left < right and top < bottom, in [0, 1]", one.box)
        if one.confidence is not None and not 0 <= one.confidence <= 1:
            refuse(detector, "detect", "confidences in [0, 1], or None", one.confidence)
    return list(regions)


def make_finder(registry: Registry, recipe: Recipe) -> RegionFinder | None:
    """Makes the recipe's finder of regions; None for a recipe that names images as a whole.

    Raises RecipeError for settings of regions without a detector, and for a file of boxes that the detector does not take.
    """
    if recipe.detector is None:
        refuse_idle(recipe)
        return None
    name, options = recipe.detector.name, dict(recipe.detector.options)
    if recipe.boxes is not None:
        option = get_capabilities(registry.target("detectors", name), DetectorCapabilities).path_option
        if not option:
            raise RecipeError(f"the detector {name!r} reads no file of boxes; leave out --boxes")
        if option in options and str(options[option]) != str(recipe.boxes):
            raise RecipeError(
                f"--boxes {recipe.boxes} and --detector {recipe.detector} name two files; leave out one of them"
            )
        options[option] = str(recipe.boxes)
    detector = registry.make("detectors", name, options)
    if get_capabilities(detector, DetectorCapabilities).prepares:
        with naming(detector, "prepare"):
            cast(PreparedDetector, detector).prepare()
    return RegionFinder(detector, recipe.box_confidence, recipe.box_classes)


def refuse_idle(recipe: Recipe) -> None:
    """Raises RecipeError for settings of regions that have no effect, since there is no detector."""
    idle: Sequence[str] = [
        f"--{name.replace('_', '-')}"
        for name in ("box_confidence", "box_classes", "box_padding", "box_crop", "mask")
        if getattr(recipe, name) != Recipe.model_fields[name].default
    ]
    if idle:
        raise RecipeError(f"{', '.join(idle)}: there are no boxes; give --boxes FILE or --detector NAME")
