"""A gate: a model made for one kind of image refuses images of another kind, so as not to name them with confidence.

An image is described by low-level statistics of what the model is shown (contrast between neighbouring pixels and
curvature at three scales, and colour) and by its embedding before normalisation: how it is made, and what it holds. The
images that a model was made for are a Gaussian in these; the Mahalanobis distance to it is the measure (Lee et al.,
NeurIPS 2018, arXiv 1807.03888, use it on a network's features). It is fitted to that kind of image alone.

Legend: B images, D embedding, F statistics and embedding together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import avg_pool2d

from bioclip_x.plugin import ModelError

SCALES: Final = 3
_STEP_QUANTILES: Final = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
_CURVATURE_QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
_COLOUR_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
FLOOR: Final = 1e-3
"""Added before logarithms, and the least standard deviation: a quarter of one step of 8-bit colour."""


def compute_features(rgb_B3HW: torch.Tensor, embedding_BD: torch.Tensor) -> torch.Tensor:
    """float32 [B, F] of images (colours in [0, 1]) and their embeddings (not normalised)."""
    return torch.cat([compute_statistics(rgb_B3HW), embedding_BD], dim=1)


def compute_statistics(rgb_B3HW: torch.Tensor) -> torch.Tensor:
    """The low-level ones: float32, 63 numbers an image, of colours in [0, 1]."""
    return torch.cat([*(_contrast(_shrunk(rgb_B3HW, scale)) for scale in range(SCALES)), _colour(rgb_B3HW)], dim=1)


def _shrunk(rgb_B3HW: torch.Tensor, halvings: int) -> torch.Tensor:
    return avg_pool2d(rgb_B3HW, 2**halvings) if halvings else rgb_B3HW


def _contrast(rgb_B3HW: torch.Tensor) -> torch.Tensor:
    """Log quantiles of the steps between neighbours (largest channel), and of the Laplacian of the grey image."""
    across = (rgb_B3HW[..., 1:] - rgb_B3HW[..., :-1]).abs().amax(1).flatten(1)
    down = (rgb_B3HW[..., 1:, :] - rgb_B3HW[..., :-1, :]).abs().amax(1).flatten(1)
    grey = rgb_B3HW.mean(1)
    beside = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    curvature = (4 * grey[:, 1:-1, 1:-1] - beside).abs().flatten(1)
    steps = _quantiles(torch.cat([across, down], dim=1), _STEP_QUANTILES)
    return torch.log(torch.cat([steps, _quantiles(curvature, _CURVATURE_QUANTILES)], dim=1) + FLOOR)


def _colour(rgb_B3HW: torch.Tensor) -> torch.Tensor:
    """Quantiles of saturation, lightest and darkest channel; mean and deviation of each channel."""
    lightest, darkest = rgb_B3HW.amax(1).flatten(1), rgb_B3HW.amin(1).flatten(1)
    quantiles = [_quantiles(v, _COLOUR_QUANTILES) for v in (lightest - darkest, lightest, darkest)]
    return torch.cat([*quantiles, rgb_B3HW.mean((2, 3)), rgb_B3HW.std((2, 3))], dim=1)


def _quantiles(values_BX: torch.Tensor, at: tuple[float, ...]) -> torch.Tensor:
    return torch.quantile(values_BX, torch.tensor(at, dtype=values_BX.dtype), dim=1).T


@dataclass(frozen=True, slots=True)
class Gate:
    """mean_F, scale_F: float32 [F], of the images the model was made for. precision_FF: the inverse covariance of the
    standardised statistics. threshold: the largest distance that is let in. refusal: what a refused image is told."""

    mean_F: torch.Tensor
    scale_F: torch.Tensor
    precision_FF: torch.Tensor
    threshold: float
    refusal: str

    def distance(self, features_BF: torch.Tensor) -> torch.Tensor:
        """Mahalanobis distance of each image, by its `features`: float32 [B], 0 at the centre."""
        z_BF = (features_BF - self.mean_F) / self.scale_F
        return ((z_BF @ self.precision_FF) * z_BF).sum(1).clamp_min(0).sqrt()

    def refusals(self, distance_B: torch.Tensor) -> tuple[str, ...]:
        """ "" for an image that is let in, the refusal for one that is not."""
        return tuple(self.refusal if far else "" for far in (distance_B > self.threshold).tolist())

    def save(self, file: Path) -> None:
        tensors = {"mean": self.mean_F, "scale": self.scale_F, "precision": self.precision_FF}
        save_file({**tensors, "threshold": torch.tensor(self.threshold)}, file)

    @staticmethod
    def load(folder: Path, about: dict[str, Any]) -> Gate:
        """From the model card's `gate: {file: …, refusal: …}`. Raises ModelError where the file is missing or damaged."""
        try:
            tensors = load_file(folder / about["file"])
            return Gate(
                tensors["mean"], tensors["scale"], tensors["precision"], float(tensors["threshold"]), about["refusal"]
            )
        except Exception as problem:
            raise ModelError(f"the gate of the model in {folder} cannot be loaded: {problem}") from problem


def fit(features_BF: torch.Tensor, held_out_BF: torch.Tensor, refusal: str, quantile: float, slack: float) -> Gate:
    """A gate for images with such `features`.

    The threshold is the `quantile` of the distances of images held out of the fit, times `slack` (1 lets in just that
    share of them).
    """
    mean_F, scale_F = features_BF.mean(0), features_BF.std(0).clamp_min(FLOOR)
    z_BF = ((features_BF - mean_F) / scale_F).double()
    covariance_FF = torch.cov(z_BF.T) + FLOOR * torch.eye(z_BF.shape[1], dtype=torch.float64)
    gate = Gate(mean_F, scale_F, torch.linalg.inv(covariance_FF).float().contiguous(), 0.0, refusal)
    threshold = slack * float(torch.quantile(gate.distance(held_out_BF), quantile))
    return replace(gate, threshold=threshold)
