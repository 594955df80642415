"""The encoder `my-component`: `bioclip-x classify --encoder my-component --model NAME`."""

from collections.abc import Sequence

import numpy as np
import torch
from bioclip_x.plugin import ComponentSpec, ImageFeatures, ModelCard, ModelError, hookimpl
from PIL.Image import Image
from torch.nn.functional import normalize as to_unit_length
from torch.nn.functional import one_hot

DIM = 64

bioclip_x_api = 1


@hookimpl
def encoders() -> list[ComponentSpec]:
    return [ComponentSpec("my-component", "colours of images and of colour words", f"{__name__}:MyComponent")]


class MyComponent:
    """A family of models: here of one, which compares the colours of an image with the letters of a text."""

    def load(self, model: str, *, name: str, device: str, precision: str, preprocess: str) -> "Colours":
        """Finds and loads a model. This one has no weights; another would read `model` here and move it to `device`."""
        if model != "colours":
            raise ModelError(f"my-component has no model {model!r}; it has one, colours")
        return Colours(name)


class Colours:
    """A model that is ready to use."""

    def __init__(self, name: str) -> None:
        self.card = ModelCard(
            name=name, revision="1", tokenizer="letters", precision="fp32", dim=DIM, logit_scale=10.0, logit_bias=0.0,
            context_length=64,
        )  # fmt: skip

    def preprocess(self, image: Image) -> torch.Tensor:
        """Converts an RGB image to float32 [3, H, W]. Called from several threads."""
        pixels = np.asarray(image.convert("RGB").resize((32, 32)), np.float32) / 255
        return torch.from_numpy(pixels).permute(2, 0, 1)

    def encode_images(self, pixels_B3HW: torch.Tensor, *, normalise: bool = True) -> ImageFeatures:
        """Counts colours: 4 x 4 x 4 levels of red, green and blue."""
        levels_B3P = (pixels_B3HW.flatten(2) * 3.999).long()
        bin_BP = levels_B3P[:, 0] * 16 + levels_B3P[:, 1] * 4 + levels_B3P[:, 2]
        counts_BD = one_hot(bin_BP, DIM).sum(1).float()
        return ImageFeatures(to_unit_length(counts_BD, dim=1) if normalise else counts_BD, ("",) * len(counts_BD))

    def encode_texts(self, texts: Sequence[str], *, normalise: bool = True) -> torch.Tensor:
        """Counts letters, and a start token."""
        counts_PD = torch.zeros(len(texts), DIM)
        for row, text in enumerate(texts):
            counts_PD[row, 0] = 1
            for letter in text[: self.card.context_length]:
                counts_PD[row, ord(letter) % DIM] += 1
        return to_unit_length(counts_PD, dim=1) if normalise else counts_PD

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text) + 1 for text in texts]
