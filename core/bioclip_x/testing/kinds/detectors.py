"""Checks of detectors. One that reads regions from a file needs the path of an image in it, as the example `image`."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from bioclip_x.errors import ImageError
from bioclip_x.hooks.capabilities import DetectorCapabilities, get_capabilities
from bioclip_x.records import Region, Source
from bioclip_x.regions.finding import check_regions
from bioclip_x.testing.checks import Subject


def list_images(subject: Subject) -> list[tuple[Source, Image.Image]]:
    """Returns an even image, one of noise, one of a single pixel, a narrow one, and the example if there is one."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    images = [
        Image.new("RGB", (32, 32), (120, 160, 90)),
        Image.fromarray(noise),
        Image.new("RGB", (1, 1)),
        Image.new("RGB", (3, 200), "white"),
    ]
    pairs = [(Source(f"image {number}", image=image), image) for number, image in enumerate(images)]
    if "image" in subject.examples:
        path = Path(subject.examples["image"])
        with Image.open(path) as image:
            pairs.append((Source(str(path), path), image.convert("RGB")))
    return pairs


def detect(subject: Subject, source: Source, image: Image.Image) -> list[Region] | None:
    """Has a new detector look at a copy of an image, and checks what it found."""
    detector = subject.make()
    found = detector.detect(source, image.copy())
    return None if found is None else check_regions(detector, found)


def check_regions_are_valid(subject: Subject) -> None:
    """Any image gives a list of regions within it, with confidences in [0, 1]; or None, or an ImageError."""
    for source, image in list_images(subject):
        try:
            detect(subject, source, image)
        except ImageError as problem:
            assert str(problem), "expected a reason, got an error without one"


def check_the_example_has_regions(subject: Subject) -> None:
    """The example image has regions, which it is classified by."""
    path = Path(subject.need("image"))
    with Image.open(path) as image:
        found = detect(subject, Source(str(path), path), image.convert("RGB"))
    assert found, f"expected regions in {path.name}, got {found!r}"


def check_it_changes_no_image(subject: Subject) -> None:
    """The image that it looks at is not changed: it is cropped afterwards."""
    for source, image in list_images(subject):
        before = image.tobytes()
        subject.make().detect(source, image)
        assert image.tobytes() == before, f"expected {source.name} unchanged, got other pixels"


def check_it_is_deterministic_in_threads(subject: Subject) -> None:
    """One detector finds the same again, also from several threads."""
    detector, pairs = subject.make(), list_images(subject)

    def find(pair: tuple[Source, Image.Image]) -> Sequence[Region] | None:
        found = detector.detect(pair[0], pair[1])
        return None if found is None else list(found)

    alone = [find(pair) for pair in pairs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(find, pairs * 4))
    assert together == alone * 4, "expected the same regions from several threads as from one, got others"


def check_passed_labels_are_lower_case(subject: Subject) -> None:
    """The labels that it passes on are lower case: they are compared without regard to case."""
    for label in get_capabilities(subject.make(), DetectorCapabilities).passed_labels:
        assert label == label.casefold(), f"expected labels such as person, got {label!r}"


def check_path_option_is_an_option(subject: Subject) -> None:
    """The option that `--boxes` sets is one of its options."""
    option = get_capabilities(subject.make(), DetectorCapabilities).path_option
    known = [one.name for one in subject.registry.parameters(subject.kind, subject.name)]
    assert not option or option in known, f"expected one of its options {', '.join(known)}, got {option!r}"
