"""Detectors, each with one fault."""

from pathlib import Path
from typing import Any

from PIL import Image

from bioclip_x.plugin import DetectorCapabilities, Region, Source

KIND = "detectors"


class Right:
    """the middle of an image that is not even"""

    capabilities = DetectorCapabilities(passed_labels=("person",))

    def detect(self, source: Source, image: Image.Image) -> Any:
        low, high = image.convert("L").getextrema()
        return [Region((0.25, 0.25, 0.75, 0.75), "animal", 0.9)] if low < high else []


class Outside(Right):
    """a box that is larger than the image"""

    def detect(self, source: Source, image: Image.Image) -> Any:
        return [Region((0.5, 0.5, 1.5, 1.5))]


class Blind(Right):
    """no regions in any image"""

    def detect(self, source: Source, image: Image.Image) -> Any:
        return []


class Painter(Right):
    """draws the boxes on the image"""

    def detect(self, source: Source, image: Image.Image) -> Any:
        image.putpixel((0, 0), (1, 2, 3))
        return super().detect(source, image)


class Counting(Right):
    """regions that depend on how often it was asked"""

    def __init__(self) -> None:
        self.calls = 0

    def detect(self, source: Source, image: Image.Image) -> Any:
        self.calls += 1
        return [Region((0.0, 0.0, 1 / (1 + self.calls), 1.0))]


class Loud(Right):
    """a label in capitals"""

    capabilities = DetectorCapabilities(passed_labels=("Person",))


class Wrong(Right):
    """a path option that it does not have"""

    capabilities = DetectorCapabilities(path_option="file")


def make_given(folder: Path, target: type) -> dict[str, Any]:
    image = Image.new("RGB", (8, 8), "white")
    image.putpixel((4, 4), (0, 0, 0))
    image.save(folder / "a.png")
    return {"examples": {"image": folder / "a.png"}}


RIGHT = (Right,)
FAULTY = {
    "regions_are_valid": Outside,
    "the_example_has_regions": Blind,
    "it_changes_no_image": Painter,
    "it_is_deterministic_in_threads": Counting,
    "passed_labels_are_lower_case": Loud,
    "path_option_is_an_option": Wrong,
}
