"""Logits divided by a temperature, and the largest logit before that."""

from __future__ import annotations

from dataclasses import replace

import torch

from bioclip_x.records import Logits


def at_temperature(logits: Logits, temperature: float) -> Logits:
    """Logits divided by it, those of inner taxa as well."""
    inner_IB = logits.inner_IB
    divided = logits.map(lambda start, stop, logits_cB: logits_cB.div_(temperature))
    return replace(divided, inner_IB=None if inner_IB is None else inner_IB / temperature)


class Peaks:
    """The largest logit of each picture, seen in passing while something else goes through the classes.

    top_B: float32 [B], complete once it has.
    """

    def __init__(self, n_images: int) -> None:
        self.top_B = torch.full((n_images,), -torch.inf)

    def watched(self, logits: Logits) -> Logits:
        """The same logits."""
        return logits.map(self._seen)

    def _seen(self, start: int, stop: int, logits_cB: torch.Tensor) -> torch.Tensor:
        self.top_B = torch.maximum(self.top_B, logits_cB.amax(0).cpu())
        return logits_cB
