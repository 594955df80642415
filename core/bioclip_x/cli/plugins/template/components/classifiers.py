"""The classifier `my-component`: `bioclip-x classify --model my-component`."""

from collections.abc import Sequence

import numpy as np
import torch
from bioclip_x.plugin import ComponentSpec, ImageClassifierCapabilities, hookimpl
from PIL.Image import Image

LABELS = ("Rosa canina", "Hedera helix", "Salvia pratensis", "blank")

bioclip_x_api = 1


@hookimpl
def classifiers() -> list[ComponentSpec]:
    return [ComponentSpec("my-component", "plants by their colour", f"{__name__}:MyComponent")]


class MyComponent:
    """An image classifier with labels of its own: here of the colour that an image has most of."""

    # An image whose best label is one of `refuses` is not named. A model with a method `probabilities` in place of `logits`
    # declares outputs="probabilities".
    capabilities = ImageClassifierCapabilities(refuses=("blank",))
    # What distinguishes the weights from others of the same name, such as a hash of their file.
    revision = "1"

    def labels(self) -> Sequence[str]:
        """Returns the labels in the order of the scores: any names by which the taxonomy's classes can be found."""
        return LABELS

    def load(self, device: str) -> None:
        """This one has no weights; another would read them here, and move them to `device` ("auto": the fastest)."""

    def preprocess(self, image: Image) -> torch.Tensor:
        """Converts an RGB image to float32 [3, H, W]. Called from several threads."""
        return torch.from_numpy(np.asarray(image.resize((32, 32)), np.float32) / 255).permute(2, 0, 1)

    def logits(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        """Compares the mean red, green and blue: [images, labels]. An image without colour is blank."""
        colours_B3 = pixels_B3HW.mean((2, 3))
        grey_B1 = colours_B3.mean(1, keepdim=True)
        return 20 * torch.cat([colours_B3 - grey_B1, torch.full_like(grey_B1, 0.05)], 1)
