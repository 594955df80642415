"""The classifier `colours`: `bioclip-x classify --model colours:FILE`, with a file that `bioclip_x_colours.train` wrote.

Legend: B images, F colours (features), L labels.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from bioclip_x.plugin import ImageClassifierCapabilities, ModelError

SIDE = 32
LEVELS = 4
"""Levels of red, green and blue, so that F = 64."""


class Colours:
    """A linear classifier of colour histograms.

    file: labels, weights and biases, as written by `python -m bioclip_x_colours.train FILE`.
    """

    # An image whose best label is blank is not named. The others are names of taxa, found in the taxonomy by any name.
    capabilities = ImageClassifierCapabilities(refuses=("blank",))

    def __init__(self, file: Path) -> None:
        self.file = file
        self._weight_LF, self._bias_L = torch.empty(0), torch.empty(0)
        self._hash = ""

    @property
    def revision(self) -> str:
        """A calibration is valid for these weights only."""
        return f"sha256:{self._hash[:16]}"

    def labels(self) -> Sequence[str]:
        """Returns the labels in the order of the scores. Called before `load`; an .npz file is read in parts."""
        return self._read("labels")[0].tolist()

    def load(self, device: str) -> None:
        """Reads the weights. They are so few that they stay on the CPU, whatever the device."""
        weight_LF, bias_L = self._read("weight", "bias")
        self._weight_LF, self._bias_L = torch.from_numpy(weight_LF), torch.from_numpy(bias_L)
        self._hash = hashlib.sha256(self.file.read_bytes()).hexdigest()

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """Converts an RGB image to float32 [3, SIDE, SIDE], from 0 to 1. Called from several threads."""
        return prepare(image)

    def logits(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        """Returns [B, L]."""
        return compute_histograms(pixels_B3HW) @ self._weight_LF.T + self._bias_L

    def _read(self, *names: str) -> list[np.ndarray]:
        """Reads arrays of the file. Raises ModelError for another kind of file. Never unpickles: files may be downloaded."""
        try:
            with np.load(self.file, allow_pickle=False) as arrays:
                return [arrays[name] for name in names]
        except (OSError, KeyError, ValueError) as problem:
            raise ModelError(
                f"{self.file} has no classifier by colours ({problem}); make one: python -m bioclip_x_colours.train {self.file}"
            ) from None


def prepare(image: Image.Image) -> torch.Tensor:
    resized = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    return torch.from_numpy(np.asarray(resized, np.float32) / 255).permute(2, 0, 1)


def compute_histograms(pixels_B3HW: torch.Tensor) -> torch.Tensor:
    """Returns the square root of each colour's share of the pixels: float32 [B, F], rows of unit length."""
    level_B3HW = (pixels_B3HW * LEVELS).long().clamp(0, LEVELS - 1)
    colour_BHW = level_B3HW[:, 0] * LEVELS**2 + level_B3HW[:, 1] * LEVELS + level_B3HW[:, 2]
    return torch.nn.functional.one_hot(colour_BHW.flatten(1), LEVELS**3).float().mean(1).sqrt()
