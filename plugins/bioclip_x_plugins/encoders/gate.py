"""A gate refuses images of another kind than those that a model was trained for, which it would name with confidence.

The features of an image are low-level statistics of the model's input (contrast between neighbouring pixels and curvature at
three scales, and colour), which describe its style, and its embedding before normalisation, which describes its content. The
gate fits a Gaussian to the features of in-domain images alone, and thresholds the Mahalanobis distance to it (Lee et al.,
NeurIPS 2018, arXiv 1807.03888, use it on a network's features).

Legend: B images, D embedding, F features: statistics and embedding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save_file
from torch.nn.functional import avg_pool2d

from bioclip_x.plugin import ModelError, read_tensors, resolve_inside

SCALES: Final = 3
_STEP_QUANTILES: Final = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
_CURVATURE_QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
_COLOUR_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
STATISTICS: Final = 63
"""Number of low-level statistics."""
FLOOR: Final = 1e-3
"""Added before logarithms, and the minimum standard deviation: a quarter of one step of 8-bit colour."""


def compute_features(rgb_B3HW: torch.Tensor, embedding_BD: torch.Tensor) -> torch.Tensor:
    """Computes the features of images (colours in [0, 1]) with embeddings (not normalised): float32 [B, F]."""
    return torch.cat([compute_statistics(rgb_B3HW), embedding_BD], dim=1)


def compute_statistics(rgb_B3HW: torch.Tensor) -> torch.Tensor:
    """Computes the low-level statistics of images with colours in [0, 1]: float32 [B, 63]."""
    return torch.cat(
        [*(_compute_contrast(_shrink(rgb_B3HW, scale)) for scale in range(SCALES)), _compute_colour(rgb_B3HW)], dim=1
    )


def _shrink(rgb_B3HW: torch.Tensor, halvings: int) -> torch.Tensor:
    return avg_pool2d(rgb_B3HW, 2**halvings) if halvings else rgb_B3HW


def _compute_contrast(rgb_B3HW: torch.Tensor) -> torch.Tensor:
    """Computes log quantiles of the steps between neighbours (largest channel) and of the Laplacian of the grey image."""
    across = (rgb_B3HW[..., 1:] - rgb_B3HW[..., :-1]).abs().amax(1).flatten(1)
    down = (rgb_B3HW[..., 1:, :] - rgb_B3HW[..., :-1, :]).abs().amax(1).flatten(1)
    grey = rgb_B3HW.mean(1)
    neighbours = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    curvature = (4 * grey[:, 1:-1, 1:-1] - neighbours).abs().flatten(1)
    steps = _compute_quantiles(torch.cat([across, down], dim=1), _STEP_QUANTILES)
    return torch.log(torch.cat([steps, _compute_quantiles(curvature, _CURVATURE_QUANTILES)], dim=1) + FLOOR)


def _compute_colour(rgb_B3HW: torch.Tensor) -> torch.Tensor:
    """Computes quantiles of saturation, lightest and darkest channel; mean and deviation of each channel."""
    lightest, darkest = rgb_B3HW.amax(1).flatten(1), rgb_B3HW.amin(1).flatten(1)
    quantiles = [_compute_quantiles(v, _COLOUR_QUANTILES) for v in (lightest - darkest, lightest, darkest)]
    return torch.cat([*quantiles, rgb_B3HW.mean((2, 3)), rgb_B3HW.std((2, 3))], dim=1)


def _compute_quantiles(values_BX: torch.Tensor, at: tuple[float, ...]) -> torch.Tensor:
    return torch.quantile(values_BX, torch.tensor(at, dtype=values_BX.dtype), dim=1).T


@dataclass(frozen=True, slots=True)
class Gate:
    """A Gaussian of in-domain features with a threshold.

    mean_F, scale_F: float32 [F], of in-domain images. precision_FF: the inverse covariance of the standardised features.
    threshold: the largest accepted distance. refusal: the reason reported for a refused image.
    """

    mean_F: torch.Tensor
    scale_F: torch.Tensor
    precision_FF: torch.Tensor
    threshold: float
    refusal: str

    def compute_distance(self, features_BF: torch.Tensor) -> torch.Tensor:
        """Computes the Mahalanobis distance of each image: float32 [B], 0 at the centre."""
        z_BF = (features_BF - self.mean_F) / self.scale_F
        return ((z_BF @ self.precision_FF) * z_BF).sum(1).clamp_min(0).sqrt()

    def find_refusals(self, distance_B: torch.Tensor) -> tuple[str, ...]:
        """Returns for each image "" or, if it is refused, the refusal."""
        return tuple(self.refusal if far else "" for far in (distance_B > self.threshold).tolist())

    def save(self, file: Path) -> None:
        tensors = {"mean": self.mean_F, "scale": self.scale_F, "precision": self.precision_FF}
        save_file({**tensors, "threshold": torch.tensor(self.threshold)}, file)

    @staticmethod
    def load(folder: Path, about: dict[str, Any], dim: int) -> Gate:
        """Loads the model card's `gate: {file: …, refusal: …}`. Raises ModelError for a missing or damaged file.

        dim: D, of the model's embeddings.
        """
        where = f"the gate of the model in {folder}"
        file = resolve_inside(folder, about["file"], ModelError, where)
        tensors = read_tensors(file, ModelError)
        n = STATISTICS + dim
        for name, shape in {"mean": (n,), "scale": (n,), "precision": (n, n), "threshold": ()}.items():
            found = tensors.get(name)
            if found is None or not found.is_floating_point() or found.shape != shape or not found.isfinite().all():
                got = "nothing" if found is None else f"{found.dtype} {list(found.shape)}"
                raise ModelError(
                    f"{where}: {file}: {name}: expected finite floating-point numbers {list(shape)}, got {got}"
                )
        mean_F, scale_F, precision_FF = (tensors[name].float() for name in ("mean", "scale", "precision"))
        if not bool((scale_F > 0).all()):
            raise ModelError(f"{where}: {file}: scale: expected deviations above 0")
        return Gate(mean_F, scale_F, precision_FF, float(tensors["threshold"]), about["refusal"])


def fit(features_BF: torch.Tensor, held_out_BF: torch.Tensor, refusal: str, quantile: float, slack: float) -> Gate:
    """Fits a gate to the features of in-domain images.

    The threshold is the `quantile` of the distances of held-out images, times `slack` (1 accepts exactly that fraction of
    them).
    """
    mean_F, scale_F = features_BF.mean(0), features_BF.std(0).clamp_min(FLOOR)
    z_BF = ((features_BF - mean_F) / scale_F).double()
    covariance_FF = torch.cov(z_BF.T) + FLOOR * torch.eye(z_BF.shape[1], dtype=torch.float64)
    gate = Gate(mean_F, scale_F, torch.linalg.inv(covariance_FF).float().contiguous(), 0.0, refusal)
    threshold = slack * float(torch.quantile(gate.compute_distance(held_out_BF), quantile))
    return replace(gate, threshold=threshold)
