"""Scale and shift (SSF: Lian et al. 2022, arXiv 2210.08823)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from bioclip_x.plugin import TrainableEncoder
from bioclip_x_plugins.adapters.layers import (
    Tower,
    close_attention,
    freeze,
    list_layers,
    open_attention,
    replace_layer,
)


class ScaleShift(nn.Module):
    """A layer whose output y becomes scale · y + shift, by feature; both are learned, from 1 and 0.

    base: a linear layer, a layer norm or a convolution. One without a bias gets no shift, which could not be folded into it.
    """

    def __init__(self, base: Any) -> None:
        super().__init__()
        self.base = base
        weight: torch.Tensor = base.weight
        self.features_last = not isinstance(base, nn.Conv2d)
        self.scale = nn.Parameter(torch.ones(weight.shape[0], device=weight.device, dtype=weight.dtype))
        self.shift = nn.Parameter(torch.zeros_like(self.scale)) if base.bias is not None else None

    @property
    def weight(self) -> torch.Tensor:
        """The base's weight, of which open_clip asks the type."""
        weight: torch.Tensor = self.base.weight
        return weight

    @property
    def bias(self) -> torch.Tensor | None:
        bias: torch.Tensor | None = self.base.bias
        return bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shape = (-1,) if self.features_last else (-1, 1, 1)
        y: torch.Tensor = self.base(x) * self.scale.reshape(shape)
        return y if self.shift is None else y + self.shift.reshape(shape)

    @torch.no_grad()
    def fold(self) -> nn.Module:
        """Returns the base with weight' = scale · weight (by rows) and bias' = scale · bias + shift."""
        base: nn.Module = self.base
        self.base.weight.mul_(self.scale.reshape(-1, *(1,) * (self.base.weight.ndim - 1)))
        if self.shift is not None:
            self.base.bias.mul_(self.scale).add_(self.shift)
        return base


class Ssf:
    """Scales and shifts the output of every linear layer, layer norm and convolution; folded into their weights at the end.

    towers: those adapted.
    """

    def __init__(self, *, towers: Sequence[Tower] = ("image", "text")) -> None:
        self.towers = tuple(towers)

    def apply(self, encoder: TrainableEncoder) -> None:
        module = encoder.module
        freeze(module)
        open_attention(module)
        for name, layer in list(list_layers(module, (nn.Linear, nn.LayerNorm, nn.Conv2d), self.towers)):
            if getattr(layer, "weight", None) is not None:
                replace_layer(module, name, ScaleShift(layer))

    def merge(self, encoder: TrainableEncoder) -> None:
        module = encoder.module
        for name, layer in list(module.named_modules()):
            if isinstance(layer, ScaleShift):
                replace_layer(module, name, layer.fold())
        close_attention(module)
