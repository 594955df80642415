"""Divides logits by a temperature, and records the largest logit before the division."""

from __future__ import annotations

import torch

from bioclip_x.records import Logits


def apply_temperature(logits: Logits, temperature: float) -> Logits:
    """Divides logits by a temperature."""
    return logits.map(lambda start, stop, logits_cB: logits_cB.div_(temperature))


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
