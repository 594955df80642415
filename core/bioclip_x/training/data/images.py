"""Reads the images of data sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL.Image import Image

from bioclip_x.errors import ComponentError, ImageError, TrainingError
from bioclip_x.faults import describe, log_row, naming_by
from bioclip_x.hooks.components import Dataset, Sample
from bioclip_x.images.files import ImageFiles

Found = tuple[int, int, str]
"""(data set, index, what to know of the image)."""


@dataclass(frozen=True, slots=True)
class ReadImage:
    """An image that was read in place of the requested one, mostly itself.

    replaced: the images that cannot be read before it, with the reasons. noted: what to know of how images were read.
    """

    sample: Sample
    image: Image | np.ndarray
    replaced: tuple[Found, ...] = ()
    noted: tuple[Found, ...] = ()


class ImageReader:
    """Reads the data sets' images, and replaces each unreadable one by the next readable one.

    files: how image files are read; None for Pillow's formats only.
    """

    def __init__(self, datasets: Sequence[Dataset], files: ImageFiles | None = None) -> None:
        self.datasets = tuple(datasets)
        self._names = [describe(dataset) for dataset in datasets]  # which another process would not know
        self._files = files or ImageFiles()
        self._unreadable: dict[tuple[int, int], str] = {}

    def read(self, dataset: int, index: int) -> ReadImage:
        """Raises TrainingError if none of the data set's images can be read."""
        source = self.datasets[dataset]
        replaced: list[Found] = []
        for step in range(len(source)):
            candidate = (index + step) % len(source)
            if reason := self._unreadable.get((dataset, candidate)):
                replaced.append((dataset, candidate, reason))
                continue
            try:
                image, notes = self._open(dataset, candidate)
                with naming_by(self._names[dataset], "sample", f"image {candidate}"):
                    sample = source.sample(candidate)
            except (ImageError, ComponentError) as problem:
                log_row(problem)
                reason = self._unreadable[dataset, candidate] = str(problem)
                replaced.append((dataset, candidate, reason))
                continue
            noted = ((dataset, candidate, notes),) if notes else ()
            return ReadImage(sample, image, tuple(replaced), noted)
        raise TrainingError(
            f"data: none of the {len(source)} images of data set {dataset + 1} can be read: {replaced[0][2]}"
        )

    def _open(self, dataset: int, index: int) -> tuple[Image | np.ndarray, str]:
        """Returns an image, and what to know of how it was read."""
        source = self.datasets[dataset]
        with naming_by(self._names[dataset], "name", f"image {index}"):
            name = source.name(index)
        with naming_by(self._names[dataset], "image", name):
            image = source.image(index)
        if not isinstance(image, str | Path | bytes):
            return image, ""
        opened = self._files.read_any(image, name)
        return opened.image, f"{name}: {'; '.join(opened.notes)}" if opened.notes else ""
