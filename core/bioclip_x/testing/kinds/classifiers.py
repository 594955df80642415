"""Checks of image classifiers. One that reads a file needs it as an option. Legend: B images, L labels."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from PIL import Image

from bioclip_x.hooks.capabilities import ImageClassifierCapabilities, get_capabilities
from bioclip_x.testing.checks import Subject


def load(subject: Subject) -> Any:
    classifier = subject.make()
    classifier.labels()
    classifier.load("cpu")
    return classifier


def make_images() -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (40, width, 3), dtype=np.uint8)) for width in (30, 40, 90)]


def compute(classifier: Any, pixels_B3HW: torch.Tensor) -> torch.Tensor:
    """Calls the method that the classifier declares."""
    outputs = get_capabilities(classifier, ImageClassifierCapabilities).outputs
    assert callable(getattr(classifier, outputs, None)), (
        f"expected a method {outputs!r}, which its capabilities declare"
    )
    values_BL = getattr(classifier, outputs)(pixels_B3HW)
    assert isinstance(values_BL, torch.Tensor), f"expected {outputs} to return a tensor, got {type(values_BL).__name__}"
    return values_BL.float().cpu()


def check_labels_are_names(subject: Subject) -> None:
    """Labels are a sequence of names, none blank, before the weights are loaded and after."""
    classifier = subject.make()
    labels = classifier.labels()
    assert not isinstance(labels, str) and len(labels), f"expected a sequence of labels, got {labels!r:.80}"
    wrong = [label for label in labels if not isinstance(label, str) or not label.strip()]
    assert not wrong, f"expected names, none of them blank, got {wrong[:3]}"
    classifier.load("cpu")
    assert list(classifier.labels()) == list(labels), "expected the same labels once it is loaded, got others"


def check_labels_that_refuse_exist(subject: Subject) -> None:
    """Some other labels are left than those that refuse."""
    classifier = subject.make()
    refuses = {one.casefold() for one in get_capabilities(classifier, ImageClassifierCapabilities).refuses}
    left = {label.casefold() for label in classifier.labels()} - refuses
    assert left, f"expected a label that does not refuse, got only {', '.join(sorted(refuses))}"


def check_scores_are_of_images_and_labels(subject: Subject) -> None:
    """Scores are finite, for every image and label; probabilities are between 0 and 1."""
    classifier = load(subject)
    values_BL = compute(classifier, torch.stack([classifier.preprocess(image) for image in make_images()]))
    shape = (3, len(classifier.labels()))
    assert tuple(values_BL.shape) == shape, f"expected {shape}, got {tuple(values_BL.shape)}"
    assert values_BL.isfinite().all(), "expected finite scores, got others"
    if get_capabilities(classifier, ImageClassifierCapabilities).outputs == "probabilities":
        low, high = float(values_BL.min()), float(values_BL.max())
        assert low >= 0 and high <= 1, f"expected probabilities from 0 to 1, got {low:.3g} to {high:.3g}"
    elif (values_BL >= 0).all() and shape[1] > 1:
        assert ((values_BL.sum(1) - 1).abs() > 1e-4).any(), (
            "expected logits, got rows that sum to 1; for probabilities, declare outputs='probabilities'"
        )


def check_images_do_not_affect_each_other(subject: Subject) -> None:
    """An image has the same scores alone and in a batch."""
    classifier = load(subject)
    pixels = torch.stack([classifier.preprocess(image) for image in make_images()])
    together = compute(classifier, pixels)
    for row in range(3):
        alone = compute(classifier, pixels[row : row + 1])
        assert torch.allclose(alone, together[row : row + 1], atol=1e-4), (
            "expected the same scores alone and in a batch, got others"
        )


def check_it_is_deterministic(subject: Subject) -> None:
    """The same image has the same scores twice; dropout is off."""
    classifier = load(subject)
    pixels = torch.stack([classifier.preprocess(image) for image in make_images()])
    first, second = compute(classifier, pixels), compute(classifier, pixels)
    assert torch.equal(first, second), "expected equal scores twice, got others; is it in evaluation mode?"


def check_images_are_prepared_in_threads(subject: Subject) -> None:
    """`preprocess` gives the same from several threads as from one: float32 [3, H, W], of one size for all images."""
    classifier, images = load(subject), make_images() * 8
    alone = [classifier.preprocess(image) for image in images]
    shapes = sorted({tuple(x.shape) for x in alone})
    assert len(shapes) == 1 and len(shapes[0]) == 3, f"expected [3, H, W] of one size, got {shapes}"
    assert alone[0].dtype == torch.float32, f"expected float32, got {alone[0].dtype}"
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(classifier.preprocess, images))
    assert all(torch.equal(a, b) for a, b in zip(alone, together)), (
        "expected the same pixels from several threads as from one, got others"
    )


def check_it_has_a_revision(subject: Subject) -> None:
    """Its revision is the same each time that it is loaded, and not empty."""
    first, second = load(subject).revision, load(subject).revision
    assert isinstance(first, str) and first, f"expected a text such as a hash of its weights, got {first!r}"
    assert first == second, f"expected the same revision twice, got {first!r} and {second!r}"


def check_input_is_left_alone(subject: Subject) -> None:
    """It does not change the pixels that it is given."""
    classifier = load(subject)
    pixels = torch.stack([classifier.preprocess(image) for image in make_images()])
    before = pixels.clone()
    compute(classifier, pixels)
    assert torch.equal(pixels, before), "expected the pixels to be left as they are, got others"
