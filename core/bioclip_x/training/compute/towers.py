"""The two towers as one module: the single call that DDP, FSDP2 and torch.compile wrap.

Legend: B images, T texts, L tokens, D embedding.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import nn

from bioclip_x.hooks.components import TrainableEncoder


class Embedded(NamedTuple):
    """What the towers return. Named tuples pass through DDP and torch.compile.

    image_BD, text_TD: float32 (float64 for a float64 model), not normalised; None where no images or texts were given.
    scale: the logit scale, exponentiated. bias: None for models without one. Gradients flow to all four.
    """

    image_BD: torch.Tensor | None
    text_TD: torch.Tensor | None
    scale: torch.Tensor
    bias: torch.Tensor | None


class Towers(nn.Module):
    """Embeds images and texts.

    locked: the towers ("image", "text") that are not trained: run without gradient, and in evaluation mode.
    """

    def __init__(self, encoder: TrainableEncoder, locked: Collection[str] = ()) -> None:
        super().__init__()
        self.module = encoder.module
        self._encoder = encoder
        self.locked = frozenset(locked)

    def forward(self, pixels_B3HW: torch.Tensor | None, tokens_TL: torch.Tensor | None) -> Embedded:
        image_BD = text_TD = None
        if pixels_B3HW is not None:
            with self._open("image"):
                image_BD = _widen(self._encoder.forward_image(pixels_B3HW))
        if tokens_TL is not None:
            with self._open("text"):
                text_TD = _widen(self._encoder.forward_text(tokens_TL))
        return Embedded(image_BD, text_TD, self._encoder.logit_scale, self._encoder.logit_bias)

    def _open(self, tower: str) -> AbstractContextManager[None]:
        return torch.no_grad() if tower in self.locked else nullcontext()


def _widen(x: torch.Tensor) -> torch.Tensor:
    """Converts half precision to float32: normalisation and losses need it."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
