"""Heat maps as images, for papers and slides: a folder of PNG files, one for each text shown."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from bioclip_x.plugin import (
    BioclipXError,
    HeatMap,
    PromptContribution,
    Provenance,
    RecipeError,
    ReportCapabilities,
    Result,
)

POSITIVE: Final = (213, 94, 0)
NEGATIVE: Final = (0, 114, 178)
"""Vermilion and blue of Okabe and Ito's palette (2008), which differ for every kind of colour vision."""
OPAQUE: Final = 0.8
"""The full colour; weaker patches in proportion."""


class HeatMapFiles:
    """FOLDER/0001-blue-tit/1-for-01-a-blue-crown.png, …: the winner's texts, and 2-against-… the runner-up's.

    strongest: texts of each side, the strongest first.
    """

    capabilities = ReportCapabilities(thumbnails=True)

    def __init__(self, *, strongest: int = 5) -> None:
        if strongest < 1:
            raise RecipeError(f"heat-maps: strongest must be at least 1, got {strongest}")
        self.strongest = strongest

    @contextmanager
    def open(self, output: Path | None, provenance: Provenance) -> Iterator[_Writer]:
        """The folder appears when all is written; until then it is called FOLDER.partial.

        Raises RecipeError for a folder that holds something already.
        """
        if output is None:
            raise RecipeError("the format heat-maps writes a folder of images: name it with --output FOLDER")
        if not provenance.recipe.get("heat_maps"):
            raise RecipeError("the format heat-maps needs heat maps: add --heat-maps")
        if output.exists() and not (output.is_dir() and not any(output.iterdir())):
            raise RecipeError(f"{output} exists and is not empty; name a new folder for the heat maps")
        partial = output.with_name(f"{output.name}.partial")
        try:
            if partial.is_dir():  # of an interrupted run
                shutil.rmtree(partial)
            partial.mkdir(parents=True)
            yield _Writer(partial, provenance, self.strongest)
            if output.exists():
                output.rmdir()
            partial.rename(output)
        except OSError as problem:
            raise BioclipXError(f"{output} cannot be written: {problem.strerror or problem}") from problem


class _Writer:
    def __init__(self, folder: Path, provenance: Provenance, strongest: int) -> None:
        self._folder, self._provenance, self._strongest = folder, provenance, strongest
        self._number = 0

    def write(self, result: Result) -> None:
        """A folder for each image, by its place among all; none for one without an explanation."""
        self._number += 1
        contributions = result.explanation.contributions if result.explanation else ()
        classes = dict.fromkeys(one.class_index for one in contributions)
        both = [self._shown(contributions, class_index) for class_index in classes]
        scale = find_full_colour([heat_map for side in both for _, heat_map in side])
        if not result.thumbnail or not scale:
            return
        folder = self._folder / f"{self._number:04d}-{_slug(Path(result.source).stem)}"
        folder.mkdir()
        with Image.open(io.BytesIO(result.thumbnail)) as opened:
            picture = opened.convert("RGB")
        for which, side in zip(("1-for", "2-against"), both):
            for place, (one, heat_map) in enumerate(side, 1):
                name = f"{which}-{place:02d}-{_slug(one.phrase or one.text)}.png"
                about = self._about(result, one, heat_map, scale)
                overlay(picture, heat_map, scale).save(folder / name, pnginfo=about)

    def _shown(
        self, contributions: Sequence[PromptContribution], class_index: int
    ) -> list[tuple[PromptContribution, HeatMap]]:
        own = [(one, one.heat_map) for one in contributions if one.class_index == class_index and one.heat_map]
        return own[: self._strongest]

    def _about(self, result: Result, one: PromptContribution, heat_map: HeatMap, scale: float) -> PngInfo:
        """What the image shows, within the image."""
        told = {
            "Title": f"{result.source}: {one.text}",
            "Description": f"each patch's part of the similarity {one.similarity:.4f}: orange for, blue against, "
            f"the full colour from {scale:.3g}",
            "Comment": heat_map.method,
            "Source": f"{self._provenance.model} {self._provenance.revision}",
            "Software": f"bioclip-x {self._provenance.version}",
            "Disclaimer": self._provenance.demo,
        }
        info = PngInfo()
        for key, text in told.items():
            if text:
                info.add_itxt(key, text.encode("utf-8", "replace").decode("utf-8"))
        return info


def find_full_colour(maps: Sequence[HeatMap]) -> float:
    """The absolute value that gets the full colour in all of them, so that they can be compared: all but the strongest 1%
    of patches lie below it, lest one patch leave all others pale. 0 where there is nothing to see."""
    values = np.concatenate([np.zeros(1), *(np.ravel(one.values_hw) for one in maps)])
    return float(np.quantile(np.abs(values[np.isfinite(values)]), 0.99))


def overlay(picture: Image.Image, heat_map: HeatMap, full: float) -> Image.Image:
    """The image, RGB, with the map over what the model saw of it: greyed, so that the map's colours are the only ones.

    full: the absolute value, positive, that gets the full colour; see `full_colour`.
    """
    wide, high = picture.size
    left, top, right, bottom = (
        round(edge * side) for edge, side in zip(heat_map.box, (wide, high, wide, high), strict=True)
    )
    size = (max(1, right - left), max(1, bottom - top))
    values_hw = np.nan_to_num(np.array(heat_map.values_hw, np.float32), posinf=0, neginf=0) / full
    smooth_hw = np.asarray(Image.fromarray(values_hw).resize(size, Image.Resampling.BILINEAR))
    ground_hw3 = np.asarray(picture.convert("L").convert("RGB").crop((left, top, right, bottom)), np.float32)
    colour_hw3 = np.where(smooth_hw[..., None] >= 0, np.array(POSITIVE, np.float32), np.array(NEGATIVE, np.float32))
    opacity_hw1 = (OPAQUE * np.abs(smooth_hw).clip(0, 1))[..., None]
    laid = Image.fromarray((ground_hw3 + opacity_hw1 * (colour_hw3 - ground_hw3)).round().astype(np.uint8))
    whole = picture.convert("L").convert("RGB")
    whole.paste(laid, (left, top))
    return whole


def _slug(text: str) -> str:
    """A name of a file on any system: letters and digits, 60 at most."""
    return re.sub(r"[^\w]+", "-", text).strip("-")[:60] or "picture"
