"""Regions of images in a classifier: crops, masks, batches, order, errors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from bioclip_x import Classifier
from bioclip_x.errors import ImageError, ModelError, RecipeError
from bioclip_x.hooks.capabilities import DetectorCapabilities
from bioclip_x.images.loading import load_batches
from bioclip_x.records import Region, Source
from bioclip_x.regions.finding import RegionFinder
from bioclip_x.regions.masks import encode_mask
from bioclip_x.regions.reading import RegionReader
from helpers import picture


class Listed:
    """Finds listed regions by the name of the image."""

    capabilities = DetectorCapabilities(passed_labels=("person",))

    def __init__(self, found: dict[str, Any]) -> None:
        self.found = found

    def detect(self, source: Source, image: Image.Image) -> Sequence[Region] | None:
        found = self.found[source.name]
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]


def to_tensor(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.asarray(image.resize((4, 4)), dtype=np.float32)).permute(2, 0, 1)


def read(found: dict[str, Any], batch_size: int = 2, **settings: Any) -> list[list[Any]]:
    reader = RegionReader(
        RegionFinder(Listed(found), 0.2, settings.pop("classes", ())), 0.0, "square", settings.pop("mask", "keep")
    )
    sources = [Source(name, image=picture(number)) for number, name in enumerate(found)]
    return list(load_batches(sources, to_tensor, batch_size=batch_size, workers=2, regions=reader, with_thumbnail=True))


LEFT, RIGHT = Region((0, 0, 0.5, 1), "animal", 0.9), Region((0.5, 0, 1, 1), "animal", 0.3)


def test_regions_fill_whole_batches_in_order() -> None:
    found = {"a": [LEFT, RIGHT, LEFT], "b": [], "c": None, "d": ImageError("too dark"), "e": [RIGHT]}
    batches = read(found)
    assert [len(batch) for batch in batches] == [2, 2, 2, 1]
    a, b, c, d, e, f, g = (one for batch in batches for one in batch)
    assert [(one.source.name, one.region_number, one.n_regions) for one in (a, b, c)] == [("a", i, 3) for i in range(3)]
    assert d.refused == "nothing found" and d.pixels is None and d.region is None
    assert e.pixels is not None and e.region is None and "named as a whole" in e.notes[-1]
    assert f.error == "too dark" and g.region == RIGHT
    assert a.thumbnail and not b.thumbnail, "an image is shown once"


def test_weak_regions_are_dropped_and_told() -> None:
    weak = Region((0, 0, 1, 1), confidence=0.1)
    [[one, two]] = read({"a": [weak], "b": [weak, LEFT, Region((0, 0, 1, 1))]})[:1]
    assert one.refused == "nothing found: 1 region below a confidence of 0.2 (at most 0.10)"
    assert two.region == LEFT and two.n_regions == 2


@pytest.mark.parametrize(
    ("classes", "refused"),
    [((), ["", "Person: not named", ""]), (("ANIMAL",), ["", "Person: not named", "bird: not named"])],
)
def test_labels_that_are_not_named_pass_through(classes: tuple[str, ...], refused: list[str]) -> None:
    regions = [LEFT, Region((0, 0, 1, 1), "Person"), Region((0, 0, 1, 1), "bird")]
    [batch] = read({"a": regions}, batch_size=3, classes=classes)
    assert [one.refused for one in batch] == refused
    assert [one.pixels is None for one in batch] == [bool(one) for one in refused]


def test_a_region_is_the_crop_of_its_box() -> None:
    [[one]] = read({"a": [LEFT]}, batch_size=1)
    image = picture(0)
    half = image.crop((0, 0, image.width // 2, image.height))
    assert one.width == image.width
    if half.width == half.height:
        torch.testing.assert_close(one.pixels, to_tensor(half))


def test_masks_change_only_the_background() -> None:
    image = picture(0)
    pixels = np.zeros((image.height, image.width), bool)
    pixels[: image.height // 2] = True
    region = Region((0, 0, 1, 1), mask=encode_mask(pixels))
    kept = read({"a": [region]}, batch_size=1)[0][0].pixels
    grey = read({"a": [region]}, batch_size=1, mask="grey")[0][0].pixels
    torch.testing.assert_close(kept[:, 0], grey[:, 0], atol=2, rtol=0)  # resizing mixes near pixels
    assert (kept[:, 3] - grey[:, 3]).abs().max() > 5
    pooled = read({"a": [region]}, batch_size=1, mask="pool")[0][0]
    assert (
        torch.equal(pooled.pixels, kept) and pooled.mask_HW.mean() == 0.375
    )  # 40 x 15 of 40 x 40, with what is beyond the image
    [[without]] = read({"a": [LEFT]}, batch_size=1, mask="grey")
    assert without.notes == ("no mask: the whole box is named",)


def test_settings_without_boxes_are_refused(tiny_model: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"--box-confidence, --mask: there are no boxes"):
        Classifier(tiny_model, labels=("a", "b"), box_confidence=0.5, mask="grey")
    with pytest.raises(RecipeError, match="no such file of boxes"):
        Classifier(tiny_model, labels=("a", "b"), boxes=tmp_path / "none.json")


def test_pooling_needs_a_model_with_patches(tiny_model: str) -> None:
    detector = Listed({"image 0": [LEFT]})
    with pytest.raises((ModelError, RecipeError), match=r"--mask grey or blur|--box-crop square"):
        Classifier(tiny_model, labels=("a", "b"), detector=detector, mask="pool", box_crop="stretch")
