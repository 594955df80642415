"""The detector `my-component`: `bioclip-x classify photos/ --detector my-component`."""

from collections.abc import Sequence

import numpy as np
from bioclip_x.plugin import ComponentSpec, DetectorCapabilities, Region, Source, hookimpl
from PIL.Image import Image

bioclip_x_api = 1


@hookimpl
def detectors() -> list[ComponentSpec]:
    return [ComponentSpec("my-component", "the box around all dark pixels", f"{__name__}:MyComponent")]


class MyComponent:
    """Finds what is darker than a fraction of the brightest pixel; an evenly bright image shows nothing."""

    capabilities = DetectorCapabilities(passed_labels=("person",))

    def __init__(self, *, fraction: float = 0.5) -> None:
        self.fraction = fraction

    def detect(self, source: Source, image: Image) -> Sequence[Region] | None:
        grey = np.asarray(image.convert("L"), dtype=float)
        dark = grey < self.fraction * grey.max()
        rows, columns = np.flatnonzero(dark.any(1)), np.flatnonzero(dark.any(0))
        if not len(rows):
            return []
        height, width = dark.shape
        box = (columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height)
        return [Region(box, label="animal", confidence=0.9)]
