"""Divides logits by a temperature, records the largest logit before the division, and sums the classes' exponentials.

Legend: B images, c classes of a chunk.
"""

from __future__ import annotations

from typing import Final

import torch

from bioclip_x.records import Logits

NEGLIGIBLE: Final = -1e6
"""A class this far below the largest logit has probability 0 at any of these temperatures; replaces -inf, as 0 · inf is nan."""


def apply_temperature(logits: Logits, temperature: float) -> Logits:
    """Divides logits by a temperature."""
    return logits.map(lambda start, stop, logits_cB: logits_cB.div_(temperature))


def compute_moments(
    logits: Logits, top_B: torch.Tensor, beta: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Computes log Σ exp(β(z - top)), and mean and variance of z - top under softmax(β z), in one pass: float64 [B] each.

    top_B: float64 [B], the largest logit of each image.
    """
    sums_3B = torch.zeros(3, logits.n_images, dtype=torch.float64)
    for _, logits_cB in logits.chunks():
        below_cB = (logits_cB - top_B).clamp_min(NEGLIGIBLE)  # float64, since top_B is
        weight_cB = torch.exp(beta * below_cB)
        for power in range(3):
            sums_3B[power] += weight_cB.sum(0)
            weight_cB.mul_(below_cB)
    total_B, first_B, second_B = sums_3B
    mean_B = first_B / total_B
    return total_B.log(), mean_B, (second_B / total_B - mean_B**2).clamp_min(0)


class Peaks:
    """The largest logit of each image, recorded while the logits are computed for another purpose.

    top_B: float32 [B], complete once the logits of all classes have been computed.
    """

    def __init__(self, n_images: int) -> None:
        self.top_B = torch.full((n_images,), -torch.inf)

    def record(self, logits: Logits) -> Logits:
        """Returns the same logits; computing them updates `top_B`."""
        return logits.map(self._update)

    def _update(self, start: int, stop: int, logits_cB: torch.Tensor) -> torch.Tensor:
        self.top_B = torch.maximum(self.top_B, logits_cB.amax(0).cpu())
        return logits_cB
